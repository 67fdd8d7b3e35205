"""A worker whose step is tried again and again: retrying.py STORE."""

from __future__ import annotations

import sys

from dalsegno import App, Retry, step, workflow


@step(retry=Retry(attempts=None, first="10ms", max="20ms"))
def call() -> str:
    print("tried", flush=True)
    raise ConnectionError("nobody answers")


@workflow
def stubborn() -> str:
    return call()


if __name__ == "__main__":
    with App("retrying", store=sys.argv[1]) as client:
        client.start(stubborn, id="r").result()
