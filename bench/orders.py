"""The 4-step order workflow on SQLite with synchronous=FULL, as a share of the floor.

Rounds are interleaved (floor, ours, floor, …) because machines are noisy: each round's figure is
divided by the mean of the floors measured right before and after it, and the median is shown.

    python bench/orders.py [--runs 3000] [--rounds 5] [--latencies 300] [--directory .] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from floor import Floor, measure

from dalsegno import App, Workflow, step, workflow

Order = dict[str, Any]


@step
async def charge(order: Order) -> Order:
    return {"payment": f"pay-{order['id']}", "amount": order["amount"]}


@step
async def reserve(order: Order) -> Order:
    return {"reservation": f"res-{order['id']}"}


@step
async def ship(order: Order) -> Order:
    return {"shipment": f"ship-{order['id']}"}


@step
async def confirm(order: Order) -> Order:
    return {"mail": f"mail-{order['id']}"}


@workflow
async def order_async(order: Order) -> Order:
    payment = await charge(order)
    await reserve(order)
    await ship(order)
    await confirm(order)
    return payment


@step
def charge_def(order: Order) -> Order:
    return {"payment": f"pay-{order['id']}", "amount": order["amount"]}


@step
def other_def(order: Order) -> Order:
    return {"reservation": f"res-{order['id']}"}


@workflow
def order_def(order: Order) -> Order:
    payment = charge_def(order)
    other_def(order)
    other_def(order)
    other_def(order)
    return payment


WAYS: dict[str, Workflow[Order, Order]] = {"async def": order_async, "def": order_def}


async def throughput(way: Workflow[Order, Order], runs: int, directory: Path) -> tuple[float, float]:
    """Return workflows per second, from the first start to the last result, and CPU seconds per 1,000."""
    with tempfile.TemporaryDirectory(prefix="orders-", dir=directory) as folder:
        async with App("bench", store=f"sqlite:///{folder}/bench.db") as client:
            orders = [{"id": n, "amount": 99.5, "items": ["a", "b"]} for n in range(runs)]
            cpu, began = _cpu(), time.perf_counter()
            started = await asyncio.gather(*(client.start(way, o, id=f"o-{o['id']}") for o in orders))
            for run in started:
                await run.result()
            took = time.perf_counter() - began
            return runs / took, (_cpu() - cpu) / runs * 1000


async def latencies(way: Workflow[Order, Order], count: int, directory: Path) -> list[float]:
    """Return how long each of ``count`` runs took, one after the other, in milliseconds."""
    with tempfile.TemporaryDirectory(prefix="orders-", dir=directory) as folder:
        async with App("bench", store=f"sqlite:///{folder}/bench.db") as client:
            found = []
            for n in range(count):
                began = time.perf_counter()
                run = await client.start(way, {"id": n, "amount": 1.5}, id=f"o-{n}")
                await run.result()
                found.append((time.perf_counter() - began) * 1000)
            return sorted(found)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def rounds(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure everything, interleaved with the floor."""
    rows = []
    for name, way in WAYS.items():
        shares, rates, cpus = [], [], []
        before = measure(1, 100, options.directory)
        for _ in range(options.rounds):
            rate, cpu = asyncio.run(throughput(way, options.runs, options.directory))
            after = measure(1, 100, options.directory)
            floor = (before.workflows_per_second + after.workflows_per_second) / 2
            shares.append(rate / floor)
            rates.append(rate)
            cpus.append(cpu)
            before = after
        rows.append(_row(name, shares, rates, cpus, before, options))
        rows[-1] |= _latency(way, options)
    return rows


def _row(
    name: str,
    shares: list[float],
    rates: list[float],
    cpus: list[float],
    floor: Floor,
    options: argparse.Namespace,
) -> dict[str, Any]:
    return {
        "steps": name,
        "runs": options.runs,
        "share_of_floor": statistics.median(shares),
        "share_lowest": min(shares),
        "share_highest": max(shares),
        "workflows_per_second": statistics.median(rates),
        "floor_per_second": floor.workflows_per_second,
        "cpu_seconds_per_1000": statistics.median(cpus),
    }


def _latency(way: Workflow[Order, Order], options: argparse.Namespace) -> dict[str, Any]:
    before = measure(1, 1, options.directory)
    found = asyncio.run(latencies(way, options.latencies, options.directory))
    after = measure(1, 1, options.directory)
    floor = (before.seconds_per_workflow + after.seconds_per_workflow) / 2 * 1000
    p50, p99 = found[len(found) // 2], found[int(len(found) * 0.99)]
    return {"p50_ms": p50, "p99_ms": p99, "floor_six_commits_ms": floor, "p50_over_floor": p50 / floor}


def main() -> None:
    """Measure and show."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--runs", type=int, default=3000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--latencies", type=int, default=300)
    options.add_argument("--directory", type=Path, default=Path())
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    found = rounds(chosen)
    for row in found:
        print(
            f"{row['steps']:>9}: {row['share_of_floor']:6.1%} of the floor "
            f"({row['share_lowest']:.1%} to {row['share_highest']:.1%}), "
            f"{row['workflows_per_second']:,.0f} of {row['floor_per_second']:,.0f} workflows/s, "
            f"{row['cpu_seconds_per_1000']:.2f} CPU-s per 1,000; alone p50 {row['p50_ms']:.2f} ms "
            f"p99 {row['p99_ms']:.2f} ms, {row['p50_over_floor']:.1f} x six single-row commits"
        )
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
