"""Each keyword of JSON Schema: what a reader may change, and what not."""

from __future__ import annotations

from typing import Any

import pytest

from dalsegno.events.schemas import Rule, Sides, compare_json

STRING, INTEGER, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}


def obj(properties: Any = None, **said: Any) -> dict[str, Any]:
    return {"type": "object", **({"properties": properties} if properties is not None else {}), **said}


def closed(properties: Any, **said: Any) -> dict[str, Any]:
    return obj(properties, additionalProperties=False, **said)


def arr(items: Any = None, **said: Any) -> dict[str, Any]:
    return {"type": "array", **({"items": items} if items is not None else {}), **said}


# what changes: the writer's schema, the reader's, and the rule by which it does not fit (None: it does)
CHANGES: dict[str, tuple[Any, Any, Rule | None]] = {
    # types
    "an integer is read as a number": (INTEGER, NUMBER, None),
    "a number is read as an integer": (NUMBER, INTEGER, Rule.TYPE_CHANGED),
    "multiples of ten are read as integers": ({**NUMBER, "multipleOf": 10}, INTEGER, None),
    "multiples of a half are read as integers": ({**NUMBER, "multipleOf": 0.5}, INTEGER, Rule.TYPE_CHANGED),
    "a string becomes nullable": (STRING, {"type": ["string", "null"]}, None),
    "a nullable string is no longer nullable": ({"type": ["string", "null"]}, STRING, Rule.TYPE_CHANGED),
    "a list of types is written as alternatives": (
        {"type": ["string", "null"]},
        {"anyOf": [STRING, {"type": "null"}]},
        None,
    ),
    "anything is read as a string": ({}, STRING, Rule.TYPE_CHANGED),
    # values
    "an enum gets a value": ({"enum": ["a", "b"]}, {"enum": ["a", "b", "c"]}, None),
    "an enum loses a value": ({"enum": ["a", "b"]}, {"enum": ["a"]}, Rule.VALUES_NARROWED),
    "an enum of strings becomes a string": ({"enum": ["a", "b"]}, STRING, None),
    "a string becomes an enum": (STRING, {"enum": ["a"]}, Rule.VALUES_NARROWED),
    "a constant becomes an enum": ({"const": 1}, {"enum": [1, 2]}, None),
    "one is one point zero": ({"const": 1}, {"const": 1.0}, None),
    "one is not true": ({"const": 1}, {"const": True}, Rule.VALUES_NARROWED),
    "a boolean becomes the enum of both": ({"type": "boolean"}, {"enum": [True, False]}, None),
    "a boolean becomes true only": ({"type": "boolean"}, {"const": True}, Rule.VALUES_NARROWED),
    "values of an enum are all long enough": ({"enum": ["ab", "abc"]}, {**STRING, "minLength": 2}, None),
    "a value of an enum is too short": ({"enum": ["ab", "c"]}, {"minLength": 2}, Rule.LENGTH_NARROWED),
    "values of an enum match a pattern": ({"enum": ["ab", "ac"]}, {**STRING, "pattern": "^a"}, None),
    "a value of an enum does not match": ({"enum": ["ab", "ba"]}, {"pattern": "^a"}, Rule.PATTERN_CHANGED),
    "a constant object has what is required": (
        {"const": {"a": 1}},
        obj({"a": INTEGER}, required=["a"]),
        None,
    ),
    "a constant object lacks what is required": (
        {"const": {"b": 1}},
        obj(required=["a"]),
        Rule.REQUIRED_MISSING,
    ),
    "a constant list is read as a list": (
        {"const": [1, 2]},
        arr(INTEGER, minItems=2, uniqueItems=True),
        None,
    ),
    # numbers
    "a minimum is lowered": ({**NUMBER, "minimum": 2}, {**NUMBER, "minimum": 1}, None),
    "a minimum is raised": ({**NUMBER, "minimum": 1}, {**NUMBER, "minimum": 2}, Rule.RANGE_NARROWED),
    "a minimum is set": (NUMBER, {**NUMBER, "minimum": 1}, Rule.RANGE_NARROWED),
    "a minimum is dropped": ({**NUMBER, "minimum": 1}, NUMBER, None),
    "a minimum becomes exclusive": (
        {"type": "number", "minimum": 1},
        {"exclusiveMinimum": 1},
        Rule.RANGE_NARROWED,
    ),
    "an exclusive minimum becomes inclusive": (
        {**NUMBER, "exclusiveMinimum": 1},
        {**NUMBER, "minimum": 1},
        None,
    ),
    "above zero is at least one, for integers": (
        {**INTEGER, "exclusiveMinimum": 0},
        {**INTEGER, "minimum": 1},
        None,
    ),
    "above zero is not at least one, for numbers": (
        {**NUMBER, "exclusiveMinimum": 0},
        {**NUMBER, "minimum": 1},
        Rule.RANGE_NARROWED,
    ),
    "draft 4 says by a flag that a bound is exclusive": (
        {**NUMBER, "minimum": 1, "exclusiveMinimum": True},
        {**NUMBER, "exclusiveMinimum": 1},
        None,
    ),
    "a maximum is raised": ({**NUMBER, "maximum": 1}, {**NUMBER, "maximum": 2}, None),
    "a maximum is lowered": ({**NUMBER, "maximum": 2}, {**NUMBER, "maximum": 1}, Rule.RANGE_NARROWED),
    "multiples of six are multiples of three": (
        {**INTEGER, "multipleOf": 6},
        {**INTEGER, "multipleOf": 3},
        None,
    ),
    "multiples of three need not be of six": (
        {**INTEGER, "multipleOf": 3},
        {**INTEGER, "multipleOf": 6},
        Rule.MULTIPLE_CHANGED,
    ),
    "three tenths are a multiple of a tenth": (
        {**NUMBER, "multipleOf": 0.3},
        {**NUMBER, "multipleOf": 0.1},
        None,
    ),
    "every integer is a multiple of one": (INTEGER, {**INTEGER, "multipleOf": 1}, None),
    "a bound does not concern other types": (STRING, {"minimum": 5}, None),
    # strings
    "a text may be shorter": ({**STRING, "minLength": 2}, {**STRING, "minLength": 1}, None),
    "a text must be longer": (STRING, {**STRING, "minLength": 1}, Rule.LENGTH_NARROWED),
    "a text may be longer": ({**STRING, "maxLength": 2}, {**STRING, "maxLength": 3}, None),
    "a text must be shorter": ({**STRING, "maxLength": 3}, {**STRING, "maxLength": 2}, Rule.LENGTH_NARROWED),
    "a pattern is kept": ({**STRING, "pattern": "^a+$"}, {"pattern": "^a+$"}, None),
    "a pattern is dropped": ({**STRING, "pattern": "^a+$"}, STRING, None),
    "a pattern is set": (STRING, {**STRING, "pattern": "^a+$"}, Rule.PATTERN_CHANGED),
    "a pattern is another": ({**STRING, "pattern": "^a+$"}, {"pattern": "^a*$"}, Rule.PATTERN_CHANGED),
    "a format is set": (STRING, {**STRING, "format": "date-time"}, Rule.FORMAT_CHANGED),
    "a format is dropped": ({**STRING, "format": "uuid"}, STRING, None),
    "a format is another": ({**STRING, "format": "date"}, {"format": "date-time"}, Rule.FORMAT_CHANGED),
    "a URI is a URI reference": ({**STRING, "format": "uri"}, {**STRING, "format": "uri-reference"}, None),
    "a constant has the format": ({"const": "2026-01-31"}, {**STRING, "format": "date"}, None),
    "a constant has not the format": ({"const": "soon"}, {**STRING, "format": "date"}, Rule.FORMAT_CHANGED),
    # objects
    "a property becomes required": (
        obj({"a": STRING}),
        obj({"a": STRING}, required=["a"]),
        Rule.REQUIRED_MISSING,
    ),
    "a property becomes optional": (obj({"a": STRING}, required=["a"]), obj({"a": STRING}), None),
    "a required property with a default is put in": (
        closed({}),
        closed({"a": {**STRING, "default": "x"}}, required=["a"]),
        None,
    ),
    "a default behind a reference counts": (
        closed({}),
        {**closed({"a": {"$ref": "#/$defs/a"}}, required=["a"]), "$defs": {"a": {**STRING, "default": "x"}}},
        None,
    ),
    "a property is added to a closed object": (closed({}), closed({"a": STRING}), None),
    "a property is added to an open object": (obj({}), obj({"a": STRING}), Rule.PROPERTY_TAKEN),
    "a property is added that others were held to": (
        obj({}, additionalProperties=STRING),
        obj({"a": STRING}, additionalProperties=STRING),
        None,
    ),
    "a property is dropped by an open reader": (closed({"a": STRING}), obj({}), None),
    "a property is dropped by a closed reader": (closed({"a": STRING}), closed({}), Rule.PROPERTY_REFUSED),
    "an open object is closed": (obj({"a": STRING}), closed({"a": STRING}), Rule.PROPERTY_REFUSED),
    "a closed object is opened": (closed({"a": STRING}), obj({"a": STRING}), None),
    "other properties get a type": (obj(), obj(additionalProperties=STRING), Rule.TYPE_CHANGED),
    "other properties take the dropped one": (
        closed({"a": STRING}),
        obj({}, additionalProperties={"type": ["string", "null"]}),
        None,
    ),
    "a property inside changes its type": (
        obj({"a": obj({"b": INTEGER})}),
        obj({"a": obj({"b": STRING})}),
        Rule.TYPE_CHANGED,
    ),
    "a pattern takes the dropped property": (
        closed({"ax": STRING}),
        closed({}, patternProperties={"^a": STRING}),
        None,
    ),
    "a pattern wants another type": (
        closed({"ax": INTEGER}),
        obj({}, patternProperties={"^a": STRING}),
        Rule.TYPE_CHANGED,
    ),
    "a pattern is kept for properties": (
        obj(patternProperties={"^a": INTEGER}),
        obj(patternProperties={"^a": NUMBER}),
        None,
    ),
    "names are held to a length": (
        obj({"abc": STRING}),
        obj(propertyNames={"maxLength": 2}),
        Rule.PROPERTY_NAMES_NARROWED,
    ),
    "names of a closed object fit": (closed({"ab": STRING}), obj(propertyNames={"maxLength": 2}), None),
    "names are held to what they were": (
        obj(propertyNames={"maxLength": 2}),
        obj(propertyNames={"maxLength": 3}),
        None,
    ),
    "fewer properties are enough": (obj(minProperties=2), obj(minProperties=1), None),
    "more properties are wanted": (obj(minProperties=1), obj(minProperties=2), Rule.PROPERTY_COUNT_NARROWED),
    "required ones are counted": (obj(required=["a", "b"]), obj(minProperties=2), None),
    "a closed object cannot have more": (closed({"a": {}, "b": {}}), obj(maxProperties=2), None),
    "too many properties are possible": (
        obj(maxProperties=3),
        obj(maxProperties=2),
        Rule.PROPERTY_COUNT_NARROWED,
    ),
    "a property wants another beside it": (
        obj({"a": {}, "b": {}}),
        obj({"a": {}, "b": {}}, dependentRequired={"a": ["b"]}),
        Rule.DEPENDENCY_ADDED,
    ),
    "what is wanted beside it is always there": (
        obj({"a": {}, "b": {}}, required=["b"]),
        obj(dependentRequired={"a": ["b"]}),
        None,
    ),
    "what is wanted beside it was wanted before": (
        obj(dependentRequired={"a": ["b"]}),
        obj(dependentRequired={"a": ["b"]}, minProperties=0),
        None,
    ),
    "draft 7 calls it dependencies": (
        {"$schema": "http://json-schema.org/draft-07/schema#", **obj(dependencies={"a": ["b"]})},
        {"$schema": "http://json-schema.org/draft-07/schema#", "dependencies": {"a": ["c"]}},
        Rule.DEPENDENCY_ADDED,
    ),
    "a property wants another schema beside it": (
        obj({"a": {}, "b": {}}),
        obj({"a": {}, "b": {}}, dependentSchemas={"a": {"required": ["b"]}}),
        Rule.REQUIRED_MISSING,
    ),
    "unevaluated properties are refused": (
        obj({"a": {}}),
        obj({"a": {}}, unevaluatedProperties=False),
        Rule.PROPERTY_REFUSED,
    ),
    "nothing is unevaluated": (
        {"allOf": [obj({"a": {}})], "unevaluatedProperties": False},
        closed({"a": {}, "b": {}}),
        None,
    ),
    # arrays
    "items change their type": (arr(INTEGER), arr(STRING), Rule.TYPE_CHANGED),
    "items widen": (arr(INTEGER), arr(NUMBER), None),
    "items get a type": (arr(), arr(STRING), Rule.ITEM_TAKEN),
    "a tuple gets a place, at its closed end": (
        arr(False, prefixItems=[INTEGER]),
        arr(False, prefixItems=[INTEGER, STRING]),
        None,
    ),
    "a tuple gets a place, at its open end": (
        arr(prefixItems=[INTEGER]),
        arr(prefixItems=[INTEGER, STRING]),
        Rule.ITEM_TAKEN,
    ),
    "a closed tuple loses a place": (
        arr(False, prefixItems=[INTEGER, STRING]),
        arr(False, prefixItems=[INTEGER]),
        Rule.ITEM_REFUSED,
    ),
    "a place changes its type": (
        arr(prefixItems=[INTEGER, INTEGER]),
        arr(prefixItems=[INTEGER, STRING]),
        Rule.TYPE_CHANGED,
    ),
    "an older draft's tuple is one": (
        {"$schema": "http://json-schema.org/draft-07/schema#", **arr([INTEGER], additionalItems=False)},
        arr(False, prefixItems=[NUMBER]),
        None,
    ),
    "the rest of a tuple takes the place": (
        arr(False, prefixItems=[INTEGER, INTEGER]),
        arr(NUMBER, prefixItems=[INTEGER]),
        None,
    ),
    "an open tuple is read as a list": (arr(prefixItems=[INTEGER]), arr(INTEGER), Rule.ITEM_TAKEN),
    "more items are wanted": (arr(minItems=1), arr(minItems=2), Rule.ITEM_COUNT_NARROWED),
    "fewer items are taken": (arr(maxItems=2), arr(maxItems=1), Rule.ITEM_COUNT_NARROWED),
    "a closed tuple has no more items": (arr(False, prefixItems=[INTEGER]), arr(maxItems=1), None),
    "equal items are refused": (arr(INTEGER), arr(INTEGER, uniqueItems=True), Rule.UNIQUENESS_ADDED),
    "one item is always unique": (arr(INTEGER, maxItems=1), arr(INTEGER, uniqueItems=True), None),
    "a list must contain something": (
        arr(INTEGER),
        arr(INTEGER, contains={"const": 1}),
        Rule.CONTAINS_NARROWED,
    ),
    "a list contains it anyway": (arr(INTEGER, minItems=1), arr(INTEGER, contains=NUMBER), None),
    "a list contained it before": (arr(contains={"const": 1}), arr(contains=INTEGER), None),
    "a list must not contain too much": (
        arr(),
        arr(contains=INTEGER, minContains=0, maxContains=1),
        Rule.CONTAINS_NARROWED,
    ),
    "a list contains none of it": (arr(STRING), arr(contains=INTEGER, minContains=0, maxContains=1), None),
    # put together
    "an alternative is added": ({"anyOf": [STRING]}, {"anyOf": [STRING, INTEGER]}, None),
    "an alternative is dropped": ({"anyOf": [STRING, INTEGER]}, {"anyOf": [STRING]}, Rule.TYPE_CHANGED),
    "an alternative of three is dropped": (
        {"anyOf": [STRING, INTEGER, {"type": "null"}]},
        {"anyOf": [STRING, {"type": "null"}]},
        Rule.NO_ALTERNATIVE,
    ),
    "exactly one becomes any": ({"oneOf": [STRING, INTEGER]}, {"anyOf": [STRING, INTEGER]}, None),
    "any becomes exactly one of parts that exclude each other": (
        {"anyOf": [STRING, INTEGER]},
        {"oneOf": [STRING, INTEGER]},
        None,
    ),
    "any becomes exactly one of parts that overlap": (
        {"anyOf": [NUMBER, INTEGER]},
        {"oneOf": [NUMBER, INTEGER]},
        Rule.SEVERAL_ALTERNATIVES,
    ),
    "tagged alternatives exclude each other": (
        obj({"kind": {"const": "a"}, "x": INTEGER}, required=["kind", "x"]),
        {
            "oneOf": [
                obj({"kind": {"const": "a"}, "x": NUMBER}, required=["kind"]),
                obj({"kind": {"const": "b"}}, required=["kind"]),
            ]
        },
        None,
    ),
    "all of several is all of it": ({"allOf": [STRING, {"minLength": 2}]}, {**STRING, "minLength": 1}, None),
    "one more must hold": ({"allOf": [STRING]}, {"allOf": [STRING, {"minLength": 2}]}, Rule.LENGTH_NARROWED),
    "less is excluded": ({"not": {"type": ["string", "integer"]}}, {"not": STRING}, None),
    "more is excluded": ({"not": STRING}, {"not": {"type": ["string", "integer"]}}, Rule.EXCLUDED),
    "what is excluded was never written": (INTEGER, {"not": STRING}, None),
    "what is excluded was excluded by value": ({"enum": ["a", "b"]}, {"not": {"const": "c"}}, None),
    "a condition that is never met": (INTEGER, {"if": STRING, "then": {"minLength": 2}}, None),
    "a condition that may be met": (STRING, {"if": STRING, "then": {"minLength": 2}}, Rule.LENGTH_NARROWED),
    "a condition is kept": (
        {"if": STRING, "then": {"minLength": 2}, "type": ["string", "null"]},
        {"anyOf": [{**STRING, "minLength": 1}, {"type": "null"}]},
        None,
    ),
    "a reference says what stands there": (
        {"$ref": "#/$defs/a", "$defs": {"a": INTEGER}},
        {"$ref": "#/$defs/b", "$defs": {"b": NUMBER}},
        None,
    ),
    "a reference leads to another type": (
        {"$ref": "#/$defs/a", "$defs": {"a": INTEGER}},
        {"$ref": "#/$defs/a", "$defs": {"a": STRING}},
        Rule.TYPE_CHANGED,
    ),
    "a reference by anchor": (INTEGER, {"$ref": "#n", "$defs": {"n": {"$anchor": "n", **NUMBER}}}, None),
    "a reference by address": (
        INTEGER,
        {"$id": "https://e.org/a", "$ref": "b", "$defs": {"b": {"$id": "b", **NUMBER}}},
        None,
    ),
    "a reference leads out of the document": (INTEGER, {"$ref": "https://e.org/x"}, Rule.UNKNOWN_REFERENCE),
    "what stands beside a reference counts since 2019": (
        INTEGER,
        {"$ref": "#/$defs/n", "minimum": 1, "$defs": {"n": NUMBER}},
        Rule.RANGE_NARROWED,
    ),
    "what stands beside a reference is void before": (
        INTEGER,
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "$ref": "#/definitions/n",
            "minimum": 1,
            "definitions": {"n": NUMBER},
        },
        None,
    ),
    # everything and nothing
    "everything is read by true": ({}, True, None),
    "nothing is read by false": (STRING, False, Rule.NOTHING_ACCEPTED),
    "everything is excluded": ({}, {"not": {}}, Rule.EXCLUDED),
    "a contradiction writes nothing": ({**INTEGER, "minimum": 2, "maximum": 1}, STRING, None),
    "a property that is never there": (obj({"a": False}), obj({"a": STRING}), None),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_fits_or_does_not(change: str) -> None:
    writer, reader, rule = CHANGES[change]
    found = compare_json(reader, writer)
    assert [each.rule for each in found][:1] == ([rule] if rule else []), found


@pytest.mark.parametrize("change", CHANGES)
def test_every_schema_reads_what_is_written_under_itself(change: str) -> None:
    for schema in CHANGES[change][:2]:
        assert compare_json(schema, schema) == ()


# What every value survives, and registries refuse all the same; logic alone has nothing against it.
CONVENTIONS: dict[str, tuple[Any, Any, Rule]] = {
    "a type is dropped": (STRING, True, Rule.TYPE_DROPPED),
    "a property's type is dropped": (obj({"a": STRING}), obj({"a": {}}), Rule.TYPE_DROPPED),
    "an open object's property is named": (obj(), obj({"a": {}}), Rule.PROPERTY_TAKEN),
    "a list is read as a tuple": (arr(INTEGER), arr(prefixItems=[INTEGER]), Rule.LIST_OR_TUPLE),
    "a tuple is read as a list": (arr(False, prefixItems=[INTEGER]), arr(INTEGER), Rule.LIST_OR_TUPLE),
    "nothing was written": (False, STRING, Rule.NOTHING_WRITTEN),
    "nothing was written, said otherwise": ({"not": {}}, True, Rule.NOTHING_WRITTEN),
    "a pattern that matches all is set": (STRING, {**STRING, "pattern": "a*"}, Rule.PATTERN_CHANGED),
}


@pytest.mark.parametrize("change", CONVENTIONS)
def test_what_registries_refuse_by_convention_is_marked_as_that(change: str) -> None:
    writer, reader, rule = CONVENTIONS[change]
    found = compare_json(reader, writer)
    assert [(each.rule, each.kind) for each in found] == [(rule, "convention")]
    assert compare_json(reader, writer, conventions=False) == ()


# What no value contradicts, and what nobody could show: the answer is no, and says that it is not sure.
UNPROVEN: dict[str, tuple[Any, Any, Rule]] = {
    "several parts take together what none takes alone": (
        {**NUMBER, "minimum": 0, "maximum": 10},
        {"anyOf": [{"maximum": 5}, {"minimum": 5}]},
        Rule.NO_ALTERNATIVE,
    ),
    "one pattern includes another": (
        {**STRING, "pattern": "^ab$"},
        {**STRING, "pattern": "^a"},
        Rule.PATTERN_CHANGED,
    ),
    "a bound is said by a negation": (
        {**NUMBER, "not": {"minimum": 5}},
        {**NUMBER, "maximum": 5},
        Rule.RANGE_NARROWED,
    ),
    "a reference without an end": (
        STRING,
        {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, INTEGER]}}},
        Rule.TOO_INTRICATE,
    ),
}


@pytest.mark.parametrize("change", UNPROVEN)
def test_what_cannot_be_shown_is_refused_and_marked_as_that(change: str) -> None:
    writer, reader, rule = UNPROVEN[change]
    assert [(each.rule, each.kind) for each in compare_json(reader, writer)] == [(rule, "unproven")]


def test_a_schema_that_grows_out_of_all_bounds_is_given_up() -> None:
    def doubled(times: int) -> Any:
        made: Any = STRING
        for _ in range(times):
            made = {"anyOf": [made, obj({"x": made})]}
        return made

    (found,) = compare_json(doubled(9), {**doubled(10), "title": "more"})
    assert (found.rule, found.kind) == (Rule.TOO_INTRICATE, "unproven")


# path, and the sentence that people read
WORDS: dict[str, tuple[Any, Any, str, str]] = {
    "a field is missing": (
        obj({"lines": arr(obj({"sku": STRING}))}),
        obj({"lines": arr(obj({"sku": STRING}, required=["sku"]))}),
        "$.lines[].sku",
        "A v2 reader does not find `lines[].sku`; a v1 emitter need not send it",
    ),
    "a field is unknown": (
        closed({"note": STRING}),
        closed({}),
        "$.note",
        "A v2 reader refuses `note`, which a v1 emitter may send",
    ),
    "a type is another": (
        obj({"a": {"type": ["string", "null"]}}),
        obj({"a": INTEGER}),
        "$.a",
        "A v2 reader wants an integer as `a`; a v1 emitter may send null or a string",
    ),
    "a value is unknown": (
        obj({"state": {"enum": ["new", "lost"]}}),
        obj({"state": {"enum": ["new"]}}),
        "$.state",
        'A v2 reader does not know "lost" as `state`, which a v1 emitter may send',
    ),
    "a name that is no word": (
        obj({"a b": STRING}),
        obj({"a b": INTEGER}),
        "$['a b']",
        "A v2 reader wants an integer as `$['a b']`; a v1 emitter may send a string",
    ),
    "a name with braces in it": (
        obj({"{writer}": STRING}),
        obj({"{writer}": INTEGER}),
        "$['{writer}']",
        "A v2 reader wants an integer as `$['{writer}']`; a v1 emitter may send a string",
    ),
    "a place in a tuple": (
        arr(prefixItems=[STRING, STRING]),
        arr(prefixItems=[STRING, INTEGER]),
        "$[1]",
        "A v2 reader wants an integer as `$[1]`; a v1 emitter may send a string",
    ),
}


@pytest.mark.parametrize("change", WORDS)
def test_a_finding_names_the_place_and_says_what_breaks(change: str) -> None:
    writer, reader, path, breaks = WORDS[change]
    (found,) = compare_json(reader, writer, sides=Sides("a v2 reader", "a v1 emitter"))
    assert (found.path, found.breaks) == (path, breaks)
    assert found.reader and found.writer
