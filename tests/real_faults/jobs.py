"""A worker process for the tests: ``python jobs.py STORE LEDGER [LEASE]`` works until it is killed.

Its steps write to a ledger file, outside the engine: one line for each execution of a step.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from dalsegno import App, receive, step, step_info, workflow


def note(action: str, job: int) -> None:
    """Append one line in one write, so that no two processes' lines mix."""
    info = step_info()
    line = {
        "run": info.run_id,
        "step": info.step,
        "key": info.idempotency_key,
        "action": action,
        "pid": os.getpid(),
    }
    with open(os.environ["LEDGER"], "ab", buffering=0) as ledger:
        ledger.write(json.dumps({**line, "job": job}).encode() + b"\n")


@step
async def first(job: int) -> int:
    note("first", job)
    return job + 1


@step
def second(job: int) -> int:
    note("second", job)
    return job * 2


@step
async def third(job: int, word: str) -> str:
    note("third", job)
    return f"{job}-{word}"


@workflow
async def job(number: int) -> list[int | str]:
    begun = await asyncio.gather(first(number), second.start(number))
    word = await receive(str, name="go")
    return [*begun, await third(number, word)]


async def main() -> None:
    store, os.environ["LEDGER"] = sys.argv[1], sys.argv[2]
    lease = sys.argv[3] if len(sys.argv) > 3 else "1s"
    app = App("jobs", include=[job, first, second, third], store=store, lease=lease)
    async with app:
        print("ready", flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main())
