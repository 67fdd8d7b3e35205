"""A handler can read what emitters write: versions, converters, and the examples that handlers give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import msgspec

from dalsegno.errors import DalsegnoError
from dalsegno.events.contracts.flow import End, Flow, Reader, named
from dalsegno.events.contracts.report import Finding, Rule
from dalsegno.events.handlers import Handler
from dalsegno.events.schemas import Format, Incompatibility, Side, compare
from dalsegno.events.types import EventType, own_event_type


def unread(flow: Flow) -> Iterator[Finding]:
    """Find versions that somebody emits and a handler, a projection or an aggregate cannot read."""
    for name, readers in flow.readers.items():
        written = {end.kind: end for end in reversed(flow.emitters.get(name, []))}
        lacking: dict[tuple[EventType[Any], EventType[Any]], list[Reader]] = {}
        for reader in readers:
            for kind in written:
                wanted = reader.wanted(name, kind.version)
                if wanted and wanted.version != kind.version and not reads(flow, reader, kind, wanted):
                    lacking.setdefault((kind, wanted), []).append(reader)
        for (kind, wanted), concerned in lacking.items():
            yield _unread(concerned, wanted, written[kind])


def reads(flow: Flow, reader: Reader, kind: EventType[Any], wanted: EventType[Any]) -> bool:
    """Tell whether a version is read as another: by converters, and by a handler also where their schemas fit."""
    as_it_is = isinstance(reader, Handler) and not _misfits(wanted, kind)
    return as_it_is or flow.known.types.leads(kind, wanted)


def _misfits(wanted: EventType[Any], kind: EventType[Any]) -> tuple[Incompatibility, ...]:
    reader = Side(wanted.version, Format.JSON, wanted.schema, sealed=True)
    writer = Side(kind.version, Format.JSON, kind.schema, sealed=True)
    return compare(reader, writer)


def _unread(readers: list[Reader], wanted: EventType[Any], end: End) -> Finding:
    kind, first = end.kind, readers[0]
    decorator = "@upcast" if kind.version < wanted.version else "@downcast"
    return Finding(
        Rule.NO_CONVERTER,
        f"{named(first)} takes {wanted.title}, {end.who} emits version {kind.version}, "
        "and no converter leads from one to the other.",
        first.place,
        _difference(wanted, kind),
        f"Write {decorator} above def convert(old: {kind.cls.__qualname__}) -> {wanted.cls.__qualname__}.",
        tuple(dict.fromkeys([*(each.place for each in readers[1:]), end.place, kind.place, wanted.place])),
    )


def _difference(wanted: EventType[Any], kind: EventType[Any]) -> str:
    """Say what does not fit, or that only the word is lacking that it does."""
    wrong = _misfits(wanted, kind)
    if not wrong:
        return "Their schemas fit, and still it is not read: there another version is converted."
    return (
        "Each such event becomes a dead letter: "
        + "; ".join(f"{e.path}: {e.breaks}" for e in wrong[:3])
        + "."
    )


# -- examples


def unreal(flow: Flow) -> Iterator[Finding]:
    """Find examples of handlers that no emitter could write, or that the handler could not read."""
    for handler in flow.handlers:
        for number, example in enumerate(handler.options.examples, 1):
            why = _unreal(flow, handler, example)
            if why:
                yield Finding(
                    Rule.BAD_EXAMPLE,
                    f"Example {number} of {named(handler)}: {why[0]}",
                    handler.place,
                    "The handler is written, and tested, for something that never comes.",
                    "Mend the example, or the class that its emitters write.",
                    tuple(dict.fromkeys(why[1:])),
                )


def _unreal(flow: Flow, handler: Handler, example: Any) -> tuple[str, ...]:
    """Say what is wrong with an example, and where its schemas stand; nothing if it is real."""
    kind = own_event_type(type(example))
    try:
        data = example if kind is None else msgspec.json.decode(kind.encode(example))
    except DalsegnoError as error:
        return (error.what,)
    wanted = handler.takes if kind is None else tuple(k for k in handler.takes if k.name == kind.name)
    if not wanted:
        return (f"it is a {type(example).__qualname__}, which the handler does not take.",)
    whys: list[tuple[str, ...]] = []
    for each in dict.fromkeys(k.name for k in wanted):
        for written in _written(flow, each, wanted):
            why = _misfit(flow, handler, written, data)
            if not why:
                return ()
            whys.append((why, written.place))
    return whys[0]


def _written(flow: Flow, name: str, wanted: tuple[EventType[Any], ...]) -> list[EventType[Any]]:
    """List the versions that are emitted; where nobody is known who emits any, what the handler takes."""
    kinds = list(dict.fromkeys(end.kind for end in flow.emitters.get(name, [])))
    return kinds or [kind for kind in wanted if kind.name == name]


def _misfit(flow: Flow, handler: Handler, written: EventType[Any], data: Any) -> str:
    validator = jsonschema_rs.validator_for(written.schema)
    for error in validator.iter_errors(data):
        path = "".join(f".{part}" if isinstance(part, str) else f"[{part}]" for part in error.instance_path)
        return f"it does not fit the schema of {written.title}, which is emitted: ${path}: {error.message}."
    wanted = handler.wanted(written.name, written.version)
    try:
        if wanted is not None:
            flow.known.types.convert(written.name, msgspec.json.encode(data), written.version, wanted)
    except DalsegnoError as error:
        return f"the handler cannot read it: {error.what}"
    return ""
