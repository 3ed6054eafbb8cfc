#!/usr/bin/env python3
"""Drives a gateway with the unmodified LangChain and prints what it found as JSON.

usage: langchain_client.py [BASE_URL]

Takes what client.py takes. INFERGRID_FULL_URL is another gateway with /v1, one that has no place for
an order: where it is given, retries and fallbacks are tried, too.
"""

import asyncio
import functools
import importlib.metadata
import operator
import os

import openai
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI, OpenAI

from cases import BASE_URL, FULL_URL, KEY, PROMPT, check, check_retried, expect, run

SERVER = openai.OpenAI(base_url=BASE_URL, api_key=KEY or "none", max_retries=0)
MODEL = os.environ.get("INFERGRID_MODEL") or next(iter(SERVER.models.list())).id


def settings(**more):
    return {
        "model": MODEL,
        "base_url": BASE_URL,
        "api_key": KEY or "none",
        "temperature": 0,
        "max_tokens": 64,
        "max_retries": 0,
        "timeout": 180,
        **more,
    }


def chat(**more):
    return ChatOpenAI(**settings(**more))


def check_message(message):
    check(message.text, "no text")
    finish = message.response_metadata["finish_reason"]
    check(finish in ("stop", "length"), f"finish_reason {finish}")
    usage = message.usage_metadata
    check(usage and usage["input_tokens"] > 0 and usage["output_tokens"] > 0, f"usage {usage}")
    total = usage["input_tokens"] + usage["output_tokens"]
    check(usage["total_tokens"] == total, "total_tokens is not the sum")
    return {"text": message.text, "usage": {"input": usage["input_tokens"], "output": usage["output_tokens"]}}


def invoke():
    with get_usage_metadata_callback() as counted:
        message = chat(seed=1, top_p=0.9).invoke(PROMPT)
    check(counted.usage_metadata[MODEL]["total_tokens"] > 0, "the callback has no usage")
    return check_message(message)


def stream():
    chunks = list(chat(stream_usage=True).stream(PROMPT))
    check(len(chunks) > 2, "not token by token")
    return check_message(functools.reduce(operator.add, chunks))


def asynchronous():
    """Whole and streamed at the same time: the same text."""

    async def streamed():
        return "".join([chunk.text async for chunk in chat().astream(PROMPT)])

    async def both():
        return await asyncio.gather(chat().ainvoke(PROMPT), streamed())

    whole, pieces = asyncio.run(both())
    check(whole.text == pieces, f"{whole.text!r} whole and {pieces!r} streamed")
    return check_message(whole)


def batch():
    answers = chat().batch([PROMPT, "What is Infergrid?"])
    return {"answers": [check_message(answer) for answer in answers]}


def chain():
    """A template, the model and a parser, whole and streamed."""
    template = ChatPromptTemplate([("system", "You are a helpful assistant."), ("human", "{question}")])
    chain = template | chat() | StrOutputParser()
    text = chain.invoke({"question": PROMPT})
    pieces = list(chain.stream({"question": PROMPT}))
    check(text and text == "".join(pieces), f"{text!r} whole and {pieces} streamed")
    return {"text": text}


def conversation():
    """An answer is sent back as it came, and content as parts."""
    began = [SystemMessage("You are a helpful assistant."), HumanMessage(PROMPT)]
    again = HumanMessage([{"type": "text", "text": "What is Infergrid?"}])
    return check_message(chat().invoke([*began, chat().invoke(began), again]))


def completion():
    text = OpenAI(**settings(max_tokens=8)).invoke(PROMPT)
    pieces = "".join(OpenAI(**settings(max_tokens=8)).stream(PROMPT))
    check(text == pieces, f"{text!r} whole and {pieces!r} streamed")
    return {"text": text}


def completions():
    """A batch is one request with several prompts."""
    model = OpenAI(**settings(max_tokens=8))
    texts = model.batch([PROMPT, "What is Infergrid?"])
    check(texts[0] == model.invoke(PROMPT), f"{texts[0]!r} is another prompt's")
    return {"texts": texts}


def max_tokens():
    message = chat(max_tokens=3).invoke(PROMPT)
    check(message.usage_metadata["output_tokens"] == 3, f"{message.usage_metadata}")
    check(message.response_metadata["finish_reason"] == "length", f"{message.response_metadata}")
    return {"text": message.text}


def stop():
    text = chat().invoke(PROMPT).text
    end = text[len(text) // 2 :][:4]
    message = chat().bind(stop=[end]).invoke(PROMPT)
    check(message.text == text.split(end)[0], "it goes on beyond the stop string")
    check(message.response_metadata["finish_reason"] == "stop", f"{message.response_metadata}")
    return {"stop": end, "text": message.text}


def refused(error_type, status, code, call):
    error = expect(error_type, call)
    check(error.status_code == status, f"status {error.status_code}, not {status}")
    check(error.code == code, f"code {error.code}, not {code}")
    return {"status": status, "code": code}


def too_long():
    call = lambda: chat(max_tokens=100_000_000).invoke(PROMPT)
    return refused(ContextOverflowError, 400, "context_length_exceeded", call)


def too_long_prompt():
    call = lambda: list(chat().stream(PROMPT * 10_000))
    return refused(ContextOverflowError, 400, "context_length_exceeded", call)


def unknown_model():
    call = lambda: chat(model="no-such-model").invoke(PROMPT)
    return refused(openai.NotFoundError, 404, "model_not_found", call)


def tools():
    def add(a: int, b: int) -> int:
        """Adds two numbers."""
        return a + b

    call = lambda: chat().bind_tools([add]).invoke(PROMPT)
    return refused(openai.BadRequestError, 400, "unsupported_parameter", call)


def structured():
    schema = {"title": "City", "description": "A city.", "type": "object", "properties": {"name": {"type": "string"}}}
    call = lambda: chat().with_structured_output(schema).invoke(PROMPT)
    return refused(openai.BadRequestError, 400, "unsupported_parameter", call)


def bad_key():
    call = lambda: chat(api_key="not-the-key").invoke(PROMPT)
    return refused(openai.AuthenticationError, 401, "invalid_api_key", call)


def retry():
    return check_retried(
        openai.InternalServerError,
        lambda retries: chat(base_url=FULL_URL, max_retries=retries).invoke(PROMPT),
    )


def fallback():
    """LangChain goes on to the next gateway."""
    return check_message(chat(base_url=FULL_URL).with_fallbacks([chat()]).invoke(PROMPT))


CASES = [
    invoke,
    stream,
    asynchronous,
    batch,
    chain,
    conversation,
    completion,
    completions,
    max_tokens,
    stop,
    too_long,
    too_long_prompt,
    unknown_model,
    tools,
    structured,
]

if __name__ == "__main__":
    version = importlib.metadata.version
    cases = [retry, fallback] * bool(FULL_URL) + CASES + [bad_key] * bool(KEY)
    client = f"langchain-openai {version('langchain-openai')}, langchain-core {version('langchain-core')}"
    run(client, MODEL, {case.__name__: case for case in cases})
