"""What the clients' scripts share: where the gateway is, what is checked, how cases are run."""

import concurrent.futures
import json
import os
import sys
import time

PROMPT = os.environ.get("INFERGRID_PROMPT", "What is the capital of France?")
KEY = os.environ.get("OPENAI_API_KEY", "")
BASE_URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("OPENAI_BASE_URL", "")
FULL_URL = os.environ.get("INFERGRID_FULL_URL", "")


class Failure(Exception):
    """The gateway did something else than the API says."""


def check(condition, message):
    if not condition:
        raise Failure(message)


def expect(error_type, call):
    """The error of `call`, which must be an `error_type`."""
    try:
        call()
    except error_type as error:
        return error
    except Exception as error:
        raise Failure(f"{type(error).__name__} instead of {error_type.__name__}: {error}") from error
    raise Failure(f"no error, where {error_type.__name__} was expected")


def check_retried(error_type, ask):
    """`ask(retries)` of a gateway without a place fails, and waits before it asks again."""
    at_once = expect(error_type, lambda: ask(0))
    wait = int(at_once.response.headers["retry-after"])
    began = time.monotonic()
    expect(error_type, lambda: ask(1))
    waited = time.monotonic() - began
    check(wait <= waited < wait + 20, f"asked again after {waited:.1f} s instead of {wait} s")
    return {"retry_after": wait, "waited_s": round(waited, 1)}


def run(client, model, cases):
    """Runs the functions in `cases`, which take no arguments, and prints what they found as JSON."""

    def one(case):
        began = time.monotonic()
        try:
            result = {"ok": True, **case()}
        except Exception as error:
            result = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        return {**result, "elapsed_ms": round((time.monotonic() - began) * 1000)}

    # An answer takes some blocks, mostly of waiting.
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        results = dict(zip(cases, pool.map(one, cases.values())))
    ok = all(result["ok"] for result in results.values())
    summary = {"client": client, "model": model, "ok": ok, "cases": results}
    print(json.dumps(summary, indent=2, ensure_ascii=False))
    sys.exit(0 if ok else 1)


if not BASE_URL:
    sys.exit("give the gateway's address, for instance http://127.0.0.1:8080/v1")
