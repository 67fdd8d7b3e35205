"""Counts the ledger of `dalsegno demo` again, from the file that its services wrote, and from nothing else.

    python tools/recount.py [--json] services.jsonl [another.jsonl ...]

It imports nothing of dalsegno and shares no code with the demo's own ledger, so that neither can
repeat the other's mistake. It ends with 0 if, in every file, nothing was lost, nothing was done twice
and nothing was left standing that should have been undone.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

Record: TypeAlias = dict[str, Any]
Figures: TypeAlias = dict[str, Any]

UNDONE_BY = {"charge": "refund", "reserve": "release", "schedule": "cancel", "send": None}
MUST_BE_NONE = ("charged_twice", "done_twice", "lost", "incomplete", "not_undone")


def records(file: Path) -> Iterator[Record]:
    """Read the records of a file; a line that a kill has torn is passed over."""
    for line in file.read_text("utf-8", "replace").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record


def happened(trail: list[Record], action: str | None) -> list[int]:
    """Return where in an order's trail something really happened."""
    return [n for n, r in enumerate(trail) if r["action"] == action and r["outcome"] == "done"]


def stands(trail: list[Record], effect: str) -> bool:
    """Tell whether an effect happened and was not undone after it last did."""
    made, undone = happened(trail, effect), happened(trail, UNDONE_BY[effect])
    return bool(made) and (not undone or undone[-1] < made[-1] or len(undone) < len(made))


def answer(trail: list[Record]) -> str | None:
    """Return what the customer was told in the end."""
    answers = [r["outcome"] for r in trail if (r["service"], r["action"]) == ("shop", "answer")]
    return answers[-1] if answers else None


def fate(trail: list[Record]) -> str:
    """Say which figure an order that was placed belongs to."""
    told = answer(trail)
    left = [effect for effect in UNDONE_BY if stands(trail, effect)]
    if told is None:
        return "lost"
    if told == "completed":
        return "completed" if left == list(UNDONE_BY) else "incomplete"
    if left:
        return "not_undone"
    touched = any(r["outcome"] == "refused" or happened([r], r["action"]) for r in services_of(trail))
    return "compensated" if touched else "failed_otherwise"


def services_of(trail: list[Record]) -> list[Record]:
    """Leave out what the shop itself noted."""
    return [r for r in trail if r["service"] != "shop"]


def begun_again(trail: list[Record]) -> int:
    """Count the attempts of steps that began once more, with the same idempotency key."""
    begun = sorted((r["key"], r["attempt"]) for r in trail if r["outcome"] == "begun")
    return sum(len(list(same)) - 1 for _, same in groupby(begun))


def in_flight(last: Record) -> bool:
    """Tell whether a step is under way after this record: no answer to the customer, no pause before a retry."""
    return bool(last["service"] != "shop" and last["outcome"] != "unavailable")


def resumed(book: list[Record]) -> Iterator[float | None]:
    """Give for each kill the seconds to the first step of an order that the dead worker had under way."""
    for at, kill in enumerate(book):
        if (kill["service"], kill["action"]) != ("operator", "kill"):
            continue
        last: dict[str, Record] = {}
        for record in book[:at]:
            if record["service"] != "operator":
                order = record["order"]
                last[order] = last.get(order, record) if record["action"] == "accept" else record
        held = {order for order, r in last.items() if r["pid"] == kill["pid"] and in_flight(r)}
        later = (r for r in book[at:] if r.get("order") in held and r["service"] != "shop")
        first = next((r for r in later if r["pid"] != kill["pid"]), None)
        yield None if first is None else (first["at"] - kill["at"]) / 1e6


def count(file: Path) -> Figures:
    """Count the figures of one file."""
    book = list(records(file))
    trails: dict[str, list[Record]] = defaultdict(list)
    for record in book:
        if record["service"] != "operator":
            trails[record["order"]].append(record)
    placed = [trail for trail in trails.values() if any(r["action"] == "accept" for r in trail)]
    fates = [fate(trail) for trail in placed]
    twice = [{effect for effect in UNDONE_BY if len(happened(t, effect)) > 1} for t in trails.values()]
    return {
        "orders": len(placed),
        "completed": fates.count("completed"),
        "compensated": fates.count("compensated"),
        "failed_otherwise": fates.count("failed_otherwise"),
        "executed_twice": sum(begun_again(trail) for trail in trails.values()),
        "recognized": sum(r["outcome"] == "repeated" for r in book),
        "charged_twice": sum("charge" in effects for effects in twice),
        "done_twice": sum(bool(effects - {"charge"}) for effects in twice),
        "lost": fates.count("lost"),
        "incomplete": fates.count("incomplete"),
        "not_undone": fates.count("not_undone"),
        "seconds_to_first_resumed_step": list(resumed(book)),
    }


def main(arguments: list[str]) -> int:
    """Count each file, print its figures, and say whether all is well."""
    files = [Path(argument) for argument in arguments if argument != "--json"]
    if not files:
        print(__doc__, file=sys.stderr)
        return 2
    ledgers = {str(file): count(file) for file in files}
    if "--json" in arguments:
        print(json.dumps(ledgers, indent=2))
    else:
        for name, figures in ledgers.items():
            print(name, *(f"  {key.replace('_', ' ')}: {value}" for key, value in figures.items()), sep="\n")
    wrong = [f"{name}: {key}" for name, figures in ledgers.items() for key in MUST_BE_NONE if figures[key]]
    for fault in wrong:
        print(f"WRONG: {fault}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
