"""Who breaks, and what `schemas check` says of a whole program."""

from __future__ import annotations

from typing import Any

import pytest

from dalsegno.events.schemas import (
    Declared,
    Direction,
    Incompatibility,
    Kind,
    Mode,
    Party,
    Registered,
    Rule,
    Users,
    Verdict,
    check_declared,
    registered,
    who_breaks,
)

OLD = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
NEW: dict[str, Any] = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "amount": {"type": "number"}},
    "required": ["id", "amount"],
}
LOST = Incompatibility("$.amount", Rule.REQUIRED_MISSING, "required", "optional", "it does not find `amount`")


def stored(version: int = 1, schema: Any = OLD, mode: Mode = Mode.FULL) -> Registered:
    return registered("OrderPlaced", version, schema, mode=mode, sealed=True)


def test_a_backward_break_concerns_what_was_written_before() -> None:
    users = Users(
        emitters=(Party("shop", 1), Party("web", 2)),
        handlers=(Party("payments.authorize", 1), Party("stock.reserve", 2)),
        stored={1: 1200, 2: 7},
        in_flight={1: 3},
    )
    found = who_breaks([Verdict(Direction.BACKWARD, 2, 1, (LOST,))], users)
    assert [(each.what, each.name, each.version, each.count) for each in found] == [
        ("handler", "stock.reserve", 2, 1),
        ("emitter", "shop", 1, 1),
        ("events in flight", "", 1, 3),
        ("stored events", "", 1, 1200),
    ]
    assert "1,200 stored events are of v1, which a v2 reader does not read" in found[-1].sentence
    assert all("`amount`" in each.sentence for each in found)


def test_a_forward_break_concerns_whoever_still_reads_the_old_version() -> None:
    users = Users(emitters=(Party("shop", 2),), handlers=(Party("payments.authorize", 1),))
    found = who_breaks([Verdict(Direction.FORWARD, 1, 2, (LOST,))], users)
    assert [(each.what, each.name) for each in found] == [
        ("handler", "payments.authorize"),
        ("emitter", "shop"),
    ]
    assert who_breaks([Verdict(Direction.FORWARD, 1, 2, (LOST,))], Users(emitters=(Party("shop", 2),))) == ()


def test_nobody_breaks_where_nobody_is() -> None:
    assert who_breaks([Verdict(Direction.BACKWARD, 2, 1, (LOST,))], Users()) == ()


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(Direction.BACKWARD, 2, 1),
        Verdict(Direction.BACKWARD, 2, 1, (LOST,), bridged=True),
        Verdict(
            Direction.BACKWARD,
            2,
            1,
            (Incompatibility("$", Rule.TYPE_DROPPED, "anything", "string", "no type", Kind.CONVENTION),),
        ),
    ],
    ids=["compatible", "bridged", "a convention"],
)
def test_nobody_breaks_by_what_breaks_nothing(verdict: Verdict) -> None:
    assert who_breaks([verdict], Users(stored={1: 5})) == ()


def test_a_program_that_declares_what_is_deployed_passes() -> None:
    report = check_declared([Declared("OrderPlaced", 1, OLD)], [stored()])
    assert (report.ok, report.exit_code) == (True, 0)
    assert str(report) == "✓ OrderPlaced v1: registered\nall 1 can be deployed"


def test_an_incompatible_version_fails_and_says_where_it_is_and_who_breaks() -> None:
    users = {"OrderPlaced": Users(handlers=(Party("payments.authorize", 1),), stored={1: 40})}
    declared = [Declared("OrderPlaced", 1, OLD), Declared("OrderPlaced", 2, NEW, where="shop.py:12")]
    report = check_declared(declared, [stored()], users=users)
    assert report.exit_code == 1
    text = str(report)
    assert "✗ OrderPlaced v2: does not fit (full)  (shop.py:12)" in text
    assert "A v2 reader does not find `amount`; a v1 emitter does not send it" in text
    assert "breaks: 40 stored events are of v1" in text
    assert "payments.authorize" not in text, "a v1 handler ignores what it does not know"
    assert text.endswith("1 of 2 cannot be deployed")


def test_a_cast_makes_the_same_program_pass() -> None:
    declared = [Declared("OrderPlaced", 1, OLD), Declared("OrderPlaced", 2, NEW)]
    assert check_declared(declared, [stored()], casts={"OrderPlaced": [(1, 2)]}).ok


def test_a_schema_that_changed_under_its_version_fails() -> None:
    report = check_declared([Declared("OrderPlaced", 1, NEW)], [stored()])
    assert not report.ok
    assert "is registered with another schema" in str(report)


def test_several_new_versions_are_also_held_to_each_other() -> None:
    declared = [Declared("OrderPlaced", 2, NEW), Declared("OrderPlaced", 1, OLD)]
    report = check_declared(declared, [])
    assert [each.ok for each in report.findings] == [True, False]
    assert "breaks: nobody who is known here" in str(report)


def test_what_is_no_schema_fails_alone() -> None:
    report = check_declared([Declared("Bad", 1, {"type": "colour"}), Declared("OrderPlaced", 1, OLD)], [])
    assert [each.ok for each in report.findings] == [False, True]
    assert "no JSON Schema" in str(report)


def test_a_mode_that_the_program_gives_is_used() -> None:
    declared = [Declared("OrderPlaced", 2, NEW, mode=Mode.FORWARD)]
    assert check_declared(declared, [stored()]).ok
    assert not check_declared([Declared("OrderPlaced", 2, NEW)], [stored()]).ok


def test_a_program_without_event_types_passes() -> None:
    report = check_declared([], [stored()])
    assert (report.exit_code, str(report)) == (0, "No event types are declared here.")
