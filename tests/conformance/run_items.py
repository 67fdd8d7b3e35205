"""Items about runs and sessions, drawn at random: for the machine that writes them to both stores."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from dalsegno.core.commit import (
    Beat,
    Claim,
    Commit,
    EndSession,
    Fence,
    OpenSession,
    Release,
    Rest,
    Retry,
    Send,
    Start,
)
from dalsegno.core.entries import Entry, Kind, Outcome, Timer
from dalsegno.core.notes import LongAttempt
from dalsegno.core.runs import COMPENSATING, DIVERGED, Run, Status
from dalsegno.core.writes import Write
from dalsegno.store.protocol import RunQuery, Store
from tests.conformance.drawing import Drawing

IDS = ("a", "A", "a%", "ä", "🧾")
WORKFLOWS = ("order", "refund")
LEASE = 100


class RunItems(Drawing):
    """Draws them; what the store in memory holds tells which of them may succeed."""

    def of_events(self, run: Run) -> dict[str, Any]:
        raise NotImplementedError

    def run_items(self) -> list[Callable[[], Write]]:
        common = [self.commit, self.commit, self.commit, self.claim, self.send, self.start]
        return common * 3 + [self.beat, self.release, self.retry, self.end_session]

    def run_reads(self) -> list[Callable[[Store], Awaitable[Any]]]:
        """Draw questions to ask both stores."""
        pick = self.rng.choice
        query = RunQuery(
            namespace=pick(["default", "other"]),
            statuses=pick([(), ("running",), ("waiting", "failed")]),
            workflow=pick([None, None, *WORKFLOWS]),
            id_prefix=pick([None, "a", "A", "a%", ""]),
            reason=pick([None, "parked", "comp"]),
            case_id=pick([None, None, self.some_case()]),
            parent=pick([None, None, self.some_run()]),
            before=pick([None, 5, 50]),
            limit=pick([0, 1, 2, 3]),
        )
        name, queue, session = pick(IDS), pick(["default", "slow"]), self.some_session()
        numbers = [run.number for run in self.runs()[-4:]]
        return [
            lambda store: store.runs(query),
            lambda store: store.find(query.namespace, name),
            lambda store: store.ending(query.namespace, name),
            lambda store: _sorted(store.endings(numbers)),
            lambda store: store.inbox(numbers),
            lambda store: store.counts(query.namespace),
            lambda store: store.anything_to_release(),
            lambda store: store.anything_due(session, queue),
            lambda store: store.next_due(queue),
            lambda store: _sorted(store.due()),
        ]

    def few(self) -> list[int]:
        return self.rng.sample(range(1, 5), self.rng.randrange(3))

    # -- items

    def session(self) -> OpenSession:
        number = next(self.numbers)
        self.sessions[number] = 0
        abilities = tuple((name, "1") for name in WORKFLOWS[: 1 + number % 2])
        return OpenSession(number, LEASE, number, 2, "ns", "boot", "host", "3.11", "twins", abilities)

    def start(self) -> Start:
        pick, owned = self.rng.choice, self.owned()
        number = owned[0].number if owned and self.chance(6) else next(self.numbers)
        parent = self.some_run() if self.chance(3) else None
        return Start(
            number,
            pick(["default", "default", "default", "other"]),
            pick([*IDS, f"run-{number}", self.some_case()]),
            pick(WORKFLOWS),
            "1",
            input=pick([None, b"", b"\x00\xff"]),
            parent=parent,
            attached=not self.chance(4),
            queue=pick(["default", "default", "slow"]),
            session=pick([None, *self.sessions]),
            case_id=None if self.chance(3) else self.some_case(),
            cause=self.some_event() if self.chance(4) else None,
            undoes=self.chance(5),
            held=self.chance(9),
            due_at=pick([None, None, self.clock.now() + 50]),
        )

    def send(self) -> Send:
        pick, owned = self.rng.choice, self.owned()
        return Send(
            pick([Kind.SIGNAL, Kind.CANCEL, Kind.CHILD]),
            run=pick(owned).number if owned and self.chance(2) else None,
            namespace="default",
            run_id=pick(IDS),
            name="n",
            id=pick([None, "s", "S", "t", "cancel"]),
            data=pick([None, b"", b"1"]),
            release=self.chance(2),
        )

    def commit(self) -> Write:
        owned, pick = self.owned(), self.rng.choice
        if not owned:
            return self.claim()
        run = pick(owned)
        return Commit(
            run=run.number,
            session=run.session or 0,
            turn=run.turn - 1 if self.chance(8) else run.turn,
            floor=self.clock.now() + pick([-5, 0, 5]),
            entries=self.entries(run),
            timers=tuple(Timer(op, self.rng.randrange(9), self.chance(2)) for op in self.few()),
            dropped=tuple(self.few()),
            consumed=tuple(self.few()),
            starts=(self.child(run),) if self.chance(3) else (),
            sends=(self.send(),) if self.chance(2) else (),
            rest=self.rest(run) if self.chance(3) else None,
            reason=pick([None, "", COMPENSATING]),
            notes=pick([None, b"n"]),
            clear_crashes=self.chance(2),
            **(self.of_events(run) if self.chance(2) else {}),
        )

    def entries(self, run: Run) -> tuple[Entry, ...]:
        journal = self.runner.run(self.memory.store.journal(run.number))
        at = len(journal) - (1 if journal and self.chance(8) else 0)
        outcomes = self.rng.choices(list(Outcome), k=self.rng.randrange(3))
        return tuple(
            Entry(at + n, Kind.STEP, n, "s", b"\x00", outcome, n, data=b"1")
            for n, outcome in enumerate(outcomes, 1)
        )

    def child(self, run: Run) -> Start:
        pick = self.rng.choice
        number = run.number if self.chance(6) else next(self.numbers)
        return Start(
            number,
            "default",
            pick([f"{run.id}.1", f"{run.id}.1", f"{run.id}.{number}", *IDS]),
            pick(["order", "order", "refund"]),
            "1",
            parent=run.number,
            parent_op=1,
            attached=not self.chance(4),
            case_id=pick([run.case_id, run.case_id, None, self.some_case()]),
            undoes=self.chance(6),
        )

    def rest(self, run: Run) -> Rest:
        pick = self.rng.choice
        status = pick([Status.WAITING, Status.WAITING, Status.WAITING, Status.COMPLETED, Status.FAILED])
        due = pick([None, self.clock.now(), self.clock.now() + LEASE])
        reason = pick([None, DIVERGED, COMPENSATING])
        return Rest(status, 0 if self.chance(3) else run.wakes, reason, due, b"n", b"o", 1, b"e")

    def claim(self) -> Claim:
        queue = self.rng.choice(["default", "default", "slow"])
        return Claim(
            self.some_session(), queue, self.rng.randrange(5), self.rng.randrange(3), suspect_after=1
        )

    def beat(self) -> Beat:
        runs = [run.number for run in self.owned()[:2]]
        attempts = tuple(LongAttempt(n, op, "s", 1, 1, op) for op, n in enumerate(runs))
        return Beat(self.some_session(), LEASE, self.rng.randrange(9), attempts)

    def end_session(self) -> EndSession:
        number = self.rng.choice(sorted(self.sessions))
        return EndSession(number, expired_only=not self.chance(3), goodbye=self.chance(4))

    def release(self) -> Release:
        return Release(self.rng.choice([1, 2, 500]), self.rng.choice([0, 1, 5]))

    def retry(self) -> Retry:
        parked = [run.id for run in self.runs() if run.parked and run.namespace == "default"]
        why = self.rng.choice(("", "mended"))
        return Retry("default", self.rng.choice([*parked * 3, *IDS]), "kim", why=why)

    def fence(self) -> Fence | None:
        session = self.some_session()
        ahead = 2 if self.chance(8) else 1
        return None if self.chance(3) else Fence(session, self.sessions[session] + ahead, LEASE)

    def late_fence(self) -> Fence | None:
        """Draw one that is not counted, as user code is written under."""
        session = self.some_session()
        return None if self.chance(2) else Fence(session, self.sessions[session], LEASE)


async def _sorted(rows: Awaitable[list[Any]]) -> list[Any]:
    """Put in order what is promised in none."""
    return sorted(await rows, key=repr)
