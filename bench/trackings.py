"""What each way to know a case's state costs: the same orders under each, in turns.

    python -m bench.trackings [--cases 200] [--rounds 5]

Each round plays the order process of ``examples/choreography.py`` once under each tracking, in an order that
changes, each on a new file; payment and shipping add to the stamp where there is one. Times are of the
processor, for the whole program: client, worker and store. Ratios are to "event_sourced" of the same round;
shown is the median, and the lowest and highest beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from dalsegno import App, AsyncClient, Process, Service
from dalsegno.core.cases import TRACKINGS
from dalsegno.events.stamps import Stamp
from examples import choreography as shop

payment, shipping = Service("payment"), Service("shipping", reads_stamp=["payment"])


@payment.on()
def authorize(e: shop.OrderPlaced, stamp: Stamp) -> shop.PaymentAuthorized | shop.PaymentDeclined:
    """Add what was charged, and how."""
    stamp.add(charged=str(e.amount), by="card")
    return shop.authorize(e)


@shipping.on()
def ship(e: shop.StockReserved, stamp: Stamp) -> shop.OrderShipped | shop.NoCourier:
    """Add for what sum the parcel is insured."""
    stamp.add(insured=stamp["payment"].get("charged"))
    return shop.ship(e)


SERVICES = (payment, shop.inventory, shipping, shop.orders, shop.notification)


_FIRST = 20  # orders that are played before it counts


class Cost(NamedTuple):
    """What one tracking has cost in one round."""

    cpu: float  # seconds of the processor, per case
    bytes: float  # of the file, per event
    stamp: float  # bytes of stamps, per event
    ask: float  # seconds of the processor, per ``cases show``


def program(tracking: Any, file: Path) -> App:
    """Make the order process under a tracking, on a file."""
    ends = shop.ConfirmationSent | shop.OrderRejected
    order = Process("order", starts=shop.OrderPlaced, ends=ends, tracking=tracking)
    return App("trackings", include=[order, *SERVICES], store=f"sqlite:///{file}")


async def play(client: AsyncClient, numbers: range) -> tuple[float, float]:
    """Let orders go through, then ask where each stands; return the seconds of each, per case."""
    began = time.process_time()
    for number in numbers:
        await client.emit(shop.OrderPlaced(str(number), Decimal("99.99")))
    while await client.cases.list(state="open", limit=1):  # noqa: ASYNC110 - who watched would be measured
        await asyncio.sleep(0.05)
    played = time.process_time()
    for number in numbers:
        await client.cases.show(f"order-{number}")
    return (played - began) / len(numbers), (time.process_time() - played) / len(numbers)


async def cost(tracking: str, folder: Path, cases: int) -> Cost:
    """Measure one tracking once."""
    file = folder / "orders.db"
    async with program(tracking, file) as client:
        await play(client, range(_FIRST))  # so that what is done once is done
    size, count, stamps = weigh(file)
    async with program(tracking, file) as client:
        cpu, ask = await play(client, range(_FIRST, _FIRST + cases))
    more, now, stamped = weigh(file)
    return Cost(cpu, (more - size) / (now - count), (stamped - stamps) / (now - count), ask)


def weigh(file: Path) -> tuple[int, int, int]:
    """Return how many bytes a file uses, how many events it has, and how many bytes of these are stamps."""
    with contextlib.closing(sqlite3.connect(file)) as found:
        ((pages,),) = found.execute(
            "SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count"
        )
        ((page,),) = found.execute("PRAGMA page_size")
        ((count, stamps),) = found.execute(
            "SELECT COUNT(*), COALESCE(SUM(LENGTH(JSON_EXTRACT(extra, '$.extensions.stamp'))), 0) FROM events"
        )
    return pages * page, count, stamps


def take(cases: int, rounds: int) -> dict[str, list[Cost]]:
    """Measure each tracking once in each round."""
    found: dict[str, list[Cost]] = {tracking: [] for tracking in TRACKINGS}
    for turn in range(rounds):
        for tracking in (*TRACKINGS[turn % 3 :], *TRACKINGS[: turn % 3]):
            with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
                found[tracking].append(asyncio.run(cost(tracking, Path(folder), cases)))
    return found


def table(found: dict[str, list[Cost]]) -> str:
    """Write what was found as a table of Markdown."""
    lines = [
        "| tracking | processor per case | ratio | bytes per event | ratio | the stamp | `cases show` | ratio |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    base = found["event_sourced"]
    for tracking, costs in found.items():
        cells = [
            f"{median(one.cpu for one in costs) * 1e3:.2f} ms",
            _ratio([one.cpu / other.cpu for one, other in zip(costs, base, strict=True)]),
            f"{median(one.bytes for one in costs):.0f}",
            _ratio([one.bytes / other.bytes for one, other in zip(costs, base, strict=True)]),
            f"{median(one.stamp for one in costs):.0f}",
            f"{median(one.ask for one in costs) * 1e3:.2f} ms",
            _ratio([one.ask / other.ask for one, other in zip(costs, base, strict=True)]),
        ]
        lines.append(f"| {tracking} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _ratio(ratios: Sequence[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    """Measure and show."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--cases", type=int, default=200)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    print(f"{chosen.cases} cases of 5 events, {chosen.rounds} rounds")
    print(table(take(chosen.cases, chosen.rounds)))


if __name__ == "__main__":
    main()
