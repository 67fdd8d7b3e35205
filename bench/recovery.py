"""kill -9 with hundreds of runs in flight: when the first goes on, when all are done, what ran twice."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from programs import crash
from rows import Calibrated, Row
from sizes import Sizes
from workers import dismiss, hire

from dalsegno import App

AT_ONCE = 1.0  # seconds to the first on the same machine, and to the first beyond the lease elsewhere
_LOOK = 0.01


class Recovery(NamedTuple):
    """Seconds from the kill, and how often recorded steps ran again."""

    began: float
    done: float
    repeated: int


def take(sizes: Sizes, directory: Path) -> list[Row]:
    """Kill a worker twice: once it is started again, once another takes over after its lease."""
    rows: list[Row] = []
    for blind in (False, True):
        with tempfile.TemporaryDirectory(prefix="recovery-", dir=directory) as folder, Calibrated() as now:
            found = _kill(Path(folder).resolve(), sizes, blind=blind)
        where = f"elsewhere, lease {sizes.lease:g} s" if blind else "started again on the same machine"
        setting = f"{where}, {sizes.in_flight} in flight"
        most = AT_ONCE + (sizes.lease if blind else 0)
        for figure, value, target in (
            ("first run goes on", found.began, f"≤ {most:g}"),
            ("all done", found.done, ""),
        ):
            rows.append(
                Row(
                    f"recovery after kill -9: {figure}",
                    "dalsegno",
                    setting,
                    value,
                    "s",
                    target=target,
                    calibration_ms=now.ms,
                )
            )
        rows.append(
            Row(
                "recovery after kill -9: recorded steps that ran again",
                "dalsegno",
                setting,
                found.repeated,
                "steps",
                target="≤ 0",
                calibration_ms=now.ms,
            )
        )
    return rows


def _kill(folder: Path, sizes: Sizes, *, blind: bool) -> Recovery:
    store, ledger = f"sqlite:///{folder}/crash.db", folder / "ledger"
    ledger.touch()
    how = (store, str(folder), f"{sizes.lease}s")
    doomed = hire("crash", *how)
    successor: subprocess.Popen[str] | None = None
    try:
        asyncio.run(_start(store, sizes.in_flight))
        _until(lambda: _seen(ledger)["second"] >= sizes.in_flight, "all are in flight")
        (folder / "go").touch()
        if blind:
            successor = hire("crash", *how, "blind")
        killed = time.monotonic()
        doomed.kill()
        doomed.wait()
        successor = successor or hire("crash", *how)
        asyncio.run(_end(store, sizes.in_flight))
        done = time.monotonic()
        return _recovery(ledger, doomed.pid, killed, done, sizes.in_flight)
    finally:
        dismiss(doomed)
        if successor is not None:
            dismiss(successor)


async def _start(store: str, count: int) -> None:
    async with App("crash", include=[crash.job], store=store, slots=0) as client:
        await asyncio.gather(*(client.start(crash.job, n, id=f"job-{n}") for n in range(count)))


async def _end(store: str, count: int) -> None:
    async with App("crash", include=[crash.job], store=store, slots=0) as client:
        results = await asyncio.gather(*(client.run(f"job-{n}").result("120s") for n in range(count)))
    assert results == [n + 2 for n in range(count)]


def _until(true: object, what: str, patience: float = 60) -> None:
    assert callable(true)
    ends = time.monotonic() + patience
    while not true():
        if time.monotonic() > ends:
            raise TimeoutError(f"not within {patience} s: {what}")
        time.sleep(_LOOK)


def _lines(ledger: Path) -> list[list[str]]:
    return [line.split() for line in ledger.read_text().splitlines()]


def _seen(ledger: Path) -> Counter[str]:
    return Counter(line[2] for line in _lines(ledger))


def _recovery(ledger: Path, dead: int, killed: float, done: float, count: int) -> Recovery:
    lines = _lines(ledger)
    after = [float(line[0]) for line in lines if int(line[1]) != dead]
    recorded = Counter(line[3] for line in lines if line[2] == "first")
    return Recovery(min(after) - killed, done - killed, recorded.total() - count)
