"""Versions of an event type: which must fit which, what is stored, and what may join."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dalsegno.errors import InvalidInput
from dalsegno.events.schemas import (
    Direction,
    Format,
    Mode,
    Registered,
    Standing,
    Verdict,
    Versions,
    registered,
    render,
)

AMOUNT = {"type": "number"}


def schema(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def stored(version: int, made: Any, mode: Mode = Mode.BACKWARD, **said: Any) -> Registered:
    return registered("OrderPlaced", version, made, mode=mode, sealed=True, **said)


PLAIN = schema(id={"type": "string"})
WITH_OPTIONAL = schema(id={"type": "string"}, amount=AMOUNT)
WITH_REQUIRED = schema(("amount",), id={"type": "string"}, amount=AMOUNT)


def _admitted(mode: Mode, *versions: Any) -> bool:
    *known, last = [stored(number, made, mode) for number, made in enumerate(versions, 1)]
    return Versions("OrderPlaced", known).check(last).admitted


@pytest.mark.parametrize(
    ("mode", "adding_optional", "adding_required", "dropping_required"),
    [
        (Mode.NONE, True, True, True),
        (Mode.BACKWARD, True, False, True),
        (Mode.FORWARD, True, True, False),
        (Mode.FULL, True, False, False),
        (Mode.BACKWARD_TRANSITIVE, True, False, True),
        (Mode.FORWARD_TRANSITIVE, True, True, False),
        (Mode.FULL_TRANSITIVE, True, False, False),
    ],
)
def test_a_mode_asks_for_its_directions(
    mode: Mode, adding_optional: bool, adding_required: bool, dropping_required: bool
) -> None:
    assert _admitted(mode, PLAIN, WITH_OPTIONAL) is adding_optional
    assert _admitted(mode, PLAIN, WITH_REQUIRED) is adding_required
    assert _admitted(mode, WITH_REQUIRED, PLAIN) is dropping_required


def test_only_transitive_modes_ask_the_versions_before_the_last_one() -> None:
    # v1 sends no amount, v2 may send one, v3 insists: v3 reads what it wants of v2 only with a default.
    steps = (
        PLAIN,
        schema(("amount",), id={"type": "string"}, amount={"type": "number", "default": 0}),
        WITH_REQUIRED,
    )
    assert _admitted(Mode.BACKWARD, *steps)
    assert not _admitted(Mode.BACKWARD_TRANSITIVE, *steps)
    back = tuple(reversed(steps))
    assert _admitted(Mode.FORWARD, *back)
    assert not _admitted(Mode.FORWARD_TRANSITIVE, *back)


def test_a_verdict_says_who_reads_and_what_is_missing() -> None:
    versions = Versions("OrderPlaced", [stored(1, WITH_REQUIRED, Mode.FORWARD)])
    admission = versions.check(stored(2, PLAIN))
    (verdict,) = admission.verdicts
    assert (verdict.direction, verdict.reader, verdict.writer) == (Direction.FORWARD, 1, 2)
    assert verdict.incompatibilities[0].breaks.startswith("A v1 reader does not find `amount`; a v2 emitter")
    assert "not compatible" in render(verdict)
    assert "does not fit (forward)" in str(admission)


def test_a_version_that_comes_late_is_held_to_both_sides() -> None:
    versions = Versions("OrderPlaced", [stored(1, PLAIN), stored(3, WITH_REQUIRED, Mode.NONE)])
    admission = versions.check(stored(2, WITH_OPTIONAL), Mode.BACKWARD)
    assert [(each.reader, each.writer, each.compatible) for each in admission.verdicts] == [
        (2, 1, True),
        (3, 2, False),
    ]


def test_the_mode_is_that_of_the_latest_version_unless_it_is_given() -> None:
    versions = Versions("OrderPlaced", [stored(1, PLAIN, Mode.NONE)])
    assert versions.check(stored(2, WITH_REQUIRED, Mode.FULL)).admitted
    assert not versions.check(stored(2, WITH_REQUIRED), Mode.FULL).admitted
    assert Versions("OrderPlaced").check(stored(1, PLAIN, Mode.FULL)).mode is Mode.FULL


def test_the_same_schema_may_be_registered_again_and_another_may_not() -> None:
    versions = Versions("OrderPlaced", [stored(1, PLAIN)])
    told = {**PLAIN, "title": "OrderPlaced", "description": "an order was placed"}
    assert versions.check(stored(1, told)).standing is Standing.SAME
    changed = versions.check(stored(1, WITH_OPTIONAL))
    assert (changed.standing, changed.admitted) == (Standing.CHANGED, False)
    assert "give what has changed a new version" in str(changed)
    assert Versions("OrderPlaced").check(stored(1, PLAIN)).standing is Standing.FIRST


def test_a_title_is_no_part_of_the_fingerprint_and_a_property_called_title_is() -> None:
    one = stored(1, schema(title={"type": "string", "description": "what it says on the cover"}))
    assert one.fingerprint == stored(1, schema(title={"type": "string"})).fingerprint
    assert one.fingerprint != stored(1, schema(title={"type": "integer"})).fingerprint
    assert one.fingerprint != stored(1, schema()).fingerprint
    listed = stored(1, {"enum": [{"title": "a"}]})
    assert listed.fingerprint != stored(1, {"enum": [{"title": "b"}]}).fingerprint


def test_the_order_of_keys_is_no_part_of_what_is_stored() -> None:
    one, other = stored(1, {"type": "string", "minLength": 1}), stored(1, {"minLength": 1, "type": "string"})
    assert (one.schema, one.fingerprint) == (other.schema, other.fingerprint)
    assert msgspec.json.decode(msgspec.json.encode(one), type=Registered) == one


def test_a_cast_bridges_what_does_not_fit_also_by_way_of_others() -> None:
    versions = Versions("OrderPlaced", [stored(1, PLAIN, Mode.BACKWARD_TRANSITIVE), stored(2, WITH_OPTIONAL)])
    assert not versions.check(stored(3, WITH_REQUIRED)).admitted
    assert not versions.check(stored(3, WITH_REQUIRED), Mode.BACKWARD_TRANSITIVE, casts=[(3, 2)]).admitted
    bridged = versions.check(stored(3, WITH_REQUIRED), Mode.BACKWARD_TRANSITIVE, casts=[(1, 2), (2, 3)])
    assert bridged.admitted
    assert all(each.bridged and each.incompatibilities for each in bridged.verdicts)
    assert "bridged by a cast" in render(bridged.verdicts[0])


def test_classes_are_compared_as_closed_writers_and_open_readers() -> None:
    old, new = schema(id={"type": "string"}), schema(id={"type": "string"}, note={"type": "string"})
    made = Versions("Thing", [registered("Thing", 1, old, sealed=True, mode=Mode.FULL)])
    assert made.check(registered("Thing", 2, new, sealed=True)).admitted
    written = Versions("Thing", [registered("Thing", 1, old, mode=Mode.FULL)])
    assert not written.check(registered("Thing", 2, new)).admitted, "a foreign v1 may send any note already"


def test_a_type_cannot_change_from_json_schema_to_avro() -> None:
    pytest.importorskip("fastavro")
    versions = Versions("Thing", [registered("Thing", 1, {"type": "string"})])
    admission = versions.check(registered("Thing", 2, "string", format=Format.AVRO))
    assert [each.rule for each in admission.verdicts[0].incompatibilities] == ["format_of_schema_changed"]


NO_SCHEMAS = [{"type": "colour"}, 7, "string", {"$schema": "https://e.org/draft-99"}, {"minLength": -1}]


@pytest.mark.parametrize("made", NO_SCHEMAS, ids=str)
def test_what_is_no_json_schema_is_refused(made: Any) -> None:
    with pytest.raises(InvalidInput, match="no JSON Schema"):
        registered("Thing", 1, made)


def test_a_schema_that_is_nested_without_measure_is_refused() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"not": deep}
    with pytest.raises(InvalidInput, match="too deeply"):
        registered("Thing", 1, deep)


def test_versions_are_numbers_from_one() -> None:
    with pytest.raises(InvalidInput, match="version 0"):
        registered("Thing", 0, {})


def test_versions_are_listed_in_order() -> None:
    versions = Versions(
        "OrderPlaced", [stored(2, WITH_OPTIONAL), stored(1, PLAIN), registered("Other", 9, {})]
    )
    assert [each.version for each in versions] == [1, 2]
    assert len(versions) == 2
    assert versions.latest == stored(2, WITH_OPTIONAL)
    assert versions.get(3) is None
    assert [each.version for each in versions.joined_by(stored(3, PLAIN))] == [1, 2, 3]


def test_a_verdict_without_findings_is_compatible() -> None:
    assert Verdict(Direction.BACKWARD, 2, 1).compatible
    assert render(Verdict(Direction.BACKWARD, 2, 1)).endswith("compatible")


NOT_JSON: list[Any] = [{"const": float("nan")}, {"const": b"x"}, {"const": "\ud800"}]


@pytest.mark.parametrize("made", NOT_JSON, ids=["NaN", "bytes", "a lone surrogate"])
def test_what_cannot_be_written_as_json_is_refused(made: Any) -> None:
    with pytest.raises(InvalidInput, match="cannot be written as JSON"):
        registered("Thing", 1, made)


def test_a_schema_without_measure_is_refused() -> None:
    with pytest.raises(InvalidInput, match="is the limit"):
        registered("Thing", 1, {"enum": [f"value {number}" for number in range(30_000)]})


def _defined(name: str, other: str, field: str = "default", **more: Any) -> dict[str, Any]:
    return {
        "$ref": f"#/$defs/{name}",
        "$defs": {
            name: schema(
                **{field: {"$ref": f"#/$defs/{other}"}, "next": {"$ref": f"#/$defs/{name}"}}, **more
            ),
            other: schema(cents={"type": "integer"}),
        },
    }


def test_a_class_may_be_called_otherwise() -> None:
    one = stored(1, _defined("Order", "Money"))
    assert stored(1, _defined("OrderV1", "Amount")).fingerprint == one.fingerprint
    assert stored(1, _defined("Money", "Order")).fingerprint == one.fingerprint
    assert stored(1, _defined("Order", "Money", field="amount")).fingerprint != one.fingerprint
    assert stored(1, _defined("Order", "Money", more=AMOUNT)).fingerprint != one.fingerprint
    changed = _defined("Order", "Money")
    changed["$defs"]["Money"]["properties"]["cents"] = AMOUNT
    assert stored(1, changed).fingerprint != one.fingerprint


def test_a_schema_that_refers_in_other_ways_keeps_its_names() -> None:
    far = {"$defs": {"A": schema()}, "properties": {"a": {"$ref": "#/$defs/A/properties"}}}
    same = {"$defs": {"B": schema()}, "properties": {"a": {"$ref": "#/$defs/B/properties"}}}
    assert stored(1, far).fingerprint != stored(1, same).fingerprint
