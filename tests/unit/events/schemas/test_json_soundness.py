"""Held against plain validation: what the comparison calls compatible, no value contradicts.

Schemas and values are made by chance, from seeds; the judge is jsonschema-rs.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from dalsegno.errors import InvalidInput
from dalsegno.events.schemas import arrays, choices, compare_json, objects, scalars
from tests.helpers.counts import Count
from tests.unit.events.schemas import making

POOL = [making.value(Random(seed)) for seed in range(700)]
DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def _pair(seed: int, draft: int = 2020) -> tuple[Any, Any]:
    chance = Random(seed)
    writer = making.whole(chance)
    reader = writer
    for _ in range(chance.randint(1, 3)):
        reader = making.changed(chance, reader)
    if isinstance(reader, dict) and isinstance(writer, dict):
        reader = {"$defs": writer["$defs"], **reader}
    if draft == 7:
        writer, reader = (
            {**made, "$schema": DRAFT_7} if isinstance(made, dict) else made
            for made in map(making.as_draft_7, (writer, reader))
        )
    return writer, reader


def _contradiction(writer: Any, reader: Any, draft: int = 2020) -> Any:
    """Look for a value that is valid under the writer's schema and not under the reader's."""
    try:
        written, read = making.validator(writer, draft), making.validator(reader, draft)
    except ValueError:
        return None
    return next(([value] for value in POOL if written.is_valid(value) and not read.is_valid(value)), None)


def _judged(seeds: range, draft: int = 2020, word: str = "", **options: bool) -> tuple[int, list[Any]]:
    """Compare the pairs of some seeds, if they have a word. Return how many fit, and what contradicts them."""
    fitting, wrong = 0, []
    for seed in seeds:
        writer, reader = _pair(seed, draft)
        if word not in json.dumps(reader):
            continue
        try:
            found = compare_json(reader, writer, **options)
        except InvalidInput:
            continue
        if not found:
            fitting += 1
            if (value := _contradiction(writer, reader, draft)) is not None:
                wrong.append((seed, json.dumps(writer), json.dumps(reader), value))
    return fitting, wrong


@pytest.mark.parametrize("draft", [2020, 7])
def test_no_value_contradicts_a_verdict_that_schemas_fit(draft: int, count: Count) -> None:
    fitting, wrong = _judged(range(2500), draft, conventions=False)
    count("schema pairs made by chance", 2500)
    assert fitting > 1000
    assert wrong == []


def test_conventions_only_ever_refuse_more() -> None:
    for seed in range(800):
        writer, reader = _pair(seed)
        try:
            logic = compare_json(reader, writer, conventions=False)
            strict = compare_json(reader, writer)
        except InvalidInput:
            continue
        assert strict or not logic, seed


# Where the same value is held to several schemas, or to none, closing each by itself says something else.
_UNEVEN = ("allOf", "oneOf", "not", "if", "dependentSchemas", "unevaluated")


def test_a_sealed_writer_is_one_whose_objects_are_closed() -> None:
    wrong, fitting = [], 0
    for seed in range(2500):
        writer, reader = _pair(seed)
        try:
            found = compare_json(reader, writer, sealed=True, conventions=False)
        except InvalidInput:
            continue
        if not found and not any(word in json.dumps(writer) for word in _UNEVEN):
            fitting += 1
            if (value := _contradiction(making.sealed(writer), reader)) is not None:
                wrong.append((seed, json.dumps(writer), json.dumps(reader), value))
    assert fitting > 500
    assert wrong == []


def test_every_schema_fits_itself() -> None:
    for seed in range(1500):
        schema = making.whole(Random(seed))
        try:
            assert compare_json(schema, schema) == (), seed
            renamed = json.loads(json.dumps(schema).replace("tree", "bush"))
            assert not _contradiction(schema, renamed)
            assert all(each.kind != "breaks" for each in compare_json(renamed, schema)), (seed, schema)
        except InvalidInput:
            continue


def test_what_fits_through_a_third_schema_is_contradicted_by_no_value() -> None:
    chains = 0
    for seed in range(2500):
        chance = Random(seed)
        first = making.whole(chance)
        second = making.changed(chance, first)
        third = making.changed(chance, second)
        try:
            holds = not compare_json(second, first, conventions=False) and not compare_json(
                third, second, conventions=False
            )
        except InvalidInput:
            continue
        if holds:
            chains += 1
            assert _contradiction(first, third) is None, seed
    assert chains > 300


def test_a_schema_that_only_loosens_fits() -> None:
    loosened = 0
    for seed in range(1500):
        chance = Random(seed)
        schema = making.whole(chance)
        words = [
            word
            for word in (schema if isinstance(schema, dict) else ())
            if word not in ("$defs", "properties", "patternProperties", "prefixItems", "if", "minContains")
            and not (word == "items" and "unevaluatedItems" in schema)
            and not (word in _EVALUATE and _leaves_over(schema))
        ]
        if not words:
            continue
        word = chance.choice(words)
        loose = {key: said for key, said in schema.items() if key != word}
        try:
            found = compare_json(loose, schema, conventions=False)
        except InvalidInput:
            continue
        loosened += 1
        assert found == (), (seed, word, json.dumps(schema))
    assert loosened > 400


_EVALUATE = (
    "maxContains $ref anyOf oneOf allOf then else contains dependentSchemas additionalProperties not".split()
)


def _leaves_over(schema: dict[str, Any]) -> bool:
    return "unevaluatedProperties" in schema or "unevaluatedItems" in schema


RULES = [
    *((scalars.NUMBER_RULES, word) for word in scalars.NUMBER_RULES),
    *((scalars.STRING_RULES, word) for word in scalars.STRING_RULES if word != "format"),
    *((objects.OBJECT_RULES, word) for word in objects.OBJECT_RULES),
    *((arrays.ARRAY_RULES, word) for word in arrays.ARRAY_RULES),
    *((choices.CHOICE_RULES, word) for word in choices.CHOICE_RULES),
    *((choices.VALUE_RULES, word) for word in choices.VALUE_RULES),
]


@pytest.mark.parametrize(("rules", "word"), RULES, ids=[word for _, word in RULES])
def test_validation_notices_a_rule_that_is_missing(
    rules: dict[str, Any], word: str, monkeypatch: pytest.MonkeyPatch, count: Count
) -> None:
    """The test above has teeth: with any one rule switched off, some value contradicts a verdict."""
    rule = rules[word]
    for other in [other for other, same in rules.items() if same is rule]:
        monkeypatch.delitem(rules, other)
    draft = 7 if word in ("additionalItems", "dependencies") else 2020
    for start in range(0, 12_000, 500):
        if _judged(range(start, start + 500), draft, word, conventions=False)[1]:
            count("teeth", 1, of=1)
            return
    pytest.fail(f"nothing contradicts a comparison without its rule for {word}")
