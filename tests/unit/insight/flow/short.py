"""Flows and trails in a short hand, for tables that people read.

A flow, line by line::

    pay: Placed -> Paid | Declined          one of two; A + B both, A? maybe, A* any number, - nothing
    ship: Paid & Reserved -> Shipped        a join
    refund: CalledOff -> Refunded undoes Paid
    run ticket: Solved, Closed              a workflow that emits these
    process: Placed .. Shipped | Billed & Told cancel CalledOff

A trail, in the order of what happened: ``Placed`` an event (numbered from 1), ``Paid<1`` with the event that
led to it, ``Paid@k2`` with another key; ``pay#1`` the reaction of pay to event 1 has ended, ``pay#1!`` it is a dead
letter, ``pay#1~`` filtered, ``pay#1-`` passed, ``pay#1x`` cancelled; ``ticket:`` a run is under way, ``ticket.`` it
has ended; ``cancel:CalledOff``.
"""

from __future__ import annotations

import re
from typing import Any

from tests.unit.insight.flow.random_cases import Plain, handler, pairs, part_of

STATES = {"": "done", "!": "dead letter", "~": "filtered", "-": "passed", "x": "cancelled"}


def flow(text: str) -> Plain:
    """Read a flow; every handler is of the service s."""
    made: Plain = {"handlers": [], "emitters": [], "process": {"name": "p", "due": None}}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, said = line.partition(": ")
        if name == "process":
            said, _, cancel = said.partition(" cancel ")
            starts, _, ends = said.partition(" .. ")
            made["process"] |= {
                "starts": pairs(*starts.split(" | ")),
                "ends": [pairs(*end.split(" & ")) for end in ends.split(" | ")],
                "cancel": [cancel, 1] if cancel else None,
            }
        elif name.startswith("run "):
            made["emitters"].append({"name": name[4:], "gives": pairs(*said.split(", "))})
        else:
            made["handlers"].append(_handler(name, said))
    made["part"], made["outside"] = part_of(made)
    return made


def _handler(name: str, said: str) -> Plain:
    takes, _, follows = said.partition(" -> ")
    follows, _, undoes = follows.partition(" undoes ")
    more: Plain = {"compensates": pairs(undoes)} if undoes else {}
    if " & " in takes:
        more["joins"] = pairs(*takes.split(" & "))
    if name.endswith("~"):
        name, more["filtered"] = name[:-1], True
    return handler(f"s.{name}", re.split(" [&|] ", takes), follow(follows), **more)


def follow(text: str) -> Plain:
    if text == "-":
        return {"nothing": True}
    parts = [_part(part) for part in text.split(" + ")]
    return parts[0] if len(parts) == 1 else {"all_of": parts}


def _part(text: str) -> Plain:
    one: Plain = {"one_of": pairs(*text.rstrip("?*").split(" | "))}
    return {"maybe": one} if text.endswith("?") else {"many": one} if text.endswith("*") else one


def trail(text: str) -> Plain:
    """Read a trail, as the oracle takes it."""
    events: list[tuple[int, str, str, int | None]] = []
    made: Plain = {"reactions": {}, "cancelled": None}
    runs: dict[str, bool] = {}
    for word in text.split():
        if word[-1] in ":.":
            runs[word[:-1]] = word.endswith(":")
        elif "#" in word:
            name, event, state = re.fullmatch(r"(\w+)#(\d+)(\W|x|)", word).groups()  # type: ignore[union-attr]
            made["reactions"][int(event), f"s.{name}"] = STATES[state]
        else:
            kind, key, cause = re.fullmatch(r"(?:cancel:)?(\w+)(?:@(\w+))?(?:<(\d+))?", word).groups()  # type: ignore[union-attr]
            events.append((len(events) + 1, kind, key or "k", int(cause) if cause else None))
            made["cancelled"] = len(events) if word.startswith("cancel:") else made["cancelled"]
    return made | {"events": tuple(events), "runs": tuple(runs.items())}


def expected(text: str) -> dict[str, Any]:
    """Read ``owed Paid! Declined · then Shipped · ends possible``; what is certain has a ``!``."""
    made: dict[str, Any] = {name: set() for name in ("owed", "then", "awaited", "unreachable", "certain")}
    made["ends"] = []
    for part in filter(None, text.split(" · ")):
        name, *words = part.split()
        made["certain"] |= {word[:-1] for word in words if word.endswith("!")}
        made[name] = words if name == "ends" else {word.rstrip("!") for word in words}
    return made
