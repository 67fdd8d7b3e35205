"""User code inside a transaction of ours: its rows and what we write with them, all of it or nothing.

A ``Transact`` stands alone in its group. The store opens a transaction, hands it to the user's code,
writes the item that this returns, and commits; whatever goes wrong before rolls back all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import msgspec

from dalsegno.core.commit import Failed, Refused
from dalsegno.core.sourcing import Conflict

if TYPE_CHECKING:
    from dalsegno.core.writes import Verdict, Write

Parameters: TypeAlias = Sequence[Any] | Mapping[str, Any]
"""The values of a statement: by place, or by name."""

BOUND = 1_000_000
"""How long a transaction with user code in it may take, in microseconds, unless somebody says otherwise."""

LONGEST = 5_000_000
"""How long one may be allowed to take: meanwhile nobody else writes to the store, and others wait no longer."""


def bound_of(timeout: int | None) -> int:
    """Return how long a transaction may take that was given a timeout, or none."""
    return BOUND if timeout is None else min(timeout, LONGEST)


class Tx(Protocol):
    """An open transaction on the store's own database, for rows of yours.

    It sees your tables and not dalsegno's, and ends when your function, or your block, does.
    """

    def execute(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows.

        Raises StatementFailed, StatementBarred, TransactionTooLong and TransactionOver.
        """
        ...

    def executemany(self, sql: str, rows: Iterable[Parameters]) -> None:
        """Run a statement once for each of many rows. Raises what ``execute`` raises."""
        ...


class OpenTx(Tx, Protocol):
    """The same, with what only our own code does with it."""

    @property
    def open(self) -> bool:
        """Whether anything can still be done in it."""
        ...

    @property
    def address(self) -> str:
        """The store that it is a transaction of."""
        ...

    def write(self, item: Write, then: Callable[[Verdict], None] | None = None) -> Verdict:
        """Write an item of ours in it; ``then`` hears the verdict, on the loop, once all of it is durable."""
        ...


inside: ContextVar[OpenTx | None] = ContextVar("dalsegno_transaction", default=None)
"""The transaction that this code is in: whatever else it writes would wait for its end."""


class Transact(msgspec.Struct, eq=False):
    """User code, and the item that it returns, in one transaction.

    ``work`` runs where it may block. Should the store fail meanwhile it is run again from the start,
    unless it can run only ``once``. ``session`` is whose fence it is written under, 0 for nobody's;
    ``bound`` how long it may take, in microseconds; ``what`` names it in messages. The verdict is
    ``Transacted``, what refused its item, or ``RolledBack`` with what ``work`` raised.
    """

    work: Callable[[OpenTx], Write | None]
    what: str
    session: int = 0
    bound: int = BOUND
    once: bool = False
    begun: bool = False  # ``work`` was entered
    tried: Transacted | None = (
        None  # what the last attempt was about to commit: whether it did, its rows tell
    )
    afterwards: list[Callable[[], None]] = []


class Transacted(msgspec.Struct, frozen=True, eq=False):
    """All of it is durable: the items that were written, and their verdicts."""

    items: tuple[Write, ...] = ()
    verdicts: tuple[Verdict, ...] = ()


def refuses(verdict: Verdict | None) -> bool:
    """Whether a verdict says that nothing of its item was written."""
    return isinstance(verdict, Failed | Refused | Conflict)


class RolledBack(msgspec.Struct, frozen=True, eq=False):
    """User code raised ``error``; nothing of its transaction is in the store."""

    error: BaseException
