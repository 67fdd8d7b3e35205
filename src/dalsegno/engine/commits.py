"""Group commit: whatever is ready goes into one transaction; while it is written, the next one fills.

One writer per process. No timer and no batching delay: a lone commit is written at once. What
concerns the whole store (full, busy, unreachable) fails no run: the group is written again until it
lands; callers from outside get the error once their patience ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

import msgspec

from dalsegno.core.clock import Clock, nap
from dalsegno.core.commit import Beat, Failed, Fence, Refused
from dalsegno.core.transact import RolledBack, Transact, Transacted, inside
from dalsegno.core.writes import OWNED, Verdict, Write, owner
from dalsegno.errors import (
    NestedTransaction,
    SessionFenced,
    StoreDamaged,
    StoreError,
    StoreShared,
    StoreUnreachable,
    StoreVanished,
    StoreVersion,
)
from dalsegno.store.protocol import Store

log = logging.getLogger("dalsegno.commits")

Answer = Callable[[Verdict], None]

Landed = Callable[[list[Write], list[Verdict], float], None]
"""Hears of a group that was written: its items, their verdicts, and how many seconds it took."""

HOPELESS = (StoreDamaged, StoreShared, StoreVanished, StoreVersion)
_LARGEST = 512  # items in one transaction: what the loop can spare a few milliseconds for
_FIRST_DELAY, _LONGEST_DELAY = 0.05, 2.0


class Pending(msgspec.Struct):
    """An item that waits to be written; ``impatient_at`` is when its caller gives up."""

    item: Write
    answer: Answer
    impatient_at: float | None


class CommitQueue:
    """The one way to the store's ``write``."""

    def __init__(self, store: Store, clock: Clock, *, patience: float = 5.0) -> None:
        self._store = store
        self._clock = clock
        self._patience = patience
        self._pending: list[Pending] = []
        self._alone: deque[Pending] = deque()  # those with user code in them
        self._filled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._session = 0
        self._lease = 0
        self._commits = 0
        self.renewed_at = 0.0  # by this process's own stopwatch: when the lease was surely renewed
        self.on_fenced: Callable[[], None] | None = None
        self.on_hopeless: Callable[[StoreError], None] | None = None
        self.on_landed: Landed | None = None

    # -- what it is told

    def open(self) -> None:
        """Begin to write; needs a running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="dalsegno-commits")

    async def close(self) -> None:
        """Write what is there, then stop."""
        self._closing = True
        self._filled.set()
        if self._task is not None:
            await self._task

    def begin_session(self, session: int, lease: int) -> None:
        """Write under this session's fence from now on; 0 is none."""
        self._session, self._lease, self._commits = session, lease, 0
        self.renewed_at = self._clock.monotonic()

    def renewed(self, since: float) -> None:
        """Hear that a heartbeat that began at ``since`` has renewed the lease."""
        self.renewed_at = max(self.renewed_at, since)

    @property
    def unrenewed(self) -> float:
        """Seconds since the lease was surely renewed."""
        return self._clock.monotonic() - self.renewed_at

    def put(self, item: Write, answer: Answer, *, impatient_at: float | None = None) -> None:
        """Have an item written; ``answer`` is called with its verdict, on this loop."""
        if isinstance(item, Transact):
            self._filled.set()
            self._alone.append(Pending(item, answer, impatient_at))
            return
        if not self._pending:
            self._filled.set()
        self._pending.append(Pending(item, answer, impatient_at))

    async def submit(self, item: Write, heard: Answer | None = None, *, patient: bool = False) -> Verdict:
        """Have an item from outside written, and await its verdict; raise what it failed with.

        ``heard`` is told the verdict in any case, also when the caller waits no more. A ``patient``
        caller waits as long as it takes: what the store did may concern it though the reply was lost.
        """
        _refuse_nested(item)
        answer: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()

        def tell(verdict: Verdict) -> None:
            if heard is not None:
                heard(verdict)
            if not answer.done():
                answer.set_result(verdict)

        self.put(item, tell, impatient_at=None if patient else self._clock.monotonic() + self._patience)
        verdict = await answer
        if isinstance(verdict, Failed | RolledBack):
            raise verdict.error
        return verdict

    # -- the writer

    async def _run(self) -> None:
        while not self._closing or self._pending or self._alone:
            if not self._pending and not self._alone:
                await self._filled.wait()
            self._filled.clear()
            group, self._pending = self._pending[:_LARGEST], self._pending[_LARGEST:]
            if self._pending:
                self._filled.set()
            if group:
                await self._land(group)
            if self._alone:  # between two groups: neither holds up the other for longer than one of its kind
                await self._land([self._alone.popleft()])

    async def _land(self, group: list[Pending]) -> None:
        delay = _FIRST_DELAY
        while group := self._of_this_session(group):
            began = self._clock.monotonic()
            try:
                verdicts, fenced = await self._write(group)
            except HOPELESS as error:
                return self._give_up(group, error)
            except Exception as error:
                trouble = self._trouble(error)
                group = self._dismiss_impatient(group, trouble)
                if not self._closing:  # nor do callers wait for ever who came after the group was formed
                    self._pending = self._dismiss_impatient(self._pending, trouble)
                    self._alone = deque(self._dismiss_impatient([*self._alone], trouble))
                await nap(delay)
                delay = min(delay * 2, _LONGEST_DELAY)
            else:
                self._tell(group, verdicts, self._clock.monotonic() - began)
                # Not in this task: a turn of workflow code may run in the answer.
                asyncio.get_running_loop().call_soon(self._answer, group, verdicts, fenced)
                return None
        return None

    def _tell(self, group: list[Pending], verdicts: list[Verdict], took: float) -> None:
        if self.on_landed is not None:
            try:
                self.on_landed([pending.item for pending in group], verdicts, took)
            except Exception:  # who only counts holds up nobody
                log.exception("a group that was written could not be counted")

    def _trouble(self, error: Exception) -> StoreError:
        """Say what keeps commits waiting, also where it is nothing that a store is known to raise."""
        if isinstance(error, StoreError):
            log.warning("commits wait: %s", error.what)
            return error
        log.error("commits wait: the store failed in an unknown way", exc_info=error)
        return StoreUnreachable(
            f"The store {self._store.address} failed in an unknown way: {error!r}.",
            "Nothing that was acknowledged is lost. Commits wait and are tried again.",
            "Look at the log and at the disk; restart the worker if it goes on.",
        )

    def _of_this_session(self, group: list[Pending]) -> list[Pending]:
        """Refuse what a session wanted that was fenced meanwhile: without its fence nothing would stop it."""
        past: list[Pending] = []
        present: list[Pending] = []
        for pending in group:
            owned = owner(pending.item) not in (0, self._session)
            (past if owned else present).append(pending)
        if past:
            verdicts: list[Verdict] = [Refused.FENCED] * len(past)
            asyncio.get_running_loop().call_soon(self._answer, past, verdicts, False)
        return present

    async def _write(self, group: list[Pending]) -> tuple[list[Verdict], bool]:
        """Write a group; return its verdicts, and whether the session turned out to be fenced."""
        items = [pending.item for pending in group]
        if not self._session:
            return await self._store.write(items), False
        began, turned = self._clock.monotonic(), self._store.lease_now()
        if isinstance(items[0], Transact):
            return await self._transact(items[0], began, turned)
        fence = Fence(self._session, self._commits + 1, self._lease, turned)
        if not any(isinstance(item, OWNED) for item in items):
            # What a fenced session may write as well does not tell that it is fenced; a heartbeat does.
            items.append(Beat(self._session, self._lease, turned))
        verdicts = await self._store.write(items, fence)
        fenced = Refused.FENCED in verdicts
        if fence.session == self._session and not fenced:
            self._commits += 1
            self.renewed_at = max(self.renewed_at, began)
        return verdicts[: len(group)], fenced and fence.session == self._session

    async def _transact(self, item: Transact, began: float, turned: int) -> tuple[list[Verdict], bool]:
        """Write user code's transaction, which is fenced without being counted: what it wrote tells that it landed."""
        fence = Fence(self._session, self._commits, self._lease, turned) if item.session else None
        verdicts = await self._store.write([item], fence)
        fenced = fence is not None and fence.session == self._session and Refused.FENCED in verdicts
        if fence is not None and isinstance(verdicts[0], Transacted):
            self.renewed_at = max(self.renewed_at, began)
        return verdicts, fenced

    def _answer(self, group: list[Pending], verdicts: list[Verdict], fenced: bool) -> None:
        if fenced and self.on_fenced is not None:
            self.on_fenced()
        for pending, verdict in zip(group, verdicts, strict=True):
            try:
                if isinstance(verdict, Transacted) and isinstance(pending.item, Transact):
                    for then in pending.item.afterwards:
                        then()
                pending.answer(verdict)
            except Exception:  # one run's trouble must not keep the others from their answers
                log.exception("the answer to %s failed", type(pending.item).__name__)

    def _dismiss_impatient(self, group: list[Pending], error: StoreError) -> list[Pending]:
        now = self._clock.monotonic()
        kept = []
        for pending in group:
            begun = isinstance(pending.item, Transact) and pending.item.begun  # its end is to be told
            impatient = pending.impatient_at is not None and pending.impatient_at <= now and not begun
            if impatient or (self._closing and pending.impatient_at is not None):
                pending.answer(Failed(error))
            elif self._closing:
                pending.answer(Failed(_stopped()))
            else:
                kept.append(pending)
        return kept

    def despair(self, error: StoreError) -> None:
        """Hear that the store is beyond waiting for: damaged, gone, or somebody else's."""
        log.error("%s", error)
        if self.on_hopeless is not None:
            self.on_hopeless(error)

    def _give_up(self, group: list[Pending], error: StoreError) -> None:
        self.despair(error)
        for pending in group:
            pending.answer(Failed(error))


def _stopped() -> SessionFenced:
    return SessionFenced(
        "The worker stopped while its store did not answer.",
        "What was asked for may have been written, or not.",
        "Ask again under the same id, once the store answers.",
    )


def _refuse_nested(item: Write) -> None:
    """Refuse what would wait for the transaction that its caller is in."""
    tx = inside.get()
    if tx is not None and tx.open:
        what = "Another transaction" if isinstance(item, Transact) else f"A {type(item).__name__}"
        raise NestedTransaction(
            f"{what} was asked for inside a transaction.",
            "It would wait for the transaction's end, which waits for it.",
            "Let it join the transaction with tx=tx, or do it after the block.",
        )
