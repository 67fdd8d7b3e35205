"""A worker's life as a fixed list of groups, and a writer of them that is as patient as the commit queue."""

from __future__ import annotations

from collections.abc import Iterator

from dalsegno.core.commit import (
    Beat,
    Claim,
    Commit,
    EndSession,
    Fence,
    OpenSession,
    Rest,
    Send,
    Start,
    Verdict,
    Write,
)
from dalsegno.core.entries import Entry, Kind, Timer
from dalsegno.core.runs import Status
from dalsegno.errors import StoreError
from dalsegno.store.protocol import Store

Group = tuple[list[Write], Fence | None]

LEASE = 10_000_000
ME = 1
RUNS = (10, 11, 12)
ROUNDS = 6


def life() -> list[Group]:
    """Open a session, start and claim runs, advance each of them, hear signals, end them, say goodbye."""
    return list(_life())


def _life() -> Iterator[Group]:
    commits = 0

    def fence() -> Fence:
        nonlocal commits
        commits += 1
        return Fence(ME, commits, LEASE)

    yield [OpenSession(ME, LEASE, 1, 2, "ns", "one boot", "host", "3.11", "test", (("order", "1"),))], None
    yield [Start(number, "default", f"run-{number}", "order", "1", b"x" * 500) for number in RUNS], None
    yield [Claim(ME, "default", 100)], fence()
    for turn in range(1, ROUNDS + 1):
        yield [_step(run, turn) for run in RUNS], fence()
        yield [Send(Kind.SIGNAL, run=RUNS[0], name="Paid", id=f"paid {turn}")], fence()
        yield [Beat(ME, LEASE, 0)], None
    yield [_end(run) for run in RUNS], fence()
    yield [EndSession(ME, goodbye=True)], fence()


def _step(run: int, turn: int) -> Commit:
    entry = Entry(turn, Kind.STEP, turn, "charge", b"\x01\x02", attempt=1, data=b"y" * 700)
    return Commit(run, ME, 1, 0, (entry,), (Timer(100 + turn, 5),), (99 + turn,))


def _end(run: int) -> Commit:
    return Commit(run, ME, 1, 0, rest=Rest(Status.COMPLETED, ROUNDS if run == RUNS[0] else 0, output=b"1"))


async def live(
    store: Store, groups: list[Group], *, tries: int = 50
) -> tuple[list[list[Verdict]], list[str]]:
    """Write a life; a group that the store could not write is written again. Return verdicts and errors."""
    answers: list[list[Verdict]] = []
    errors: list[str] = []
    for items, fence in groups:
        for _ in range(tries):
            try:
                answers.append(await store.write(items, fence))
                break
            except StoreError as error:
                errors.append(type(error).__name__)
        else:
            raise AssertionError(f"{items} was not written in {tries} tries: {errors}")
    return answers, errors
