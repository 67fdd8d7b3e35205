"""Transactions that a program holds open for a block of its own: its rows, and what it starts, signals and emits.

The block's transaction is a ``Transact`` like any other, whose work waits until the block has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable
from contextvars import Token
from types import TracebackType
from typing import Any, cast

from dalsegno.client.portal import Portal
from dalsegno.core.clock import SECOND
from dalsegno.core.commit import Failed
from dalsegno.core.durations import Duration, microseconds
from dalsegno.core.transact import LONGEST, OpenTx, Parameters, Transact, Tx, inside
from dalsegno.core.writes import Verdict, Write
from dalsegno.engine.commits import CommitQueue
from dalsegno.errors import InvalidInput


class Withdrawn(Exception):  # says what happened
    """The block ended with an exception: its transaction is rolled back."""


class Held:
    """A transaction that is open until ``end``, or until its time is over."""

    def __init__(self, commits: CommitQueue, bound: int) -> None:
        self._commits = commits
        self._bound = bound
        self._ended = threading.Event()
        self._keep = False
        self._opened: asyncio.Future[OpenTx] | None = None
        self._verdict: asyncio.Task[Verdict] | None = None

    async def open(self) -> OpenTx:
        """Wait for its turn. Raises StoreError, NestedTransaction and NoTransactions."""
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[OpenTx] = loop.create_future()

        def tell(tx: OpenTx) -> None:
            if not opened.done():
                opened.set_result(tx)

        def work(tx: OpenTx) -> None:
            loop.call_soon_threadsafe(tell, tx)
            self._ended.wait(self._bound / SECOND)
            if self._ended.is_set() and not self._keep:
                raise Withdrawn

        transact = Transact(work, "client.transaction()", bound=self._bound, once=True)
        self._verdict = loop.create_task(self._commits.submit(transact))
        try:
            either: list[asyncio.Future[Any]] = [opened, self._verdict]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            self._ended.set()
            raise
        if not opened.done():
            opened.cancel()
            await self._verdict  # it says why
        return await opened

    async def end(self, *, keep: bool) -> None:
        """Commit, or with ``keep=False`` roll back. Raises what keeps it from being committed."""
        assert self._verdict is not None
        self._keep = keep
        self._ended.set()
        if keep:
            await self._verdict
            return
        with contextlib.suppress(Exception):  # the block's own exception says more
            await self._verdict


class AsyncTx:
    """An open transaction on the store's own database, in ``async def`` code."""

    def __init__(self, tx: OpenTx) -> None:
        self.tx = tx

    async def execute(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows.

        Raises StatementFailed, StatementBarred, TransactionTooLong and TransactionOver.
        """
        return await asyncio.to_thread(self.tx.execute, sql, parameters)

    async def executemany(self, sql: str, rows: Iterable[Parameters]) -> None:
        """Run a statement once for each of many rows. Raises what ``execute`` raises."""
        await asyncio.to_thread(self.tx.executemany, sql, rows)


class AsyncTransaction:
    """What ``client.transaction()`` gives ``async def`` code: ``async with`` opens it."""

    def __init__(self, commits: CommitQueue, timeout: Duration) -> None:
        self._commits = commits
        self._bound = bound_of(timeout)
        self._held: Held | None = None
        self._token: Token[OpenTx | None] | None = None

    def held(self) -> Held:
        """Make what is held open for one block."""
        return Held(self._commits, self._bound)

    async def __aenter__(self) -> AsyncTx:
        held = self.held()
        tx = await held.open()
        self._held, self._token = held, inside.set(tx)
        return AsyncTx(tx)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._held is not None and self._token is not None
        inside.reset(self._token)
        await self._held.end(keep=error is None)


class Transaction:
    """What ``client.transaction()`` gives ``def`` code: ``with`` opens it."""

    def __init__(self, transaction: AsyncTransaction, portal: Portal) -> None:
        self._transaction = transaction
        self._portal = portal
        self._held: Held | None = None
        self._token: Token[OpenTx | None] | None = None

    def __enter__(self) -> Tx:
        held = self._transaction.held()
        tx = self._portal.call(held.open())
        self._held, self._token = held, inside.set(tx)
        return tx

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._held is not None and self._token is not None
        inside.reset(self._token)
        self._portal.call(self._held.end(keep=error is None))


def bound_of(timeout: Duration) -> int:
    """Return how long a block may take, in microseconds. Raises InvalidInput."""
    bound = microseconds(timeout, what="timeout")
    if not 0 < bound <= LONGEST:
        raise InvalidInput(
            f"A transaction cannot be held open for {timeout!r}.",
            "Nobody else can write to the store meanwhile, and others wait for 5 s at most.",
            "Do in it only what belongs together, and the rest before or after it.",
            timeout=timeout,
        )
    return bound


def wrapped(tx: Tx | None) -> AsyncTx | None:
    """Return a transaction as the awaited client takes it."""
    return None if tx is None else AsyncTx(cast("OpenTx", tx))  # whose it is is looked at where it is used


def open_tx(tx: Any, address: str) -> OpenTx | None:
    """Return what is behind the ``tx=`` of a client's verb. Raises InvalidInput for what is none of its store."""
    inner = tx.tx if isinstance(tx, AsyncTx) else tx
    if inner is not None and getattr(inner, "address", None) != address:
        raise InvalidInput(
            f"tx={tx!r} is no transaction of {address}.",
            "What goes into one transaction lies in one store.",
            "Pass on what `with client.transaction() as tx` gives, of the same client.",
        )
    found: OpenTx | None = inner
    return found


async def submit(
    commits: CommitQueue, address: str, item: Write, tx: Any, heard: Callable[[Verdict], None]
) -> Verdict:
    """Have an item written, at once or in a transaction; ``heard`` hears the verdict once it is durable."""
    inner = open_tx(tx, address)
    if inner is None:
        return await commits.submit(item, heard)
    verdict = await asyncio.to_thread(inner.write, item, heard)
    if isinstance(verdict, Failed):
        raise verdict.error
    return verdict
