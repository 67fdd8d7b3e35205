"""A worker's life as a fixed list of groups, and a writer of them that is as patient as the commit queue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dalsegno.core.commit import Beat, Claim, Commit, EndSession, Fence, OpenSession, Rest, Send, Start
from dalsegno.core.entries import Entry, Kind, Timer
from dalsegno.core.runs import Status
from dalsegno.core.writes import Verdict, Write
from dalsegno.errors import StoreError
from dalsegno.store.protocol import Store

Group = tuple[list[Write], Fence | None]

LEASE = 10_000_000
ME = 1
RUNS = (10, 11, 12)
ROUNDS = 6


def life(me: int = ME, runs: Sequence[int] = RUNS, queue: str = "default") -> list[Group]:
    """Open a session, start and claim runs, advance each of them, hear signals, end them, say goodbye."""
    return list(_life(me, runs, queue))


def _life(me: int, runs: Sequence[int], queue: str) -> Iterator[Group]:
    commits = 0

    def fence() -> Fence:
        nonlocal commits
        commits += 1
        return Fence(me, commits, LEASE)

    yield [OpenSession(me, LEASE, 1, 2, "ns", "one boot", "host", "3.11", "test", (("order", "1"),))], None
    yield [_start(number, queue) for number in runs], None
    yield [Claim(me, queue, 100)], fence()
    for turn in range(1, ROUNDS + 1):
        yield [_step(me, run, turn) for run in runs], fence()
        yield [Send(Kind.SIGNAL, run=runs[0], name="Paid", id=f"paid {turn}")], fence()
        yield [Beat(me, LEASE, 0)], None
    yield [_end(me, run, ROUNDS if run == runs[0] else 0) for run in runs], fence()
    yield [EndSession(me, goodbye=True)], fence()


def _start(number: int, queue: str) -> Start:
    return Start(number, "default", f"run-{number}", "order", "1", b"x" * 500, queue=queue)


def _step(me: int, run: int, turn: int) -> Commit:
    entry = Entry(turn, Kind.STEP, turn, "charge", b"\x01\x02", attempt=1, data=b"y" * 700)
    return Commit(run, me, 1, 0, (entry,), (Timer(100 + turn, 5),), (99 + turn,))


def _end(me: int, run: int, wakes: int) -> Commit:
    return Commit(run, me, 1, 0, rest=Rest(Status.COMPLETED, wakes, output=b"1"))


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
