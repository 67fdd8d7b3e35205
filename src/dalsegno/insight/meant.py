"""What people mean by a name that they ask for: a run, a case, a key of a case, an event."""

from __future__ import annotations

from dataclasses import dataclass

from dalsegno.core.cases import CaseRow
from dalsegno.core.event import Event
from dalsegno.core.runs import Run
from dalsegno.errors import RunNotFound
from dalsegno.insight.search import by_prefix, not_found
from dalsegno.store.log import EventQuery
from dalsegno.store.protocol import RunQuery, Store

_CANDIDATES = 10
_CASE_RUNS = 20  # of a case that no process declares; the newest


@dataclass(frozen=True, slots=True)
class Meant:
    """What was found. ``found_by`` is run, prefix, case, key or event.

    A case that a process declares has a ``case``, one that none does only its name in ``case_id``, and
    ``runs`` where there is nothing else of it. ``others`` are what else may have been meant.
    """

    found_by: str
    runs: tuple[Run, ...] = ()
    case: CaseRow | None = None
    case_id: str | None = None
    event: Event | None = None
    others: tuple[str, ...] = ()


async def meant(store: Store, namespace: str, asked: str) -> Meant:
    """Find what is meant; raise ``RunNotFound``, with candidates where there are several."""
    found = (
        await _a_case(store, namespace, asked)
        or await _a_run(store, namespace, asked)
        or await _of_no_process(store, namespace, asked)
        or await _by_key(store, namespace, asked)
        or await _an_event(store, namespace, asked)
    )
    if found is not None:
        return found
    run = await by_prefix(store, namespace, asked)
    if run is not None:
        return Meant("prefix", (run,))
    raise not_found(store, namespace, asked)


async def _a_case(store: Store, namespace: str, asked: str) -> Meant | None:
    row = await store.case(namespace, asked) if asked else None
    return None if row is None else Meant("case", case=row, case_id=row.id)


async def _a_run(store: Store, namespace: str, asked: str) -> Meant | None:
    run = await store.find(namespace, asked)
    return None if run is None else Meant("run", (run,))


async def _of_no_process(store: Store, namespace: str, asked: str) -> Meant | None:
    """Find a case that no process declares: by its events, or else by its runs."""
    if asked and await store.events(EventQuery(namespace=namespace, case_id=asked, limit=1)):
        return Meant("case", case_id=asked)
    runs = await store.runs(RunQuery(namespace=namespace, case_id=asked, limit=_CASE_RUNS))
    return Meant("case", tuple(runs[::-1]), case_id=asked) if runs else None


async def _by_key(store: Store, namespace: str, asked: str) -> Meant | None:
    cases = await store.find_cases(namespace, asked, limit=_CANDIDATES + 1) if asked else []
    if len(cases) > 1:
        raise _several(store, asked, tuple(case.id for case in cases))
    if not cases:
        return None
    event = await _number(store, namespace, asked)
    others = () if event is None else (f"#{event.number}",)
    return Meant("key", case=cases[0], case_id=cases[0].id, others=others)


async def _an_event(store: Store, namespace: str, asked: str) -> Meant | None:
    """Find an event by its number (17 or #17), or by the id that it came with (source#id)."""
    event = await _number(store, namespace, asked.removeprefix("#"))
    if event is None and "#" in asked:
        source, _, name = asked.rpartition("#")
        number = await store.known_event(namespace, source, name)
        event = None if number is None else await store.event(number)
    if event is None:
        return None
    case = None if event.case_id is None else await store.case(namespace, event.case_id)
    return Meant("event", case=case, case_id=event.case_id, event=event)


async def _number(store: Store, namespace: str, text: str) -> Event | None:
    event = await store.event(int(text)) if text.isdecimal() and len(text) < 19 else None
    return event if event is not None and event.namespace == namespace else None


def _several(store: Store, asked: str, candidates: tuple[str, ...]) -> RunNotFound:
    names = ", ".join(candidates[:_CANDIDATES])
    more = ", …" if len(candidates) > _CANDIDATES else ""
    return RunNotFound(
        f"{asked!r} is a key of several cases: {names}{more}.",
        "A key is enough only where it belongs to one case.",
        "Write the name of the case.",
        run_id=asked,
        candidates=candidates[:_CANDIDATES],
        store=store.address,
    )
