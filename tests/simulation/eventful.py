"""How tests play worlds with services, and what must hold in each of them at rest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import msgspec

from dalsegno.client import AsyncClient
from dalsegno.core.cases import RebuildCases
from dalsegno.core.event import Event
from dalsegno.core.runs import DEAD_LETTER, KILLS_ITS_WORKER
from dalsegno.core.stamps import read_stamp
from dalsegno.engine.registry import Registry
from dalsegno.events.known import Known
from dalsegno.events.service import Service
from dalsegno.store.cases import CaseQuery
from dalsegno.store.log import DeadLetterQuery
from dalsegno.testing.invariants import Broken, peek
from dalsegno.testing.world import World
from tests.simulation import services as s

What = tuple[str, str, int]
"""A type of events, a key and a place: what an event is, wherever it stands."""

SIDE_BY_SIDE = ("gatherer.gather",)
"""Batches: what is put together first may be done last."""


class Facts(NamedTuple):
    """What two plays of a scenario must agree on, whatever crashed."""

    log: Counter[What]
    stamps: dict[What, Any]
    kept: dict[tuple[str, str], Any]
    letters: Counter[tuple[str, str | None]]
    runs: dict[str, Any]


def registry() -> Registry:
    """Collect the workflows that are played beside services."""
    found = Registry()
    found.add([s.await_packed, s.announce, s.say_last, s.flood, s.wrap])
    return found


def known(services: Iterable[Service]) -> Callable[[str], Known]:
    """Let every process know the same services."""
    some = Known()
    some.add([*services, s.order, *(thing for thing in vars(s).values() if isinstance(thing, type))])
    some.check()
    return lambda _: some


def open_books(world: World) -> None:
    """Begin a new book for a world."""
    s.BOOK.clear()
    s.MENDED.clear()
    s.HERE[:] = [lambda: str(world.loop.here)]
    s.KILL[:] = [lambda: world.kill(world.loop.here)]


async def emit(world: World, *events: Any) -> None:
    """Emit events from the client, each with an id of its own, until they are acknowledged."""
    for one in events:
        place = getattr(one, "place", 0)
        name = f"{type(one).__name__}-{getattr(one, 'order', None) or one.clock}-{place}"

        def ask(client: Any, one: Any = one, name: str = name) -> Any:
            return client.emit(one, id=name)

        await world.ask(ask)


async def mend(world: World) -> None:
    """Answer all dead letters, and what was parked for killing workers, until there are none."""
    await world.settle()
    s.MENDED.update(_text(event.key) for event in world.invariants.chronicle.events.values())
    for _ in range(50):
        open_ = [run for run in world.runs() if run.reason in (DEAD_LETTER, KILLS_ITS_WORKER)]
        if not open_:
            return
        for run in open_:
            if run.reason == DEAD_LETTER:
                await _answer(world, run.number)
            else:
                await world.retry(run.id)
        await world.settle()
    raise Broken("P11: dead letters come back for ever")


def _text(key: str | None) -> str:
    return key or ""


async def _answer(world: World, run: int) -> None:
    query = DeadLetterQuery(namespace="default", state="open", limit=1_000)
    for letter in peek(world.store.dead_letters(query)):
        if letter.run == run:
            event = world.invariants.chronicle.events[letter.event]
            discard = _data(event).get("mood") == "lost"
            await world.ask(partial(_discard if discard else _redrive, letter.number))


async def _discard(number: int, client: AsyncClient) -> bool:
    return await client.dead_letters.discard(number, why="it is lost")


async def _redrive(number: int, client: AsyncClient) -> bool:
    return await client.dead_letters.redrive(number, force=True)


# -- at rest


def facts(world: World) -> Facts:
    """Judge a world at rest, and say what came of it."""
    judge(world)
    kept = {}
    for row in world.invariants.reacting.services.values():
        for key in sorted({event.key or "" for event in world.invariants.chronicle.events.values()}):
            found = peek(world.store.kept(row.number, key))
            if found is not None and found.data is not None:
                kept[row.name, key] = msgspec.json.decode(found.data)
    letters = peek(world.store.dead_letters(DeadLetterQuery(namespace="default", state=None, limit=1_000)))
    events = world.invariants.chronicle.events.values()
    called_off = called_off_keys(world)
    own = {run_id: end for run_id, end in world.outcome.items() if "#" not in run_id}
    told = Counter((letter.state, letter.key) for letter in letters if letter.key not in called_off)
    return Facts(log_of(world), {what(event): parts_of(event) for event in events}, kept, told, own)


def parts_of(event: Event) -> Any:
    """Return what services have added to the stamp that an event carries; None if it has none."""
    stamp = None if event.stamp is None else read_stamp(event.stamp)
    return None if stamp is None else msgspec.json.decode(msgspec.json.encode(stamp.parts))


def log_of(world: World) -> Counter[What]:
    """Count what is on the log."""
    return Counter(map(what, world.invariants.chronicle.events.values()))


def judge(world: World) -> None:
    """Raise ``Broken`` for what services did as they must not; every case in the world went on."""
    events = world.invariants.chronicle.events
    _follows(world, events.values())
    _joined(world, events.values())
    _done_once(events)
    _in_order(events)
    _folded(world, events)
    _carried(events)
    _called_off(world)
    _made_anew(world)


def called_off_keys(world: World) -> set[str | None]:
    """Return the keys of all events in cases that were cancelled, under whatever name they have been."""
    cancelled = peek(world.store.cancelled_cases("default", (), 0))
    events = world.invariants.chronicle.events.values()
    return {event.key for event in events if event.case_id in cancelled}


def _called_off(world: World) -> None:
    """No reaction that goes forward is left of a cancelled case, of what came before the event that cancelled it."""
    cancelled = peek(world.store.cancelled_cases("default", (), 0))
    for run in world.runs():
        event = cancelled.get(run.case_id or run.id)
        before = event is not None and (run.cause is None or run.cause < event)
        if before and not run.undoes and not run.status.ended:
            raise Broken(f"P8: {run.id} is {run.status}, and its case was cancelled by event {event}")


def _made_anew(world: World) -> None:
    """The rows of cases that are made anew from the log are those that were there."""

    def rows() -> list[Any]:
        cases = peek(world.store.cases(CaseQuery(limit=1_000_000)))
        return [(case, peek(world.store.case_names("default", case.id))) for case in cases]

    there = rows()
    peek(world.store.write([RebuildCases("default")]))
    if rows() != there:
        raise Broken(f"P8: the rows of cases were {there}, and made anew they are {rows()}")


def _follows(world: World, events: Collection[Event]) -> None:
    """What followed is on the log once for each event that it follows."""
    found, called_off = log_of(world), called_off_keys(world)
    twice = [one for one, count in found.items() if count > 1]
    if twice:
        raise Broken(f"P8: emitted more than once: {twice}")
    names = {row.name for row in world.invariants.reacting.services.values()}
    for event in events:
        if event.key in called_off:
            continue
        for follower in _followers(event, names):
            if found[follower] != 1:
                raise Broken(
                    f"P8: of {what(event)} follows {follower}, which is {found[follower]} times there"
                )
    lost = {(event.key, _data(event)["place"]) for event in events if _data(event).get("mood") == "lost"}
    for kind, key, place in found:
        if kind in ("sim.Paid", "sim.Rumoured") and (key, place) in lost:
            raise Broken(f"P8: {kind} {key} {place} comes of an attempt that failed")


def _followers(event: Event, names: Collection[str]) -> Iterator[What]:
    data = _data(event)
    key, place = event.key or "", data.get("place", 0)
    if event.type == "sim.Ordered":
        if "payments" in names and data.get("mood") != "lost":
            yield from (("sim.Paid", key, place), ("sim.Rumoured", key, place))
        if "stock" in names:
            yield "sim.Reserved", key, place
    if event.type == "sim.Shipped" and "packing" in names:
        yield "sim.Packed", key, place
    if event.type == "sim.CalledOff" and "back-office" in names:
        yield "sim.Refunded", key, 0


def _joined(world: World, events: Collection[Event]) -> None:
    """The first of one type with the first of the other, the second with the second; what is over waits."""
    names = {row.name for row in world.invariants.reacting.services.values()}
    if "shipping" not in names:
        return
    parts: dict[str, dict[str, list[int]]] = {
        kind: defaultdict(list) for kind in ("sim.Paid", "sim.Reserved", "sim.Shipped")
    }
    for event in events:
        if event.type in parts:
            parts[event.type][event.key or ""].append(_data(event)["place"])
    called_off = called_off_keys(world)
    for key, reserved in parts["sim.Reserved"].items():
        if key in called_off:
            continue
        pairs = min(len(reserved), len(parts["sim.Paid"][key]))
        if sorted(parts["sim.Shipped"][key]) != sorted(reserved[:pairs]):
            raise Broken(f"P8: of {key} {parts['sim.Shipped'][key]} were shipped, not {reserved[:pairs]}")


def _done_once(events: dict[int, Event]) -> None:
    """One idempotency key for each event and handler, and an event on the log for each key."""
    keys = defaultdict(set)
    for one in s.BOOK:
        keys[one.handler, one.key, one.place].add(one.idempotency_key)
        if int(one.idempotency_key.rpartition("/")[2]) not in events:
            raise Broken(f"P8: {one} is about no event")
    for whose, found in keys.items():
        # A batch has the key of its last event, and after a crash may be put together otherwise.
        if len(found) > 1 and whose[0] != "gatherer.gather":
            raise Broken(f"P6: {whose} was done under {found}")


def _in_order(events: dict[int, Event]) -> None:
    """First done in the order of the log, or of the numbers that the events carry; and all done."""
    done = defaultdict(list)
    for one in s.BOOK:
        number = int(one.idempotency_key.rpartition("/")[2])
        rank = one.place if one.handler == "clocks.tick" else number
        if rank not in done[one.handler, one.key]:
            done[one.handler, one.key].append(rank)
    for whose, ranks in done.items():
        if ranks != sorted(ranks) and whose[0] not in SIDE_BY_SIDE:
            raise Broken(f"P8: {whose} did its events in the order {ranks}")


def _folded(world: World, events: dict[int, Event]) -> None:
    """What a service keeps of a key is the fold of the key's events, in their order."""
    rows = {row.name: row.number for row in world.invariants.reacting.services.values()}
    if "ledger" not in rows:
        return
    called_off = called_off_keys(world)
    folds: dict[str, list[int]] = defaultdict(list)
    for event in events.values():
        if event.type == "sim.Paid" and event.key is not None:
            folds[event.key].append(_data(event)["place"])
    for key, places in folds.items():
        row = peek(world.store.kept(rows["ledger"], key))
        found = msgspec.json.decode(row.data)["places"] if row is not None and row.data else None
        if found != places and key not in called_off:
            raise Broken(f"P8: the state of {key} is {found}, and its events say {places}")


def _carried(events: dict[int, Event]) -> None:
    """What an event carries goes on to all that it leads to, with what their handlers add."""
    for event in events.values():
        cause = events.get(event.cause or 0)
        if cause is None or (before := parts_of(cause)) is None:
            continue
        if event.type == "sim.Paid":
            before["payments"] = {"paid": _data(event)["place"], "mood": _data(cause).get("mood", "")}
        parts = parts_of(event)
        if parts is None or {**parts, **before} != parts:
            raise Broken(f"P8: {what(event)} carries {parts}, and should carry on {before}")


def what(event: Event) -> What:
    """Say what an event is."""
    return event.type, event.key or "", _data(event).get("place", 0)


def _data(event: Event) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.json.decode(event.data or b"{}")
    return data
