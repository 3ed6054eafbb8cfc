#!/usr/bin/env python3
"""Drives a gateway with the unmodified LiteLLM and prints what it found as JSON.

usage: litellm_client.py [BASE_URL]

Takes what client.py takes. INFERGRID_FULL_URL is another gateway with /v1, one that has no place for
an order: where it is given, retries and fallbacks are tried, too.
"""

import asyncio
import importlib.metadata
import os

# Prices of other services, which it would fetch when it is imported.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm
import openai

from cases import BASE_URL, FULL_URL, KEY, PROMPT, check, check_retried, expect, run

litellm.suppress_debug_info = True
SERVER = openai.OpenAI(base_url=BASE_URL, api_key=KEY or "none", max_retries=0)
MODEL = os.environ.get("INFERGRID_MODEL") or next(iter(SERVER.models.list())).id
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def arguments(**more):
    return {
        "model": f"openai/{MODEL}",
        "api_base": BASE_URL,
        "api_key": KEY or "none",
        "messages": [{"role": "user", "content": PROMPT}],
        "temperature": 0,
        "max_tokens": 64,
        "max_retries": 0,
        "timeout": 180,
        **more,
    }


def ask(**more):
    return litellm.completion(**arguments(**more))


def check_usage(usage):
    check(usage.prompt_tokens > 0 and usage.completion_tokens > 0, f"usage {usage}")
    total = usage.prompt_tokens + usage.completion_tokens
    check(usage.total_tokens == total, "total_tokens is not the sum")
    return {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens}


def check_answer(answer):
    choice = answer.choices[0]
    check(choice.message.content, "no text")
    check(choice.finish_reason in ("stop", "length"), f"finish_reason {choice.finish_reason}")
    return {"text": choice.message.content, "usage": check_usage(answer.usage)}


def completion():
    answer = ask(seed=1, user="somebody", top_p=0.9)
    header = answer._hidden_params["additional_headers"]["llm_provider-x-infergrid-receipt"]
    check(answer.infergrid["receipt_id"] == header, "the receipt is not that of the header")
    return {**check_answer(answer), "receipt_id": header}


def stream():
    chunks = list(ask(stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    answer = litellm.stream_chunk_builder(chunks)
    check(answer.choices[0].message.content == text, "the chunks are not put together")
    [usage] = [chunk.usage for chunk in chunks if getattr(chunk, "usage", None)]
    check(usage.total_tokens == answer.usage.total_tokens, "not the usage that was sent")
    return check_answer(answer)


def asynchronous():
    """Whole and streamed at the same time: the same text."""

    async def whole():
        answer = await litellm.acompletion(**arguments())
        return answer.choices[0].message.content

    async def streamed():
        stream = await litellm.acompletion(**arguments(stream=True))
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def both():
        return await asyncio.gather(whole(), streamed())

    text, pieces = asyncio.run(both())
    check(text and text == pieces, f"{text!r} whole and {pieces!r} streamed")
    return {"text": text}


def continue_text(prompt):
    return litellm.text_completion(
        model=f"text-completion-openai/{MODEL}",
        api_base=BASE_URL,
        api_key=KEY or "none",
        prompt=prompt,
        max_tokens=8,
        temperature=0,
        max_retries=0,
    )


def text_completion():
    answer = continue_text(PROMPT)
    check(answer.object == "text_completion", f"object {answer.object}")
    check(answer.usage.completion_tokens <= 8, "more tokens than allowed")
    return {"text": answer.choices[0].text, "usage": check_usage(answer.usage)}


def text_completions():
    answer = continue_text([PROMPT, "What is Infergrid?"])
    indices = [choice.index for choice in answer.choices]
    check(indices == [0, 1], f"choices {indices}")
    return {"texts": [choice.text for choice in answer.choices], "usage": check_usage(answer.usage)}


def max_tokens():
    answer = ask(max_tokens=3)
    check(answer.usage.completion_tokens == 3, f"{answer.usage.completion_tokens} tokens")
    check(answer.choices[0].finish_reason == "length", answer.choices[0].finish_reason)
    return {"text": answer.choices[0].message.content}


def stop():
    text = ask().choices[0].message.content
    end = text[len(text) // 2 :][:4]
    answer = ask(stop=[end, "\n\n\n"])
    check(answer.choices[0].message.content == text.split(end)[0], "it goes on beyond the stop string")
    check(answer.choices[0].finish_reason == "stop", answer.choices[0].finish_reason)
    return {"stop": end, "text": answer.choices[0].message.content}


def refused(error_type, status, words, **more):
    error = expect(error_type, lambda: ask(**more))
    check(error.status_code == status, f"status {error.status_code}, not {status}")
    check(words in str(error), f"no `{words}` in: {error}")
    return {"status": status}


def too_long():
    return refused(litellm.ContextWindowExceededError, 400, "", max_tokens=100_000_000)


def too_long_prompt():
    messages = [{"role": "user", "content": PROMPT * 10_000}]
    return refused(litellm.ContextWindowExceededError, 400, "", messages=messages)


def unknown_model():
    return refused(litellm.NotFoundError, 404, "no-such-model", model="openai/no-such-model")


def bad_value():
    return refused(litellm.BadRequestError, 400, "temperature", temperature=9)


def tools():
    return refused(litellm.BadRequestError, 400, "tools", tools=[TOOL])


def tools_stream():
    return refused(litellm.BadRequestError, 400, "tools", tools=[TOOL], stream=True)


def response_format():
    wanted = {"type": "json_object"}
    return refused(litellm.BadRequestError, 400, "response_format", response_format=wanted)


def bad_key():
    return refused(litellm.AuthenticationError, 401, "API key", api_key="not-the-key")


def retry():
    return check_retried(
        litellm.ServiceUnavailableError,
        lambda retries: ask(api_base=FULL_URL, max_retries=retries),
    )


def fallback():
    """LiteLLM's router goes on to the next gateway."""
    named = [("full", FULL_URL), ("other", BASE_URL)]
    router = litellm.Router(
        model_list=[
            {"model_name": name, "litellm_params": {"model": f"openai/{MODEL}", "api_base": url, "api_key": KEY or "none"}}
            for name, url in named
        ],
        fallbacks=[{"full": ["other"]}],
        num_retries=0,
    )
    more = arguments()
    for given in ("model", "api_base", "api_key"):
        del more[given]
    return check_answer(router.completion(model="full", **more))


CASES = [
    completion,
    stream,
    asynchronous,
    text_completion,
    text_completions,
    max_tokens,
    stop,
    too_long,
    too_long_prompt,
    unknown_model,
    bad_value,
    tools,
    tools_stream,
    response_format,
]

if __name__ == "__main__":
    version = importlib.metadata.version
    cases = [retry, fallback] * bool(FULL_URL) + CASES + [bad_key] * bool(KEY)
    client = f"litellm {version('litellm')}"
    run(client, MODEL, {case.__name__: case for case in cases})
