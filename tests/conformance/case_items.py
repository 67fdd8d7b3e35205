"""Items about processes and their cases, drawn at random: for the machine that writes them to both stores."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from dalsegno.core.cases import TRACKINGS, NewEmitter, NewProcess, RebuildCases, RegisterProcesses
from dalsegno.core.writes import Write
from dalsegno.store.cases import CaseQuery
from dalsegno.store.protocol import Store
from tests.conformance.drawing import Drawing

_PAYLOADS = (None, b'{"a":1}', b'{"p":"x"', b'["p"]', b'{"q":"x"}', b'{"p":""}', b'{"p":null}')
_STARTS = ([["Placed", 1]], [["Placed", 1], ["Paid", 1]])
_ENDS = ([[["Paid", 1]]], [[["Paid", 1], ["Sent", 1]]], [[["Paid", 1], ["Sent", 1]], [["Off", 1]]])
_KEYS: tuple[dict[str, str], ...] = ({}, {"p": "p"}, {"p": "p"}, {"p": "p", "a": "a"})


class CaseItems(Drawing):
    """Draws them; several processes name the same types."""

    def case_items(self) -> list[Callable[[], Write]]:
        return [self.register_processes, self.register_processes, self.rebuild_cases]

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
        return RebuildCases(self.rng.choice(["default", "default", "other"]))

    def some_payload(self) -> bytes | None:
        """Draw the data of an event: often with a further key of its case."""
        return self.some_key() if self.chance(3) else self.rng.choice(_PAYLOADS)

    def some_key(self) -> bytes:
        number = self.age() + self.rng.randrange(2)
        keys = [f'{{"p":"x{number}"}}', f'{{"a":1,"p":"x{number}"}}', f'{{"p":{number}}}']
        return self.rng.choice(keys).encode()

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
        case, names = self.some_case(), pick([(self.some_case(),), ("c-1", "c-2", "d-1")])
        value, after = pick([case, "1", f"x{self.age()}", "k-1"]), pick([None, 0, 3, 10])
        limit = pick([3, 1_000])
        return [
            lambda store: store.cases(query),
            lambda store: store.find_cases("default", value),
            lambda store: store.case("default", case),
            lambda store: store.case_names("default", case),
            lambda store: store.case_aliases("default", case),
            lambda store: store.trail("default", names, limit=limit),
            lambda store: store.cancelled_cases("default", names, after),
        ]
