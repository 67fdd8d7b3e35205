"""A run that kills its worker every time is parked, and its neighbours finish (13, 14)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dalsegno import App, Limits, step, workflow
from dalsegno.client import Client
from dalsegno.client.portal import Portal
from tests.bad_input.kit import SOON, address, program
from tests.helpers.waiting import until

WORKER = """
import asyncio, os, sys
from dalsegno import App, Limits, step, workflow

@step
def poisoned(number: int) -> int:
    if number == 13:
        os._exit(9)
    return number

@workflow
def drink(number: int) -> int:
    return poisoned(number)

async def main():
    app = App("bad", include=[drink], store=sys.argv[1], lease="1s", limits=Limits(crashes=3, suspect=1))
    async with app:
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@step
def poisoned(number: int) -> int:
    return number


@workflow
def drink(number: int) -> int:
    return poisoned(number)


@pytest.mark.promise("P11")
@pytest.mark.timeout(90)
def test_a_run_that_kills_every_worker_is_parked_and_the_other_99_finish(tmp_path: Path) -> None:
    app = App("bad", include=[drink], store=address(tmp_path), limits=Limits(crashes=3, suspect=1))

    portal = Portal()
    runtime = app.runtime(worker=False)
    workers: list[subprocess.Popen[str]] = []
    deaths = 0
    try:
        client = Client(portal.call(runtime.open()), portal)
        runs = [client.start(drink, number, id=f"drink-{number}") for number in range(100)]
        poison = client.run("drink-13")

        def parked() -> bool:
            nonlocal deaths
            if not workers or workers[-1].poll() is not None:
                deaths += bool(workers)
                assert deaths <= 4, "it was given another worker to kill"
                workers.append(program(WORKER, address(tmp_path)))
            return poison.info().reason is not None

        until(parked, "the poison is parked", within=60)
        info = poison.info()
        assert (info.status, info.reason) == ("waiting", "parked: kills its worker")
        assert deaths == 4, "parked at more than crashes=3 deaths"
        others = [run for run in runs if run.id != poison.id]
        assert [run.result(SOON) for run in others] == [n for n in range(100) if n != 13]
        assert workers[-1].poll() is None, "nobody tries the poison again"

        workers[-1].kill()
        workers.append(program(WORKER.replace("os._exit(9)", "number"), address(tmp_path)))
        assert poison.retry(), "mended: it goes on once somebody says so"
        assert poison.result(SOON) == 13
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
        portal.call(runtime.close())
        portal.close()


def test_a_retry_of_what_is_not_parked_says_so_and_changes_nothing(tmp_path: Path) -> None:
    with App("bad", include=[drink], store=address(tmp_path)) as client:
        run = client.start(drink, 1, id="one")
        assert run.result(SOON) == 1
        assert run.retry() is False
        assert run.info().status == "completed"
