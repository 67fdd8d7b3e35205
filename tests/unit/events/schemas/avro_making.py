"""Avro schemas and values by chance, from a seed: what the comparison is held against fastavro with."""

from __future__ import annotations

from random import Random
from typing import Any

PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")


def schema(chance: Random, depth: int = 3, names: list[str] | None = None) -> Any:
    """Make a schema; ``names`` are the records around it, to which it may refer."""
    names = names or []
    roll = chance.random()
    if depth == 0 or roll < 0.35:
        return chance.choice(PRIMITIVES)
    if roll < 0.5:
        return _union(chance, depth, names)
    if roll < 0.6:
        return {"type": "array", "items": schema(chance, depth - 1, names)}
    if roll < 0.66:
        return {"type": "map", "values": schema(chance, depth - 1, names)}
    return _named(chance, depth, names)


def _union(chance: Random, depth: int, names: list[str]) -> list[Any]:
    kinds: list[Any] = chance.sample(PRIMITIVES, chance.randint(1, 3))
    if names and chance.random() < 0.3:
        kinds.append(chance.choice(names))
    if chance.random() < 0.3:
        kinds.append(_named(chance, depth - 1, names))
    return kinds


def _named(chance: Random, depth: int, names: list[str]) -> Any:
    name = f"N{chance.randint(0, 10**6)}"
    roll = chance.random()
    if roll < 0.2:
        symbols = chance.sample(["A", "B", "C", "D"], chance.randint(1, 3))
        return {"type": "enum", "name": name, "symbols": symbols}
    if roll < 0.3:
        return {"type": "fixed", "name": name, "size": chance.randint(1, 3)}
    fields = [
        {"name": f"f{at}", "type": schema(chance, max(depth - 1, 0), [*names, name])}
        for at in range(chance.randint(0, 3))
    ]
    return {"type": "record", "name": name, "fields": fields}


def changed(chance: Random, made: Any) -> Any:
    """Change a schema a little, somewhere."""
    match made:
        case str():
            return (
                chance.choice([made, made, chance.choice(PRIMITIVES), [made, "null"]])
                if made in PRIMITIVES
                else made
            )
        case list() if made:
            if chance.random() < 0.4:
                more = chance.choice([kind for kind in PRIMITIVES if kind not in made])
                return chance.choice([[*made, more], made[1:] or made, made[0]])
            place = chance.randrange(len(made))
            inner = changed(chance, made[place])
            return (
                [inner if at == place else each for at, each in enumerate(made)]
                if isinstance(inner, dict)
                else made
            )
        case {"type": "array"}:
            return {**made, "items": changed(chance, made["items"])}
        case {"type": "map"}:
            return {**made, "values": changed(chance, made["values"])}
        case {"type": "enum"}:
            found = {"type": "enum", "name": made["name"]}
            found["symbols"] = made["symbols"][chance.randint(0, 1) :] or ["Z"]
            return found | ({"default": found["symbols"][0]} if chance.random() < 0.5 else {})
        case {"type": "fixed"}:
            return {**made, "size": made["size"] + chance.choice([0, 0, 1])}
        case {"type": "record"}:
            return {**made, "fields": _fields(chance, made["fields"])}
    return made


def _fields(chance: Random, fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for field in fields:
        roll = chance.random()
        if roll < 0.15:
            continue
        if roll < 0.3:
            found.append({**field, "name": f"{field['name']}_new", "aliases": [field["name"]]})
        elif roll < 0.7 and "default" not in field:
            found.append({**field, "type": changed(chance, field["type"])})
        else:
            found.append(field)
    if chance.random() < 0.3:
        more = {"name": f"more{chance.randint(0, 10**6)}", "type": "int"}
        found.append(more | ({"default": 1} if chance.random() < 0.6 else {}))
    chance.shuffle(found)
    return found


def value(chance: Random, made: Any, known: dict[str, Any], depth: int = 0) -> Any:
    """Make a value of a schema. Raises RecursionError where there is no finite one."""
    if depth > 12:
        raise RecursionError
    match made:
        case str() if made in PRIMITIVES:
            return {
                "null": None,
                "boolean": chance.random() < 0.5,
                "int": chance.randint(-9, 9),
                "long": 2**40,
                "float": 0.5,
                "double": 0.1,
                "bytes": b"ab",
                "string": "ab",
            }[made]
        case str():
            return value(chance, known[made], known, depth + 1)
        case list():
            return value(chance, made[0 if depth > 6 else chance.randrange(len(made))], known, depth + 1)
        case {"type": "array"}:
            return [
                value(chance, made["items"], known, depth + 1)
                for _ in range(chance.randint(0, 2) if depth < 5 else 0)
            ]
        case {"type": "map"}:
            return {"k": value(chance, made["values"], known, depth + 1)} if depth < 5 else {}
        case {"type": "enum"}:
            return chance.choice(made["symbols"])
        case {"type": "fixed"}:
            return b"x" * made["size"]
    known[made["name"]] = made
    return {field["name"]: value(chance, field["type"], known, depth + 1) for field in made["fields"]}
