"""The picture of a process as it is declared: one value, and how it looks as text, as Mermaid and as JSON.

What is declared alike looks alike, to the letter, wherever it is read from: so a picture that was committed
can be held to the code.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from dalsegno.core.durations import text as length
from dalsegno.insight.flow.declared import Emitter, Flow, Handler, Process


@dataclass(frozen=True, slots=True)
class Picture:
    """A process with all that belongs to it. ``types`` are in the order in which it leads to them."""

    process: Process
    types: tuple[str, ...]
    handlers: tuple[Handler, ...]
    workflows: tuple[Emitter, ...]
    outside: tuple[str, ...]

    @property
    def idle(self) -> tuple[str, ...]:
        """The types that no handler takes."""
        taken = {name for handler in self.handlers for name in handler.takes}
        return tuple(name for name in self.types if name not in taken)


def picture(flow: Flow, process: str) -> Picture:
    """Draw a process. Raises KeyError for one that the flow has not."""
    drawn = flow.processes[process]
    order = flow.order(drawn)
    handlers = [each for each in flow.handlers if _belongs(each, order)]
    handlers.sort(key=lambda each: (max(order[name] for name in each.takes if name in order), each.title))
    return Picture(
        drawn,
        tuple(order),
        tuple(handlers),
        tuple(each for each in flow.emitters if not each.reacts and not order.keys().isdisjoint(each.gives)),
        tuple(flow.outside(drawn)),
    )


def _belongs(handler: Handler, order: dict[str, int]) -> bool:
    takes = [name in order for name in handler.takes]
    return all(takes) if handler.joins else any(takes)


# -- as text


def as_text(drawn: Picture) -> str:
    """Say it line by line, for a terminal."""
    return "\n".join(_lines(drawn)) + "\n"


def _lines(drawn: Picture) -> Iterator[str]:
    process = drawn.process
    yield f"process {process.name}"
    yield f"  starts with  {' | '.join(process.starts)}"
    yield f"  ends with    {' | '.join(map(_end, process.ends))}"
    if process.cancel is not None:
        yield f"  cancelled by {process.cancel}"
    if process.due is not None:
        yield f"  due after    {length(process.due)}"
    if drawn.workflows:
        yield ""
        width = max(len(each.name) for each in drawn.workflows)
        for each in drawn.workflows:
            waits = f", waits for {', '.join(each.awaits)}" if each.awaits else ""
            yield f"workflow {each.name:{width}}  emits {', '.join(each.gives)}{waits}"
    if drawn.outside:
        yield ""
        yield f"from outside: {', '.join(drawn.outside)}"
    yield from _reactions(drawn)
    idle = [name for name in drawn.idle if not any(name in end for end in process.ends)]
    if idle:
        yield ""
        yield f"nobody takes: {', '.join(idle)}"


def _reactions(drawn: Picture) -> Iterator[str]:
    width = max((len(handler.title) for handler in drawn.handlers), default=0)
    before = ""
    for takes, handler in _by_takes(drawn):
        if takes != before:
            yield ""
            yield takes
            before = takes
        yield f"  {handler.title:{width}}  -> {handler.says}{_more(handler)}"


def _by_takes(drawn: Picture) -> Iterator[tuple[str, Handler]]:
    """List each event, or join, with each handler that takes it, in the order of the events."""
    order = {name: place for place, name in enumerate(drawn.types)}
    lines: list[tuple[int, str, Handler]] = []
    for handler in drawn.handlers:
        if handler.joins:
            takes = sorted(handler.takes, key=lambda name: order.get(name, len(order)))
            lines.append((max(order[name] for name in takes), " & ".join(takes), handler))
        else:
            lines += [(order[name], name, handler) for name in handler.takes if name in order]
    for _, said, handler in sorted(lines, key=lambda line: (line[0], line[1], line[2].title)):
        yield said, handler


def _more(handler: Handler) -> str:
    said = [f"emits {', '.join(handler.emits)}"] if handler.emits else []
    said += [f"undoes {', '.join(handler.undoes)}"] if handler.undoes else []
    said += [f"due after {length(handler.due)}"] if handler.due is not None else []
    said += [f"joined within {length(handler.within)}"] if handler.within is not None else []
    return f"   ({'; '.join(said)})" if said else ""


def _end(types: Iterable[str]) -> str:
    return " & ".join(types)


# -- as Mermaid


def as_mermaid(drawn: Picture) -> str:
    """Draw it as a Mermaid flowchart: events round, handlers square, a dotted line for what need not come."""
    return "\n".join(_chart(drawn)) + "\n"


def _chart(drawn: Picture) -> Iterator[str]:
    nodes = {name: f"e{place}" for place, name in enumerate(drawn.types)}
    ends = {name for end in drawn.process.ends for name in end}
    yield "flowchart LR"
    for name, node in nodes.items():
        style = "start" if name in drawn.process.starts else "end_" if name in ends else ""
        style = "cancel" if name == drawn.process.cancel else style
        style = "outside" if name in drawn.outside else style
        yield f"  {node}([{_quoted(name)}]){f':::{style}' if style else ''}"
    for place, handler in enumerate(drawn.handlers):
        yield from _handler(handler, f"h{place}", nodes)
    for place, emitter in enumerate(drawn.workflows):
        yield f"  w{place}[[{_quoted(emitter.name)}]]"
        yield from (f"  w{place} -.-> {nodes[name]}" for name in emitter.gives if name in nodes)
        yield from (f"  {nodes[name]} -.-> w{place}" for name in emitter.awaits if name in nodes)
    yield "  classDef start stroke-width:3px"
    yield "  classDef end_ stroke-width:3px,stroke-dasharray:6 2"
    yield "  classDef cancel stroke-dasharray:2 2"
    yield "  classDef outside stroke-dasharray:2 4"


def _handler(handler: Handler, node: str, nodes: dict[str, str]) -> Iterator[str]:
    shape = "{{%s}}" if handler.joins else "[%s]"
    yield f"  {node}{shape % _quoted(handler.title)}"
    yield from (f"  {nodes[name]} --> {node}" for name in handler.takes if name in nodes)
    sure = frozenset.intersection(*(each.types for each in handler.outcomes.least))
    several = frozenset().union(*(each.often for each in handler.outcomes.most))
    for name in handler.gives:
        if name in nodes:
            line = "-->" if name in sure else "-.->"
            yield f"  {node} {line}{'|several|' if name in several else ''} {nodes[name]}"
    for name in handler.undoes:
        if name in nodes:
            yield f"  {node} -. undoes .-> {nodes[name]}"


def _quoted(name: str) -> str:
    return '"' + name.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;") + '"'


# -- as JSON


def as_document(drawn: Picture) -> dict[str, Any]:
    """Say it as plain data; lengths of time are microseconds."""
    process = drawn.process
    return {
        "process": process.name,
        "starts": list(process.starts),
        "ends": [list(end) for end in process.ends],
        "cancel": process.cancel,
        "due": process.due,
        "types": list(drawn.types),
        "outside": list(drawn.outside),
        "handlers": [_entry(handler) for handler in drawn.handlers],
        "workflows": [
            {"name": each.name, "gives": list(each.gives), "awaits": list(each.awaits)}
            for each in drawn.workflows
        ],
    }


def as_json(drawn: Picture) -> str:
    """Write it as one JSON document."""
    return json.dumps(as_document(drawn), indent=2, ensure_ascii=False) + "\n"


def _entry(handler: Handler) -> dict[str, Any]:
    return {
        "handler": handler.title,
        "takes": list(handler.takes),
        "joins": handler.joins,
        "follows": handler.says,
        "gives": list(handler.gives),
        "undoes": list(handler.undoes),
        "due": handler.due,
        "within": handler.within,
    }
