"""Random flows, as plain declarations, and random cases that go through them, prefix by prefix."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

Plain = dict[str, Any]
NAMES = "ABCDEFGHIJ"
MOST_ALTERNATIVES = 7.0


def pairs(*names: str) -> list[list[Any]]:
    return [[name, 1] for name in names]


def handler(name: str, takes: list[str], follows: Plain, **more: Any) -> Plain:
    """Make a declaration as the store has it."""
    gives = [*names_in(follows), *(name for name, _ in more.get("emits", []))]
    plain = {
        "service": name.partition(".")[0],
        "name": name.partition(".")[2],
        "takes": pairs(*takes),
        "joins": [],
        "follows": follows,
        "gives": pairs(*dict.fromkeys(gives)),
        "emits": [],
        "compensates": None,
        "filtered": False,
        "batch": None,
        "within": None,
        "due": None,
    }
    return plain | more


def names_in(follows: Plain) -> list[str]:
    ((kind, of),) = follows.items()
    if kind == "one_of":
        return [name for name, _ in of]
    if kind == "all_of":
        return [name for part in of for name in names_in(part)]
    return [] if kind == "nothing" else names_in(of)


def part_of(flow: Plain) -> tuple[set[str], set[str]]:
    """Return the types of a flow's process, and those of them that come from outside."""
    process = flow["process"]
    own = {name for name, _ in process["starts"]} | {(process["cancel"] or [None])[0]} - {None}
    ends = {name for end in process["ends"] for name, _ in end}
    sides = [({n for n, _ in h["takes"]}, {n for n, _ in h["gives"]}, h["joins"]) for h in flow["handlers"]]
    emitted = [{name for name, _ in each["gives"]} for each in flow["emitters"]]
    named = own | ends | {name for takes, _, _ in sides for name in takes}
    foreign = named - own - {name for _, gives, _ in sides for name in gives}.union(*emitted)
    part, before = own | ends, set()
    while part != before:
        before = set(part)
        for takes, gives, joins in sides:
            if joins and takes & part and takes <= part | foreign:
                part |= takes | gives
            elif not joins and takes & part:
                part |= gives
            if not joins and gives & part:
                part |= takes & foreign
        for gives in emitted:
            part |= gives if gives & part else set()
    return part, part & foreign


def random_flow(rng: random.Random) -> Plain:
    """Make a flow that has no more worlds than can be looked through one by one."""
    while True:
        flow = _any_flow(rng)
        if _alternatives(flow) <= MOST_ALTERNATIVES:
            return flow


def _alternatives(flow: Plain) -> float:
    """Say how much is to be chosen on the way, in bits."""
    of_handlers = sum(
        math.log2(_count(each["follows"]) * 2 ** len(each["emits"]) + each["filtered"])
        * (1 if each["joins"] else len(each["takes"]))
        for each in flow["handlers"]
    )
    return of_handlers + sum(len(each["gives"]) for each in flow["emitters"])


def _count(follows: Plain) -> int:
    """Count the outcomes of a declaration."""
    ((kind, of),) = follows.items()
    match kind:
        case "one_of":
            return len(of)
        case "maybe":
            return 1 + _count(of)
        case "many":
            return 2 ** _count(of)
        case "all_of":
            return math.prod(map(_count, of))
    return 1


def _any_flow(rng: random.Random) -> Plain:
    """Make a flow: choreographed, orchestrated, or half and half."""
    names = list(NAMES[: rng.randint(5, 9)])
    style = rng.choice(["choreographed", "choreographed", "orchestrated", "hybrid", "hybrid"])
    many = {
        "choreographed": rng.randint(3, 6),
        "orchestrated": rng.randint(0, 1),
        "hybrid": rng.randint(2, 4),
    }
    cancel = "X" if rng.random() < 0.5 else None
    handlers = [_random_handler(rng, f"s{n}.h{n}", names) for n in range(many[style])]
    if cancel and rng.random() < 0.8:
        undone = rng.choice(names)
        handlers.append(handler("u.undo", ["X"], _follows(rng, names, 1), compensates=pairs(undone)))
    emitters = [] if style == "choreographed" else [
        {"name": f"w{n}", "gives": pairs(*rng.sample(names, rng.randint(1, 3)))}
        for n in range(1 if style == "hybrid" else rng.randint(1, 2))
    ]  # fmt: skip
    ends = [pairs(*rng.sample(names[1:], rng.choice([1, 1, 2, 3]))) for _ in range(rng.randint(1, 2))]
    flow = {
        "handlers": handlers,
        "emitters": emitters,
        "process": {
            "name": "p",
            "starts": pairs(*names[: rng.choice([1, 1, 2])]),
            "ends": ends,
            "cancel": [cancel, 1] if cancel else None,
            "due": None,
        },
        "style": style,
    }
    flow["part"], flow["outside"] = part_of(flow)
    return flow


def _random_handler(rng: random.Random, title: str, names: list[str]) -> Plain:
    early = rng.randint(1, len(names) - 2)
    joins = rng.random() < 0.35
    takes = (
        rng.sample(names, rng.choice([2, 2, 3]))
        if joins
        else rng.sample(names[:early], min(early, rng.choice([1, 1, 2])))
    )
    later = [name for name in names[early:] if name not in takes] or names[-1:]
    follows = _follows(rng, names if rng.random() < 0.15 else later, 3)  # sometimes it leads back
    more: Plain = {}
    if joins:
        more["joins"] = pairs(*takes)
    elif rng.random() < 0.1:
        more["filtered"] = True
    if rng.random() < 0.1:
        more["emits"] = pairs(*rng.sample(later, 1))
    if rng.random() < 0.15:
        more["compensates"] = pairs(rng.choice(names))
    return handler(title, takes, follows, **more)


def _follows(rng: random.Random, names: list[str], most: int) -> Plain:
    some = rng.sample(names, min(len(names), rng.randint(1, most)))
    one: Plain = {"one_of": pairs(*some)}
    form = rng.random()
    if form < 0.5:
        return one
    if form < 0.6:
        return {"maybe": one}
    if form < 0.72:
        return {"many": {"one_of": pairs(*some[:2])}}
    if form < 0.92 and len(some) > 1:
        second: Plain = {"one_of": pairs(*some[1:])}
        return {"all_of": [{"one_of": pairs(some[0])}, {"maybe": second} if rng.random() < 0.3 else second]}
    return {"nothing": True}


class RandomCase:
    """One case on its way, as a run of the services would make it, with whatever may befall it."""

    def __init__(self, flow: Plain, rng: random.Random) -> None:
        self.flow = flow
        self.rng = rng
        self.events: list[tuple[int, str, str, int | None]] = []
        self.reactions: dict[tuple[int, str], str] = {}
        self.runs: list[tuple[str, bool]] = []
        self.cancelled: int | None = None

    def trail(self) -> Plain:
        return {
            "events": tuple(self.events),
            "reactions": dict(self.reactions),
            "runs": tuple(self.runs),
            "cancelled": self.cancelled,
        }

    def prefixes(self) -> Iterator[Plain]:
        """Go on step by step; yield the trail after each that changed it."""
        self._begin()
        before = self.trail()
        yield before
        for _ in range(self.rng.randint(4, 16)):
            self._step()
            now = self.trail()
            if now != before:
                yield now
            before = now

    def _begin(self) -> None:
        emitters = self.flow["emitters"]
        if emitters and self.rng.random() < 0.7:
            self.runs.append((self.rng.choice(emitters)["name"], True))
        if not self.runs or self.rng.random() < 0.5:
            self._emit(self.rng.choice(self.flow["process"]["starts"])[0], None)

    def _emit(self, name: str, cause: int | None) -> None:
        key = "k" if self.rng.random() < 0.85 else "l"
        self.events.append((len(self.events) + 1, name, key, cause))

    def _step(self) -> None:
        rng, chance = self.rng, self.rng.random()
        if self.runs and chance < 0.25:
            return self._run()
        if chance < 0.05 and self.flow["outside"]:
            return self._emit(rng.choice(sorted(self.flow["outside"])), None)
        if chance < 0.13 and self.events and rng.random() < 0.8:
            return self._emit(rng.choice(self.events)[1], None)  # a repeated one
        if chance < 0.13:
            return self._emit(rng.choice(NAMES), None)  # perhaps one that nobody knows of
        if chance < 0.17 and self.flow["process"]["cancel"] and self.cancelled is None:
            self._emit("X", None)
            self.cancelled = len(self.events)
            return None
        return self._react()

    def _run(self) -> None:
        n = self.rng.randrange(len(self.runs))
        name, is_open = self.runs[n]
        if is_open and self.rng.random() < 0.3:
            self.runs[n] = (name, False)
        elif is_open:
            emitter = next(each for each in self.flow["emitters"] if each["name"] == name)
            self._emit(self.rng.choice(emitter["gives"])[0], None)

    def _react(self) -> None:
        """Let one reaction go on: it ends, fails for good, is redriven, or never was owed."""
        rng = self.rng
        open_ones = [
            (event, each)
            for event in self.events
            for each in self.flow["handlers"]
            if [event[1], 1] in each["takes"]
            and self.reactions.get((event[0], _title(each)), "open") in ("open", "dead letter")
        ]
        if not open_ones:
            return
        event, each = rng.choice(open_ones)
        together = self._together(event, each) if each["joins"] else [event]
        if together is None:
            return  # a join that waits
        chance = rng.random()
        state = "done"
        if chance < 0.15:
            state = "dead letter"
        elif chance < 0.2:
            state = "passed" if not each["joins"] else "done"
        elif chance < 0.25 and each["filtered"]:
            state = "filtered"
        elif self.cancelled and not each["compensates"] and chance < 0.6:
            state = "cancelled"
        for one in together:
            self.reactions[one[0], _title(each)] = state
        if state == "done" and rng.random() < 0.97:
            for name in self._outcome(each["follows"]) + [n for n, _ in each["emits"] if rng.random() < 0.5]:
                self._emit(name, together[0][0])

    def _together(self, event: tuple[int, str, str, int | None], each: Plain) -> list[Any] | None:
        """Return the events of the round that an event belongs to, if that is complete."""
        rounds: list[dict[str, Any]] = []
        for one in self.events:
            state = self.reactions.get((one[0], _title(each)), "open")
            if [one[1], 1] in each["takes"] and one[2] == event[2] and state not in ("cancelled", "passed"):
                lacks = next((parts for parts in rounds if one[1] not in parts), None)
                if lacks is None:
                    rounds.append({one[1]: one})
                else:
                    lacks[one[1]] = one
        mine = next((parts for parts in rounds if event in parts.values()), {})
        return sorted(mine.values()) if len(mine) == len(each["takes"]) else None

    def _outcome(self, follows: Plain) -> list[str]:
        ((kind, of),) = follows.items()
        rng = self.rng
        match kind:
            case "one_of":
                return [rng.choice(of)[0]]
            case "maybe":
                return self._outcome(of) if rng.random() < 0.5 else []
            case "many":
                return [rng.choice(of["one_of"])[0] for _ in range(rng.randint(0, 3))]
            case "all_of":
                return [name for part in of for name in self._outcome(part)]
        return []


def _title(each: Plain) -> str:
    return f"{each['service']}.{each['name']}"
