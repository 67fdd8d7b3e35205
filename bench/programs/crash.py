"""A worker to be killed: ``crash.py STORE FOLDER LEASE [blind]``.

Each step leaves a line in a ledger. The second one hangs until there is a file named ``go``. A blind
worker cannot see which processes live, as one in another container: it must wait for their leases.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from dalsegno import App, step, step_info, workflow
from dalsegno.core.clock import Clock


def note(step_name: str) -> None:
    """Append one line in one write: when, who, which step of which run."""
    line = f"{time.monotonic()} {os.getpid()} {step_name} {step_info().run_id}\n"
    with Path(os.environ["LEDGER"]).open("ab", buffering=0) as ledger:
        ledger.write(line.encode())


@step
async def first(number: int) -> int:
    note("first")
    return number + 1


@step
async def second(number: int) -> int:
    note("second")
    if not Path(os.environ["GO"]).exists():
        await asyncio.sleep(3_600)
    return number + 1


@workflow
async def job(number: int) -> int:
    return await second(await first(number))


def be_blind() -> None:
    from dalsegno.worker import vitals, worker

    def unseeing(clock: Clock) -> vitals.Vitals:
        return vitals.own_vitals(clock)._replace(pid_namespace="")

    vars(worker)["own_vitals"] = unseeing


async def main(store: str, folder: str, lease: str, *how: str) -> None:
    os.environ["LEDGER"], os.environ["GO"] = f"{folder}/ledger", f"{folder}/go"
    if "blind" in how:
        be_blind()
    async with App("crash", include=[job, first, second], store=store, lease=lease):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
