"""Items about processes and their cases, drawn at random: for the machine that writes them to both stores."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import msgspec

from dalsegno.core.cases import TRACKINGS, NewEmitter, NewProcess, RebuildCases, RegisterProcesses
from dalsegno.store.cases import CaseQuery
from dalsegno.store.protocol import Store
from dalsegno.testing.conformance import SetClock, World

CASES = ("c-1", "c-2", "c-3")
PAYLOADS = (None, b'{"a":1}', b'{"a":2,"p":"x"}', b'{"p":7}', b'{"p":"x"', b'["p"]', b'{"q":"x"}')
_STARTS = ([["Placed", 1]], [["Placed", 1], ["Paid", 1]])
_ENDS = ([[["Paid", 1]]], [[["Paid", 1], ["Sent", 1]]], [[["Paid", 1], ["Sent", 1]], [["Off", 1]]])
_KEYS: tuple[dict[str, str], ...] = ({}, {"p": "p"}, {"p": "p", "a": "a"})


class CaseItems:
    """Draws them; several processes name the same types."""

    rng: Random
    runner: asyncio.Runner
    clock: SetClock
    memory: World

    def chance(self, one_in: int) -> bool:
        raise NotImplementedError

    def register_processes(self) -> RegisterProcesses:
        pick = self.rng.choice
        declared = {
            "starts": pick(_STARTS),
            "ends": pick(_ENDS),
            "cancel": pick([None, ["Off", 1]]),
            "due": pick([None, 0, 100]),
            "keys": pick(_KEYS),
        }
        tracking = pick([*TRACKINGS, "stamp"])
        process = NewProcess(pick(["c", "c", "d"]), tracking, msgspec.json.encode(declared))
        emitter = NewEmitter("order", pick(["1", "2"]), pick([b"{}", b"[]"]))
        return RegisterProcesses(pick(["default", "default", "other"]), (process,), (emitter,))

    def rebuild_cases(self) -> RebuildCases:
        return RebuildCases(self.rng.choice(["default", "other"]))

    def case_reads(self) -> list[Callable[[Store], Awaitable[Any]]]:
        """Draw questions to ask both stores."""
        pick, at = self.rng.choice, self.clock.now() - self.rng.choice([0, 7, 100])
        query = CaseQuery(
            namespace=pick(["default", "other"]),
            processes=pick([(), ("c",), ("c", "d")]),
            states=pick([(), ("open",), ("ended", "cancelled")]),
            since=pick([None, at]),
            until=pick([None, at + 50]),
            late_at=pick([None, None, at]),
            before=pick([None, None, 1, 2, 9]),
            limit=pick([1, 2, 100]),
        )
        value, names = pick([*CASES, "1", "x", "7"]), pick([("c-1",), CASES])
        limit = pick([3, 1_000])
        return [
            lambda store: store.cases(query),
            lambda store: store.find_cases("default", value),
            lambda store: store.case("default", value),
            lambda store: store.trail("default", names, limit=limit),
        ]
