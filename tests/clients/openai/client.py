#!/usr/bin/env python3
"""Drives a gateway with the unmodified OpenAI SDK and prints what it found as JSON.

usage: client.py [BASE_URL]

BASE_URL (or OPENAI_BASE_URL) is the gateway's address with /v1, OPENAI_API_KEY its key if it asks
for one, INFERGRID_MODEL the model (default: the first one listed), INFERGRID_PROMPT the question.
Exits 1 if anything is not as the OpenAI API has it.
"""

import functools
import os
import time

import openai
from openai import OpenAI

from cases import BASE_URL, KEY, PROMPT, check, expect, run


def check_usage(usage):
    check(usage is not None, "no usage")
    check(usage.prompt_tokens > 0, "no prompt tokens")
    check(usage.completion_tokens > 0, "no completion tokens")
    total = usage.prompt_tokens + usage.completion_tokens
    check(usage.total_tokens == total, "total_tokens is not the sum")
    return usage.model_dump(include={"prompt_tokens", "completion_tokens", "total_tokens"})


def check_receipt(client, answer, header):
    """The extension field names the receipt, and the gateway knows it."""
    extension = (answer.model_extra or {}).get("infergrid")
    check(isinstance(extension, dict), "no infergrid field")
    return check_extension(client, extension, header)


def check_extension(client, extension, header):
    receipt = extension.get("receipt_id")
    check(receipt and receipt == header, f"receipt {receipt} is not that of the header {header}")
    for field in ("task", "miner", "request_id", "status"):
        check(field in extension, f"the infergrid field has no {field}")
    known = client.get(f"/receipts/{receipt}", cast_to=object)
    check(known["receipt_id"] == receipt, "the receipt is another one")
    return {"receipt_id": receipt, "task": extension["task"], "status": known["status"]}


def messages(text=PROMPT):
    return [{"role": "user", "content": text}]


def list_models(client, _):
    models = [model.id for model in client.models.list()]
    check(models, "no models")
    return {"models": models}


def retrieve_model(client, model):
    check(client.models.retrieve(model).id == model, "another model")
    return {}


def chat(client, model):
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=messages(), temperature=0, max_tokens=64
    )
    answer = raw.parse()
    check(answer.object == "chat.completion", f"object {answer.object}")
    check(answer.id.startswith("chatcmpl-"), f"id {answer.id}")
    check(len(answer.choices) == 1, "not one choice")
    choice = answer.choices[0]
    check(choice.message.role == "assistant", f"role {choice.message.role}")
    check(choice.message.content, "no text")
    check(choice.finish_reason in ("stop", "length"), f"finish_reason {choice.finish_reason}")
    return {
        "text": choice.message.content,
        "finish_reason": choice.finish_reason,
        "usage": check_usage(answer.usage),
        **check_receipt(client, answer, raw.headers.get("x-infergrid-receipt")),
    }


def chat_parts(client, model):
    """System message, content as parts, and the newer name of the limit."""
    answer = client.chat.completions.create(
        model=model,
        messages=[
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": [{"type": "text", "text": PROMPT}]},
        ],
        max_completion_tokens=4,
        temperature=0.5,
        top_p=0.9,
        frequency_penalty=0.1,
        presence_penalty=0.1,
        seed=1,
        user="somebody",
        extra_body={"top_k": 40},
    )
    check(answer.usage.completion_tokens <= 4, "more tokens than allowed")
    check(answer.choices[0].finish_reason in ("stop", "length"), "finish_reason")
    return {"finish_reason": answer.choices[0].finish_reason}


def chat_stream(client, model):
    began = time.monotonic()
    first = None
    text, finish, usage, last = "", None, None, None
    with client.chat.completions.create(
        model=model,
        messages=messages(),
        temperature=0,
        max_tokens=64,
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        header = stream.response.headers.get("x-infergrid-receipt")
        for chunk in stream:
            check(chunk.object == "chat.completion.chunk", f"object {chunk.object}")
            check(usage is None, "a chunk after the usage")
            if chunk.choices:
                choice = chunk.choices[0]
                check(finish is None, "a choice after the finish")
                if choice.delta.content:
                    first = first or time.monotonic()
                    text += choice.delta.content
                finish = choice.finish_reason
            usage = chunk.usage
            last = chunk
    check(text, "no text")
    check(finish in ("stop", "length"), f"finish_reason {finish}")
    return {
        "text": text,
        "finish_reason": finish,
        "usage": check_usage(usage),
        "first_token_ms": round((first - began) * 1000),
        "total_ms": round((time.monotonic() - began) * 1000),
        **check_receipt(client, last, header),
    }


def stream_helper(client, model):
    """The SDK's own accumulation of a stream."""
    with client.chat.completions.stream(
        model=model, messages=messages(), temperature=0, max_tokens=64
    ) as stream:
        answer = stream.get_final_completion()
    check(answer.choices[0].message.content, "no text")
    return {"text": answer.choices[0].message.content}


def completion(client, model):
    answer = client.completions.create(model=model, prompt=PROMPT, max_tokens=8, temperature=0)
    check(answer.object == "text_completion", f"object {answer.object}")
    check(answer.usage.completion_tokens <= 8, "more tokens than allowed")
    return {"text": answer.choices[0].text, "usage": check_usage(answer.usage)}


def completion_stream(client, model):
    chunks = list(
        client.completions.create(
            model=model, prompt=PROMPT, max_tokens=8, temperature=0, stream=True
        )
    )
    finish = chunks[-1].choices[0].finish_reason
    check(finish in ("stop", "length"), f"finish_reason {finish}")
    return {"text": "".join(chunk.choices[0].text for chunk in chunks)}


def completions(client, model):
    """Several prompts, whole and streamed: a choice for each, with the text that it has alone."""
    prompts = [PROMPT, "What is Infergrid?", PROMPT.upper()]
    settings = {"model": model, "max_tokens": 8, "temperature": 0}
    alone = client.completions.create(prompt=prompts[1], **settings)
    raw = client.completions.with_raw_response.create(prompt=prompts, **settings)
    answer = raw.parse()
    indices = [choice.index for choice in answer.choices]
    check(indices == [0, 1, 2], f"choices {indices}")
    texts = [choice.text for choice in answer.choices]
    check(texts[1] == alone.choices[0].text, f"{texts[1]!r} instead of {alone.choices[0].text!r}")
    extensions = answer.model_extra["infergrid"]["choices"]
    headers = raw.headers["x-infergrid-receipt"].split(", ")
    check(len(extensions) == len(headers) == 3, f"receipts {headers}")
    receipts = [check_extension(client, *pair) for pair in zip(extensions, headers)]
    check(extensions[1]["n_prompt"] == alone.usage.prompt_tokens, "the receipt of another prompt")
    for field, count in (("n_prompt", "prompt_tokens"), ("n_out", "completion_tokens")):
        total = sum(extension[field] for extension in extensions)
        check(getattr(answer.usage, count) == total, f"{count} is not the sum")

    streamed, finishes, usage = ["", "", ""], [None] * 3, None
    options = {"stream": True, "stream_options": {"include_usage": True}}
    for chunk in client.completions.create(prompt=prompts, **settings, **options):
        for choice in chunk.choices:
            check(finishes[choice.index] is None, "a choice after its finish")
            streamed[choice.index] += choice.text
            finishes[choice.index] = choice.finish_reason
        usage = chunk.usage
    check(streamed == texts, f"{texts} whole and {streamed} streamed")
    check(all(finish in ("stop", "length") for finish in finishes), f"finish_reasons {finishes}")
    check(usage == answer.usage, f"usage {usage}")
    return {"texts": texts, "usage": check_usage(answer.usage), "receipts": receipts}


def refused(error_type, status, code, param, call):
    """Checks that `call` raises the SDK's own error with the gateway's fields."""
    error = expect(error_type, call)
    check(error.status_code == status, f"status {error.status_code}, not {status}")
    check(error.code == code, f"code {error.code}, not {code}")
    check(error.param == param, f"param {error.param}, not {param}")
    check(error.body["message"], "no message")
    return {"status": status, "code": code}


def unknown_model(client, _):
    call = lambda: client.chat.completions.create(model="no-such-model", messages=messages())
    return refused(openai.NotFoundError, 404, "model_not_found", "model", call)


def unknown_model_stream(client, _):
    call = lambda: client.chat.completions.create(
        model="no-such-model", messages=messages(), stream=True
    )
    return refused(openai.NotFoundError, 404, "model_not_found", "model", call)


def bad_value(client, model):
    call = lambda: client.chat.completions.create(model=model, messages=messages(), temperature=9)
    return refused(openai.BadRequestError, 400, "invalid_value", "temperature", call)


def unsupported_parameter(client, model):
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    call = lambda: client.chat.completions.create(model=model, messages=messages(), tools=tools)
    return refused(openai.BadRequestError, 400, "unsupported_parameter", "tools", call)


def too_long(client, model):
    call = lambda: client.chat.completions.create(
        model=model, messages=messages(), max_tokens=100_000_000
    )
    return refused(openai.BadRequestError, 400, "context_length_exceeded", "messages", call)


def too_many_prompts(client, model):
    call = lambda: client.completions.create(model=model, prompt=[PROMPT] * 33)
    return refused(openai.BadRequestError, 400, "invalid_value", "prompt", call)


def bad_key(client, _):
    stranger = client.with_options(api_key="not-the-key")
    return refused(openai.AuthenticationError, 401, "invalid_api_key", None, stranger.models.list)


CASES = [
    list_models,
    retrieve_model,
    chat,
    chat_parts,
    chat_stream,
    stream_helper,
    completion,
    completion_stream,
    completions,
    unknown_model,
    unknown_model_stream,
    bad_value,
    unsupported_parameter,
    too_long,
    too_many_prompts,
]


def main():
    # Without retries: a test wants to see the first answer.
    client = OpenAI(base_url=BASE_URL, api_key=KEY or "none", max_retries=0, timeout=180)
    model = os.environ.get("INFERGRID_MODEL") or next(iter(client.models.list())).id
    cases = CASES + [bad_key] * bool(KEY)
    bound = {case.__name__: functools.partial(case, client, model) for case in cases}
    run(f"openai-python {openai.__version__}", model, bound)


if __name__ == "__main__":
    main()
