"""``dalsegno demo --where``: write the program down, let it run until its order is stuck or over, and ask."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from dalsegno.app import open_store
from dalsegno.cli.console import say
from dalsegno.cli.demo.pace import nap
from dalsegno.cli.exits import NotPossibleNow
from dalsegno.cli.stores import configuration, databases
from dalsegno.cli.where import where
from dalsegno.client.case_standing import CaseStanding
from dalsegno.client.standing import Reason
from dalsegno.core.clock import SystemClock
from dalsegno.errors import DalsegnoError
from dalsegno.insight.whereabouts import where as look

CASE = "order-123"

_ELSEWHERE = "Name another folder: dalsegno demo --where --dir order-123"
_PROGRAM = Path(__file__).with_name("orders.txt")
_PATIENCE = 30.0
_ENDS_WITHIN = 3.0
_LOOK = 0.1


def show(folder: Path | None) -> None:
    """Leave orders.py and orders.db in a folder, the current one by default, and say where its order is.

    Raises NotPossibleNow where there is another orders.py, or where the program ends of itself too soon.
    """
    place = (folder or Path.cwd()).resolve()
    _write(place)
    asyncio.run(_run_and_ask(place))


def _write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    program, store = folder / "orders.py", folder / "orders.db"
    if store.exists() and not program.exists():
        raise NotPossibleNow(
            f"{store} is there already, and is of something else.", "Nothing was written or run.", _ELSEWHERE
        )
    if not program.exists():
        shutil.copyfile(_PROGRAM, program)
        say(f"wrote {_shown(program)}, and ran it; asked: dalsegno where {CASE}")
    elif program.read_bytes() == _PROGRAM.read_bytes():
        say(f"ran {_shown(program)}; asked: dalsegno where {CASE}")
    else:
        raise NotPossibleNow(
            f"{program} is another program than the one of this demo.",
            "Nothing was written or run.",
            _ELSEWHERE,
        )


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


async def _run_and_ask(folder: Path) -> None:
    """Run the program until its order is over, or stays where it is, and ask while the program lives."""
    async with _running(folder) as program:
        with suppress(TimeoutError):  # the picture says where it is then
            async with asyncio.timeout(_PATIENCE):
                while program.returncode is None and not await _rests(folder / "orders.db"):
                    await nap(_LOOK)
        if program.returncode in (None, 0):
            await asyncio.to_thread(_ask, folder)


@asynccontextmanager
async def _running(folder: Path) -> AsyncIterator[Process]:
    """Run the program, and end it; raise NotPossibleNow with its last words where it failed before."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "orders.py"),
        cwd=folder,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        env=_environment(),
    )
    words = asyncio.create_task(program.communicate())
    try:
        yield program
        failed = program.returncode not in (None, 0)
    finally:
        await _end(program, words)
    if failed:
        last = (await words)[0].decode("utf-8", "replace").splitlines()[-8:]
        raise NotPossibleNow(
            f"The demo's program ended by itself, with exit code {program.returncode}.",
            "\n".join(["Its last words:", *last]),
            f"Run it yourself: python {_shown(folder / 'orders.py')}",
        )


def _ask(folder: Path) -> None:
    store = folder / "orders.db"
    alone = folder == Path.cwd() and configuration() is None and list(databases(folder)) == [store]
    options = [] if alone else ["--store", str(store)]
    where.main([CASE, *options], prog_name="dalsegno where", standalone_mode=False)


def _environment() -> dict[str, str]:
    """Leave out what would lead the program to another store, and what would let it ship."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("DALSEGNO_")}
    ours.pop("COURIER", None)
    return ours


async def _rests(file: Path) -> bool:
    store = open_store(f"sqlite:///{file}", SystemClock(), looking=True)
    try:
        await store.open()
        found = (await look(store, "default", CASE)).case
    except DalsegnoError:  # it is not there yet, or is being made
        return False
    finally:
        await store.close()
    return found is not None and (found.state != "open" or _stuck(found))


def _stuck(case: CaseStanding) -> bool:
    """Whether it stays where it is though there is a worker: the one that was left is of no interest."""
    return case.stuck and all(each.kind is not Reason.NO_WORKER for each in case.reasons)


async def _end(program: Process, words: asyncio.Task[tuple[bytes, bytes]]) -> None:
    """End the program as ^C would, and for good where it does not listen."""
    for told in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            program.send_signal(told)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(words), _ENDS_WITHIN)
            break
