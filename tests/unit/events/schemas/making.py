"""Schemas and values by chance, from a seed: what the comparison is held against plain validation with."""

from __future__ import annotations

from random import Random
from typing import Any

import jsonschema_rs

NAMES = ("a", "b", "c", "ab")
PATTERNS = ("^a", "^a*", "b$", "^[0-9]+$")
SCALARS = (None, True, False, 0, 1, 2, 3, 7, -1, 0.5, 1.0, 2.5, 10, "", "a", "ab", "abc", "12", "b")


def schema(chance: Random, depth: int = 3) -> Any:
    """Make a schema of any kind."""
    roll = chance.random()
    if roll < 0.06:
        return chance.choice([True, False, {}, {"not": {}}])
    if depth > 0 and roll < 0.32:
        return _combined(chance, depth - 1)
    kind = chance.choice(
        ["integer", "number", "string", "boolean", "null", "enum", "array", "object", "object"]
    )
    return _plain(chance, kind, depth)


def _combined(chance: Random, depth: int) -> Any:
    word = chance.choice(["anyOf", "anyOf", "oneOf", "allOf", "not", "if", "types", "ref"])
    parts = [schema(chance, depth) for _ in range(chance.randint(1, 3))]
    match word:
        case "not":
            return {"not": parts[0]}
        case "if":
            found = {"if": parts[0], "then": schema(chance, depth), "else": schema(chance, depth)}
            return {key: found[key] for key in found if key == "if" or chance.random() < 0.8}
        case "types":
            return {"type": chance.sample(["integer", "number", "string", "null", "object", "array"], 2)}
        case "ref":
            beside = _plain(chance, "object", depth) if chance.random() < 0.3 else {}
            return {"$ref": "#/$defs/tree", **beside}
    return {word: parts} | (_plain(chance, "object", depth) if chance.random() < 0.3 else {})


def _plain(chance: Random, kind: str, depth: int) -> dict[str, Any]:
    def maybe(**said: Any) -> dict[str, Any]:
        return {word: value for word, value in said.items() if chance.random() < 0.35}

    typed = {"type": kind} if chance.random() < 0.85 else {}
    match kind:
        case "integer" | "number":
            low = chance.choice([0, 1, 2, 0.5])
            return typed | maybe(
                minimum=low,
                maximum=chance.choice([2, 3, 7]),
                exclusiveMinimum=chance.choice([-1, 0]),
                exclusiveMaximum=chance.choice([3, 10]),
                multipleOf=chance.choice([1, 2, 0.5]),
            )
        case "string":
            return typed | maybe(
                minLength=chance.choice([0, 1, 2]),
                maxLength=chance.choice([1, 2, 3]),
                pattern=chance.choice(PATTERNS),
            )
        case "enum":
            values = chance.sample(SCALARS, chance.randint(1, 5))
            return {"enum": values} if len(values) > 1 else {"const": values[0]}
        case "array":
            return typed | _array(chance, depth)
        case "object":
            return typed | _object(chance, depth)
    return typed


def _array(chance: Random, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if depth and chance.random() < 0.6:
        found["items"] = schema(chance, depth - 1)
    if depth and chance.random() < 0.35:
        found["prefixItems"] = [schema(chance, depth - 1) for _ in range(chance.randint(1, 2))]
    counts = {"minItems": chance.randint(0, 2), "maxItems": chance.randint(1, 3), "uniqueItems": True}
    found |= {word: value for word, value in counts.items() if chance.random() < 0.2}
    if depth and chance.random() < 0.2:
        found["contains"] = schema(chance, 0)
        found |= {"minContains": chance.randint(0, 2)} if chance.random() < 0.4 else {}
        found |= {"maxContains": chance.randint(1, 2)} if chance.random() < 0.4 else {}
    if chance.random() < 0.06:
        found["unevaluatedItems"] = chance.choice([False, {"type": "integer"}])
    return found


def _object(chance: Random, depth: int) -> dict[str, Any]:
    inner = depth - 1 if depth else 0
    found: dict[str, Any] = {}
    if chance.random() < 0.85:
        names = chance.sample(NAMES, chance.randint(1, 3))
        found["properties"] = {name: schema(chance, inner) for name in names}
    if chance.random() < 0.5:
        found["required"] = chance.sample(NAMES, chance.randint(1, 2))
    if chance.random() < 0.4:
        found["additionalProperties"] = chance.choice([False, False, True, schema(chance, 0)])
    if chance.random() < 0.2:
        found["patternProperties"] = {chance.choice(PATTERNS): schema(chance, inner)}
    if chance.random() < 0.12:
        found["propertyNames"] = chance.choice([{"pattern": "^a"}, {"maxLength": 1}, {"enum": ["a", "b"]}])
    if chance.random() < 0.1:
        found["minProperties"] = chance.randint(0, 2)
    if chance.random() < 0.1:
        found["maxProperties"] = chance.randint(1, 3)
    if chance.random() < 0.1:
        found["dependentRequired"] = {chance.choice(NAMES): [chance.choice(NAMES)]}
    if chance.random() < 0.08:
        found["dependentSchemas"] = {chance.choice(NAMES): schema(chance, inner)}
    if chance.random() < 0.1:
        found["unevaluatedProperties"] = chance.choice([False, False, schema(chance, 0)])
    return found


def whole(chance: Random) -> Any:
    """Make a whole schema, with a definition that parts of it may refer to."""
    made = schema(chance)
    tree = {"type": "object", "properties": {"a": {"$ref": "#/$defs/tree"}, "b": schema(chance, 1)}}
    return {**made, "$defs": {"tree": tree}} if isinstance(made, dict) else made


def changed(chance: Random, made: Any) -> Any:
    """Change a schema a little, somewhere."""
    if not isinstance(made, dict) or not made or chance.random() < 0.12:
        return schema(chance, 1)
    word = chance.choice(list(made))
    found = dict(made)
    value = made[word]
    match value:
        case _ if chance.random() < 0.2:
            del found[word]
        case bool():
            found[word] = not value
        case int() | float():
            found[word] = max(value + chance.choice([-1, 1]), 1 if word == "multipleOf" else 0)
        case str() if word == "type":
            found[word] = "number" if value == "integer" else [value, "null"]
        case list() if value and all(isinstance(each, (dict, bool)) for each in value) and word != "enum":
            place = chance.randrange(len(value))
            found[word] = [changed(chance, each) if at == place else each for at, each in enumerate(value)]
            if chance.random() < 0.2:
                found[word] = [*value, schema(chance, 1)]
        case list() if word == "enum":
            found[word] = [*value, "more"]
        case dict() if word in ("properties", "patternProperties", "$defs", "dependentSchemas") and value:
            name = chance.choice(list(value))
            found[word] = {**value, name: changed(chance, value[name])}
        case dict() if word in ("not", "if", "then", "else", "items", "additionalProperties", "contains"):
            found[word] = changed(chance, value)
    if chance.random() < 0.15:
        found |= _plain(chance, chance.choice(["object", "array", "string", "integer"]), 1)
    return found


def value(chance: Random, depth: int = 3) -> Any:
    """Make a JSON value."""
    if depth and (roll := chance.random()) < 0.6:
        if roll < 0.4:
            names = chance.sample((*NAMES, "12"), chance.randint(0, 4))
            return {name: value(chance, depth - 1) for name in names}
        return [value(chance, depth - 1) for _ in range(chance.randint(0, 3))]
    return chance.choice(SCALARS)


def as_draft_7(made: Any) -> Any:
    """Say the same in draft 7, as far as it can be said there."""
    if isinstance(made, list):
        return [as_draft_7(each) for each in made]
    if not isinstance(made, dict):
        return made
    found = {word: as_draft_7(said) for word, said in made.items() if word not in _NEW}
    if "prefixItems" in made:
        found["items"] = as_draft_7(made["prefixItems"])
        found |= {"additionalItems": as_draft_7(made["items"])} if "items" in made else {}
    wanted = dict(made.get("dependentRequired", {}))
    wanted |= {name: as_draft_7(each) for name, each in made.get("dependentSchemas", {}).items()}
    return found | ({"dependencies": wanted} if wanted else {})


_NEW = ("prefixItems", "unevaluatedItems", "unevaluatedProperties", "minContains", "maxContains")
_NEW += ("dependentRequired", "dependentSchemas")


def sealed(made: Any) -> Any:
    """Close each object that lists its properties and says nothing of others."""
    if isinstance(made, list):
        return [sealed(each) for each in made]
    if not isinstance(made, dict):
        return made
    found = {word: said if word in ("enum", "const") else sealed(said) for word, said in made.items()}
    return found | ({"additionalProperties": False} if "properties" in made else {})


def validator(made: Any, draft: int = 2020) -> Any:
    """Make a validator."""
    return (jsonschema_rs.Draft202012Validator if draft == 2020 else jsonschema_rs.Draft7Validator)(made)
