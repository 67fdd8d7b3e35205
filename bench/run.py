"""The whole bench: one command, one table, one JSON.

    python bench/run.py [--quick] [--only throughput,replay] [--json FILE] [--page FILE]

Every figure stands beside a calibration loop, and wherever it can it is a ratio to something measured in
the same moment. Peers are installed on demand, each apart, under ``--cache``; one that does not install is named
with the reason. ``--no-peers`` leaves them out, and says so.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import backlog
import crowd
import events
import growth
import imports
import live_cases
import recovery
import replay
import rows
import sleepers
import throughput
import workers
from peers import CACHE, EVENT_PEERS, PEERS, Peer
from rows import Row
from sizes import FULL, QUICK, TINY, Sizes

Take = Callable[[], list[Row]]


def measures(
    sizes: Sizes, directory: Path, cache: Path, missing: dict[str, str], peers: Sequence[Peer]
) -> dict[str, Take]:
    """Return what there is to measure, in the order in which it is done."""
    return {
        "imports": partial(imports.take, sizes, directory),
        "replay": partial(replay.take, sizes, directory),
        "recovery": partial(recovery.take, sizes, directory),
        "throughput": partial(throughput.take, sizes, directory, cache, missing, peers),
        "crowd": partial(crowd.take, sizes, directory, cache),
        "workers": partial(workers.take, sizes, directory),
        "sleepers": partial(sleepers.take, sizes, directory, cache, missing, peers),
        "growth": partial(growth.take, sizes, directory),
        "events": partial(events.take, sizes, directory, cache, missing, EVENT_PEERS if peers else ()),
        "backlog": partial(backlog.take, sizes, directory, cache),
        "cases": partial(live_cases.take, sizes, directory),
    }


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    size = options.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_const", dest="sizes", const=QUICK, help="fewer, shorter")
    size.add_argument("--tiny", action="store_const", dest="sizes", const=TINY, help="only whether it works")
    options.add_argument("--only", default="", help="some of the measures, with commas")
    options.add_argument("--no-peers", action="store_true", help="measure ours alone")
    options.add_argument("--directory", type=Path, default=Path(), help="on the disk to be measured")
    options.add_argument("--cache", type=Path, default=CACHE, help="where peers are installed")
    options.add_argument("--json", type=Path)
    options.add_argument("--page", type=Path, help="put the figures into this page")
    options.set_defaults(sizes=FULL)
    return options.parse_args()


def main() -> None:
    """Measure, show, write."""
    chosen = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    missing: dict[str, str] = {"peers": "left out by --no-peers"} if chosen.no_peers else {}
    found: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="bench-", dir=chosen.directory) as folder:
        peers = () if chosen.no_peers else PEERS
        known = measures(chosen.sizes, Path(folder).resolve(), chosen.cache.resolve(), missing, peers)
        wanted = [name for name in chosen.only.split(",") if name] or list(known)
        for name in wanted:
            began = time.monotonic()
            new = known[name]()
            found += new
            print(rows.table(new), f"\n({name}: {time.monotonic() - began:.0f} s)", flush=True)
    missed = [row for row in found if row.met is False]
    print(f"\n{sum(row.met is not None for row in found) - len(missed)} targets met, {len(missed)} missed")
    for row in missed:
        print(
            f"  missed: {row.measure}, {row.setting}: {rows.cells(row)[2]} {rows.cells(row)[3]} ({row.target})"
        )
    for who, why in missing.items():
        print(f"  not measured: {who}: {why}")
    if chosen.json is not None:
        chosen.json.write_text(rows.as_json(found, missing))
    if chosen.page is not None:
        rows.into_page(chosen.page, rows.markdown(found, missing))


if __name__ == "__main__":
    main()
