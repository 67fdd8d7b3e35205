"""How long the frontier of a case takes: a short process, and one of 50 handlers.

    python -m bench.frontier

Times are of the processor, the best of several rounds. "first" has found out nothing yet of what lies ahead of
such a place, "again" is any further case that stands there.
"""

from __future__ import annotations

import random
import time
from typing import Any

from dalsegno.insight.flow import Flow, Happened, Reacted, State, Trail, frontier, read_flow

ROUNDS = 20


def handler(name: str, takes: list[str], *gives: str, joins: bool = False) -> dict[str, Any]:
    """Make a declaration as the store keeps it: of what it gives one follows."""
    pairs = [[each, 1] for each in takes]
    follows = [[each, 1] for each in gives]
    return {
        "service": "s",
        "name": name,
        "takes": pairs,
        "joins": pairs if joins else [],
        "follows": {"one_of": follows},
        "gives": follows,
        "emits": [],
        "compensates": None,
    }


def process(starts: str, *ends: str) -> dict[str, Any]:
    """Make the declaration of a process."""
    return {"name": "p", "starts": [[starts, 1]], "ends": [[[end, 1]] for end in ends], "cancel": None}


def order() -> tuple[Flow, Trail]:
    """Make an order process, and a case of 20 events with 17 reactions that are open."""
    flow = read_flow(
        [
            handler("pay", ["Placed"], "Paid", "Declined"),
            handler("reserve", ["Placed"], "Reserved", "SoldOut"),
            handler("ship", ["Paid", "Reserved"], "Shipped", joins=True),
            handler("confirm", ["Shipped"], "Confirmed"),
            handler("reject", ["Declined", "SoldOut"], "Rejected"),
        ],
        [process("Placed", "Confirmed", "Rejected")],
    )
    events = [Happened(number, "Placed", f"k{number}") for number in range(1, 13)]
    events += [Happened(12 + number, "Paid", f"k{number}", number) for number in range(1, 9)]
    done = [Reacted(number, "s.pay", State.DONE) for number in range(1, 9)]
    return flow, Trail(tuple(events), tuple(done))


def large() -> tuple[Flow, Trail]:
    """Make a process of 50 handlers, a quarter of them joins, and a case that has just begun."""
    chance = random.Random(1)
    names = [f"E{place}" for place in range(60)]
    handlers = []
    for place in range(50):
        early = chance.randint(2, 58)
        joins = chance.random() < 0.25
        takes = chance.sample(names[:early], 2 if joins else 1)
        gives = chance.sample(names[early:], min(2, 60 - early))
        handlers.append(handler(f"h{place}", takes, *gives, joins=joins))
    return read_flow(handlers, [process("E0", "E59")]), Trail(
        tuple(Happened(n, f"E{n}", "k") for n in range(1, 5))
    )


def best(flow: Flow, trail: Trail, *, first: bool) -> float:
    """Return the shortest of several rounds, in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        if first:
            flow.lookout.forget()
        began = time.process_time()
        frontier(flow, "p", trail)
        times.append(time.process_time() - began)
    return min(times) * 1_000


def main() -> None:
    """Print the table."""
    print(f"{'case':28}{'first':>10}{'again':>10}")
    for name, (flow, trail) in (("order, 20 events", order()), ("50 handlers, 4 events", large())):
        exact = "" if frontier(flow, "p", trail).exact else "  (not exact)"
        first, again = best(flow, trail, first=True), best(flow, trail, first=False)
        print(f"{name:28}{first:7.2f} ms{again:7.2f} ms{exact}")


if __name__ == "__main__":
    main()
