"""A real help-desk log as signals, each of them sent twice, to a worker that is killed again and again.

Data: help-desk log of an Italian software company, doi:10.4121/uuid:0c60edf1-6f83-4e75-9367-4c63b3e9d5bb,
read from ../shared/data.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from pathlib import Path

import pytest

from dalsegno.app import App, Runtime
from dalsegno.store.protocol import RunQuery
from tests.real_faults import tickets
from tests.real_faults.harness import until
from tests.real_faults.hireling import Hireling
from tests.real_faults.logs import Row, read_rows, read_truth

KILLS = 22
BATCH = 400
STALLED = 60.0  # seconds without a ticket completed; how long all take together is the machine's affair


def _batches(rows: list[Row]) -> Iterator[list[Row]]:
    rest = iter(rows)
    while batch := list(islice(rest, BATCH)):
        yield batch


class Desk:
    """The worker process, ended and hired again, and the client that sends the log."""

    def __init__(self, folder: Path) -> None:
        self.store = f"sqlite:///{folder}/tickets.db"
        self.worker = Hireling(folder, tickets.__name__, self.store)
        app = App("tickets", include=[tickets.handle_ticket, tickets.archive], store=self.store)
        self.runtime: Runtime = app.runtime(worker=False)

    async def send(self, rows: list[Row]) -> None:
        """Start each ticket at its first event, and send every event twice under one id."""
        client = self.runtime.operations
        firsts = [row["case_id"] for row in rows if row["seq"] == "0"]
        await asyncio.gather(*(client.start(tickets.handle_ticket, case, case, None) for case in firsts))
        sent = [
            client.signal(
                row["case_id"],
                tickets.Activity(row["activity"], row["resource"]),
                None,
                f"{row['case_id']}#{row['seq']}",
                row["resource"],
            )
            for row in rows
            for _ in range(2)
        ]
        accepted = await asyncio.gather(*sent)
        assert sum(accepted) == len(rows), "a repeated id must be a no-op"

    async def all_completed(self, cases: int) -> None:
        """Wait for as long as tickets are completed; fail when none is for a minute, telling of some that are not."""
        completed = 0

        async def more() -> bool:
            counts = await self.runtime.store.counts("default")
            assert not counts.get("failed", 0)
            return counts.get("completed", 0) > completed

        while completed < cases:
            try:
                await until(more, STALLED, f"one more of {cases} tickets completed than {completed}")
            except AssertionError as error:
                raise AssertionError(f"{error}; {await self._standing()}") from None
            completed = (await self.runtime.store.counts("default"))["completed"]

    async def _standing(self) -> str:
        """Tell how the tickets stand, a few that are not completed by their rows, and what the worker said last."""
        store = self.runtime.store
        undone = await store.runs(RunQuery(statuses=("pending", "running", "waiting"), limit=5))
        sessions = [(session.pid, session.number) for session in await store.sessions()]
        process = self.worker.process
        worker = None if process is None else (process.pid, process.poll())
        parts = (
            await store.counts("default"),
            f"worker {worker}",
            f"sessions {sessions}",
            *undone,
            self.worker.said(),
        )
        return "\n".join(map(str, parts))


async def _play(desk: Desk, rows: list[Row], rng: random.Random) -> None:
    await desk.runtime.open()
    try:
        await desk.worker.hire()
        batches = list(
            _batches(sorted(rows, key=lambda row: (row["timestamp"], row["case_id"], int(row["seq"]))))
        )
        fatal = set(rng.sample(range(1, len(batches)), KILLS - 2))
        for number, batch in enumerate(batches):
            ordered = sorted(batch, key=lambda row: (row["case_id"], int(row["seq"])))
            await desk.send(ordered)
            if number in fatal:
                await desk.worker.replace()
        lengths = Counter(row["case_id"] for row in rows)
        client = desk.runtime.operations
        ends = [client.signal(c, tickets.LogEnds(n), None, "end", "log") for c, n in lengths.items()]
        await asyncio.gather(*ends)
        for _ in range(2):
            await desk.worker.replace()
        await desk.all_completed(len(lengths))
    finally:
        desk.worker.end()


@pytest.mark.timeout(600)
def test_every_ticket_of_a_real_log_ends_as_the_log_says_whatever_is_repeated_or_killed(
    tmp_path: Path, shared: Path, count: Callable[..., None]
) -> None:
    rows, truth = read_rows(shared, "helpdesk_tickets"), read_truth(shared, "helpdesk_tickets")
    traces: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        traces[row["case_id"]].append(row["activity"])
    desk = Desk(tmp_path)
    found: dict[str, tickets.Ticket] = {}

    async def scenario() -> None:
        try:
            await _play(desk, rows, random.Random(4))
            for case in traces:
                found[case] = await desk.runtime.operations.result(case, tickets.handle_ticket, "10s")
        finally:
            await desk.runtime.close()

    asyncio.run(scenario())
    assert desk.worker.kills > 20
    count("kills", desk.worker.kills)
    assert {case: ticket.trace for case, ticket in found.items()} == traces
    assert len(found) == truth["cases"] == 4580
    activities = Counter(name for ticket in found.values() for name in ticket.trace)
    assert activities == truth["activities"]
    assert Counter(ticket.state for ticket in found.values()) == truth["end_activities"]
    follows = Counter(pair for ticket in found.values() for pair in pairwise(ticket.trace))
    assert follows == Counter(pair for trace in traces.values() for pair in pairwise(trace))
    for told in truth["directly_follows_top"]:
        assert follows[told["from"], told["to"]] == told["count"]
    print(
        f"{len(found)} tickets, {len(rows)} activities as {2 * len(rows)} signals, {desk.worker.kills} kills"
    )
