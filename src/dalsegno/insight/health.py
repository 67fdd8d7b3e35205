"""Whether all is well with a store: who works on it, what nobody can run, what waits for a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dalsegno.client.standing import WorkerView
from dalsegno.core.clock import to_datetime
from dalsegno.core.durations import text as length
from dalsegno.core.runs import PARKED
from dalsegno.insight.findings import Finding
from dalsegno.insight.listing import Listed, count_runs, listed
from dalsegno.insight.moment import keeper
from dalsegno.insight.service_health import examine_services
from dalsegno.insight.workers import Gone, Workers, nobody_gone, read_workers
from dalsegno.store.protocol import DueRuns, RunQuery, Store, StoreFacts

_LARGE_WAL = 64 << 20
_LITTLE_SPACE = 256 << 20
_PARKED = 20  # that are named
_SLOW = 1_000_000  # microseconds that a due run may wait for a claim


@dataclass(frozen=True, slots=True)
class Health:
    """All of it; ``well`` is false as soon as one finding is bad."""

    at: datetime
    store: str
    facts: StoreFacts
    counts: dict[str, int]
    workers: tuple[WorkerView, ...]
    parked: tuple[Listed, ...]
    findings: tuple[Finding, ...]
    well: bool


async def examine(store: Store, namespace: str, *, gone: Gone = nobody_gone) -> Health:
    """Look a store over; ``gone`` as for ``where``."""
    facts, workers, holder = await store.facts(), await read_workers(store, gone), await keeper(store)
    query = RunQuery(namespace=namespace, statuses=("waiting",), reason=PARKED, limit=_PARKED + 1)
    parked = await store.runs(query)
    findings = (
        _schema(facts),
        _wal(facts),
        *_space(facts),
        _lock(holder),
        *_workers(workers),
        *(_due(group, workers, store.now()) for group in await store.due()),
        *await examine_services(store, namespace, workers),
        _parked([run.id for run in parked]),
    )
    return Health(
        at=to_datetime(store.now()),
        store=store.address,
        facts=facts,
        counts=await count_runs(store, namespace),
        workers=tuple(workers.views.values()),
        parked=tuple(listed(run) for run in parked[:_PARKED]),
        findings=findings,
        well=all(finding.level != "bad" for finding in findings),
    )


def _schema(facts: StoreFacts) -> Finding:
    return Finding("store", "ok", f"{facts.library}, schema {facts.schema}, {_bytes(facts.size)}")


def _wal(facts: StoreFacts) -> Finding:
    if facts.wal < _LARGE_WAL:
        return Finding("wal", "ok", f"{_bytes(facts.wal)} not yet in the main file")
    text = f"{_bytes(facts.wal)} not yet in the main file: a long read keeps it from shrinking"
    return Finding(
        "wal", "bad", text, "End whatever reads this file for long: a backup, a shell, a stuck process."
    )


def _space(facts: StoreFacts) -> list[Finding]:
    if facts.free is None or facts.free >= _LITTLE_SPACE:
        return []
    text = f"{_bytes(facts.free)} left on its disk"
    if facts.full:
        mend = "Free space on that disk; workers go on by themselves."
        return [Finding("space", "bad", f"{text}: commits wait for space, and nothing moves", mend)]
    return [Finding("space", "note", text, "Free space on that disk before commits have to wait for it.")]


def _lock(holder: int | None) -> Finding:
    if holder is None:
        return Finding("lock", "ok", "nobody keeps the write lock")
    text = f"pid {holder} keeps the write lock: nobody else can write"
    return Finding(
        "lock", "bad", text, f"Look at it (ps -p {holder}); if it is stopped, kill -CONT {holder}, or end it."
    )


def _workers(workers: Workers) -> list[Finding]:
    if not workers.views:
        return [Finding("workers", "note", "no worker is alive", "Start one: dalsegno worker FILE.py")]
    return [_worker(view, workers) for view in workers.views.values()]


def _worker(view: WorkerView, workers: Workers) -> Finding:
    over = length(int(view.seconds * 1_000_000))
    what = f"worker {view.name} on {view.host}"
    match view.state:
        case "live":
            count = sum(session == view.session for _, _, session in workers.abilities)
            return Finding("workers", "ok", f"{what} is alive and has {count} workflows")
        case "wedged":
            text = f"{what}: its loop has stood still for {over}; none of its runs moves"
            mend = "Its log names the line: put what blocks there into a step, then start it again."
            return Finding("workers", "bad", text, mend)
        case "silent":
            text = f"{what}: its lease ran out {over} ago, and no other worker took over"
        case _:
            text = f"{what} is gone, and no other worker took over yet"
    return Finding("workers", "note", text, "Start a worker: dalsegno worker FILE.py")


def _due(group: DueRuns, workers: Workers, now: int) -> Finding:
    late = now - group.oldest
    what = f"{group.count} due run{'s' if group.count > 1 else ''} of {group.workflow} v{group.version}"
    if group.queue != "default":
        what += f" on queue {group.queue}"
    since = f"the oldest for {length(max(0, late))}"
    able = workers.able(group.workflow, group.version)
    if not able:
        has = ", ".join(workers.versions(group.workflow))
        text = f"{what}, {since}: no live worker has it" + (f" (only version {has})" if has else "")
        return Finding("due", "bad", text, "Start a worker with that code: dalsegno worker FILE.py")
    if late > _SLOW:
        text = f"{what}, {since}, though {len(able)} live workers have it"
        return Finding(
            "due", "note", text, "Give them more slots, start more workers, or look at their queue."
        )
    return Finding("due", "ok", f"{what}, about to be claimed")


def _parked(ids: list[str]) -> Finding:
    if not ids:
        return Finding("parked", "ok", "no run is parked")
    names = ", ".join(ids[:5]) + (", …" if len(ids) > 5 else "")
    count = f"more than {_PARKED}" if len(ids) > _PARKED else str(len(ids))
    text = f"{count} parked run{'s wait' if len(ids) > 1 else ' waits'} for a person: {names}"
    return Finding("parked", "bad", text, f"dalsegno where {ids[0]} says why.")


def _bytes(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size = size / 1024
    return ""
