"""A service as an AsyncAPI 3 document: its events as channels, what it takes and gives as operations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import msgspec

from dalsegno.events.handlers import Handler
from dalsegno.events.service import Service
from dalsegno.events.types import EventType, own_event_type

VERSION = "3.0.0"
"""The version of AsyncAPI that is written."""

_SCHEMAS = "#/components/schemas/"


def asyncapi(service: Service, *, version: str = "1.0.0") -> dict[str, Any]:
    """Describe a service: a channel for each event, an operation for each event that a handler takes or gives.

    Payloads are the data of the events as JSON, described by the schemas of their classes; the envelope
    is a CloudEvent. ``version`` is that of the service's own interface. Raises DefinitionError.
    """
    service.check()
    taken = {kind: None for handler in service.handlers.values() for kind in handler.takes}
    given = {kind: None for handler in service.handlers.values() for kind in handler.contract.gives}
    kinds = list(taken | given)
    messages: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for kind in kinds:
        payload, inner = _payload(kind)
        schemas |= {_id(kind): payload} | inner
        messages[_id(kind)] = _message(kind, _examples(service, kind))
    return {
        "asyncapi": VERSION,
        "info": {"title": service.name, "version": version},
        "defaultContentType": "application/json",
        "channels": _channels(kinds),
        "operations": _operations(service, given),
        "components": {"messages": messages, "schemas": schemas},
    }


def _channels(kinds: Iterable[EventType[Any]]) -> dict[str, Any]:
    channels: dict[str, Any] = {}
    for kind in kinds:
        channel = channels.setdefault(_word(kind.name), {"address": kind.name, "messages": {}})
        channel["messages"][_id(kind)] = {"$ref": f"#/components/messages/{_id(kind)}"}
    return channels


def _operations(service: Service, given: Iterable[EventType[Any]]) -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for handler in service.handlers.values():
        for name in dict.fromkeys(kind.name for kind in handler.takes):
            kinds = [kind for kind in handler.takes if kind.name == name]
            operation = _operation("receive", kinds)
            operation["summary"] = f"{handler.title} takes {name}; what follows: {handler.follows}."
            operations[f"receive.{_word(handler.name)}.{_word(name)}"] = operation
    names: dict[str, list[EventType[Any]]] = {}
    for kind in given:
        names.setdefault(kind.name, []).append(kind)
    for name, kinds in names.items():
        givers = [each for each in service.handlers.values() if set(kinds) & set(each.contract.gives)]
        operation = _operation("send", kinds)
        operation["summary"] = f"{', '.join(each.title for each in givers)} may give {name}."
        operations[f"send.{_word(name)}"] = operation
    return operations


def _operation(action: str, kinds: list[EventType[Any]]) -> dict[str, Any]:
    channel = f"#/channels/{_word(kinds[0].name)}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{_id(kind)}"} for kind in kinds],
    }


def _message(kind: EventType[Any], examples: list[Any]) -> dict[str, Any]:
    message: dict[str, Any] = {
        "name": kind.name,
        "title": kind.title,
        "contentType": "application/json",
        "payload": {"$ref": f"{_SCHEMAS}{_id(kind)}"},
        "x-event-version": kind.version,
    }
    if isinstance(kind.key, str):
        message["x-event-key"] = kind.key
    if examples:
        message["examples"] = [{"payload": each} for each in examples]
    return message


def _examples(service: Service, kind: EventType[Any]) -> list[Any]:
    """List the data of the examples that handlers give of an event."""
    found: list[Any] = []
    for handler in service.handlers.values():
        for example in handler.options.examples:
            own = own_event_type(type(example))
            if own is kind:
                found.append(msgspec.json.decode(kind.encode(example)))
            elif own is None and _takes_only(handler, kind):
                found.append(example)
    return found


def _takes_only(handler: Handler, kind: EventType[Any]) -> bool:
    return handler.takes == (kind,)


# -- schemas


def _payload(kind: EventType[Any]) -> tuple[Any, dict[str, Any]]:
    """Return the schema of an event, and those that it refers to under the names that they get in the document."""
    schema = dict(kind.schema)
    inner = {f"{_id(kind)}.{_word(name)}": each for name, each in schema.pop("$defs", {}).items()}
    return _moved(schema, _id(kind)), {name: _moved(each, _id(kind)) for name, each in inner.items()}


def _moved(schema: Any, prefix: str) -> Any:
    """Let references lead to where the schemas lie now, and write tuples as AsyncAPI's dialect does."""
    if isinstance(schema, list):
        return [_moved(each, prefix) for each in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {name: _moved(each, prefix) for name, each in schema.items()}
    target = moved.get("$ref")
    if isinstance(target, str) and target.startswith("#/$defs/"):
        moved["$ref"] = f"{_SCHEMAS}{prefix}.{_word(target.removeprefix('#/$defs/'))}"
    if isinstance(moved.get("prefixItems"), list):
        others = moved.pop("items", True)
        moved["items"] = moved.pop("prefixItems")
        moved["additionalItems"] = others
    return moved


def _id(kind: EventType[Any]) -> str:
    """Name a version of an event in the document."""
    return f"{_word(kind.name)}.v{kind.version}"


def _word(name: str) -> str:
    """Write a name with the characters that keys of a document may have; different names stay different."""
    return re.sub(
        r"[^A-Za-z0-9_-]", lambda found: quote(found.group(), safe="").replace("%", "_") or "_", name
    )
