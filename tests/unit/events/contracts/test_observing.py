"""What stands on a log against what is declared, by real reactions of an App that has changed since."""

from dataclasses import dataclass
from typing import Any

import pytest

from dalsegno import App, Service, emit, event, upcast, workflow
from dalsegno.core.event import Event
from dalsegno.events.contracts import Rule, check
from dalsegno.events.contracts.observing import Seen, seen
from dalsegno.events.known import Known


@event(key="id", outside=True)
@dataclass
class Asked:
    id: str


@event(key="id", nobody=True)
@dataclass
class Answered:
    id: str


@event(key="id", nobody=True)
@dataclass
class Noted:
    id: str


@workflow
def note(id: str) -> None:
    emit(Noted(id))


desk = Service("desk")


@desk.on()
def answer(e: Asked) -> Answered:
    return Answered(e.id)


def findings(*observed: Seen) -> list[Any]:
    known = Known()
    known.add([desk, Noted])
    return [*check(known, [note], observed).findings]


def line(number: int, type: str, source: str, id: str | None = None) -> Event:
    return Event(
        number, "default", type, 1, source, id, None, None, None, None, 0, None, None, 1, b"{}", None, 0
    )


def test_what_emitters_declare_is_well_and_so_is_what_comes_from_elsewhere():
    events = [
        line(1, "Asked", "shop", "7"),
        line(2, "Answered", "desk.answer"),
        line(3, "Noted", "note"),
        line(4, "Answered", "desk.answer"),
        line(5, "Answered", "other.handler"),
    ]
    found = seen(events)
    assert found == [
        Seen("Asked", 1, "", 1),
        Seen("Answered", 1, "desk.answer", 2),
        Seen("Noted", 1, "note", 3),
        Seen("Answered", 1, "other.handler", 5),
    ]
    assert findings(*found) == []


@pytest.mark.parametrize("emitter", ["desk.answer", "note"])
def test_what_was_emitted_and_is_not_declared_is_found_at_its_emitter(emitter: str):
    wrong = {"desk.answer": "Noted", "note": "Answered"}[emitter]
    (finding,) = findings(Seen(wrong, 1, emitter, 17))
    assert finding.rule is Rule.OBSERVED and f"Event 17 is a {wrong}, which {emitter}" in finding.what
    place = {"desk.answer": answer.__code__, "note": note.function.__code__}[emitter]
    assert finding.line == place.co_firstlineno


def test_a_stored_version_that_no_converter_leads_from_is_found():
    @event("Asked", version=2, key="id", outside=True)
    @dataclass
    class AskedAgain:
        id: str
        again: bool = True

    fresh = Service("fresh")

    @fresh.on()
    def take(e: AskedAgain) -> None:
        print(e.again)

    @upcast
    def anew(old: Asked) -> AskedAgain:
        return AskedAgain(old.id)

    def rules(*things: object, readers: tuple[int, ...] = ()) -> list[Rule]:
        known = Known()
        known.add([fresh, *things])
        return [each.rule for each in check(known, (), [Seen("Asked", 1, "", 3, readers)]).findings]

    assert rules() == [Rule.OBSERVED]
    assert rules(anew) == []
    assert rules(readers=(2,)) == [], "the registry says that it can be read as it is"
    assert rules(Asked) == [], "and so do the classes"


def test_an_event_without_a_class_is_a_note():
    known = Known()
    known.add([desk])
    report = check(known, (), [Seen("Gone", 1, "", 9)])
    assert report.ok and report.notes == ("event 9 is a Gone, for which the program has no class",)


@pytest.mark.asyncio
async def test_the_sources_of_a_real_log_are_the_names_that_are_compared():
    app = App("desks", include=[desk, note, Noted], store="memory:")
    async with app as client:
        number = await client.emit(Asked("1"))
        run = await client.start(note, "1")
        await run.result()
        async for each in client.events.tail(after=0):
            if each.type == "Answered":
                break
        rows = [await client.events.row(n) for n in range(1, 4)]
    assert number
    assert {(each.type, each.emitter) for each in seen(rows)} == {
        ("Asked", ""),
        ("Noted", "note"),
        ("Answered", "desk.answer"),
    }
