"""User code let into a transaction of the writer's: asked in, watched, and followed by what we write."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any, TypeVar

import apsw

from dalsegno.core.clock import SECOND, Clock
from dalsegno.core.commit import Failed, Fence, Refused
from dalsegno.core.transact import RolledBack, Transact, Transacted, refuses
from dalsegno.core.writes import Verdict, Write
from dalsegno.errors import StoreError, TransactionError, TransactionInDoubt, TransactionTooLong
from dalsegno.store.sqlite.apart import Apart, GivenUp
from dalsegno.store.sqlite.bars import Bars
from dalsegno.store.sqlite.guest import Guest, ended
from dalsegno.store.verbs import write_item
from dalsegno.store.verbs.group import Ask, Group, Standing
from dalsegno.store.verbs.log import append
from dalsegno.store.verbs.transactions import hold_late, landed_all

T = TypeVar("T")


class Undone(Exception):  # says what is to happen
    """The transaction is to be rolled back, and this is the verdict."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__()
        self.verdict = verdict


class Guests:
    """Lets user code into the writer's transactions, one at a time.

    ``drive`` runs a verb's statements, ``begun`` reads the clocks of a transaction.
    """

    def __init__(
        self,
        clock: Clock,
        address: str,
        drive: Callable[[Generator[Ask, Any, Any]], Any],
        begun: Callable[[], Group],
        *,
        threaded: bool,
    ) -> None:
        self._clock = clock
        self._address = address
        self._drive = drive
        self._begun = begun
        self._apart = Apart("dalsegno-guest", threaded=threaded)
        self._bars: tuple[apsw.Connection, Bars] | None = None

    def close(self) -> None:
        """Let no more in."""
        self._apart.close()

    def transact(self, connection: apsw.Connection, item: Transact, fence: Fence | None) -> Verdict:
        """Do all of a transaction that has begun but its commit. Raises Undone, and StoreError."""
        if item.begun and (known := self._again(item, fence)) is not None:
            return known
        item.begun, item.tried = True, None
        item.afterwards.clear()
        group = self._begun()
        write = partial(self._write, group)
        guest = Guest(connection, self._bars_of(connection), self._clock, self._address, item, write)
        try:
            self._conclude(self._invite(item, guest), guest, group, fence)
        finally:
            guest.end(ended(item.what, "It has ended."))
        self._append(group)
        item.tried = Transacted(tuple(guest.items), tuple(guest.verdicts))
        return item.tried

    def _invite(self, item: Transact, guest: Guest) -> Write | None:
        """Run the user's code. Raises Undone, and what keeps the store from going on."""
        try:
            return self._apart.run(lambda: _work(item, guest), item.bound / SECOND)
        except GivenUp:
            guest.end(guest.too_long())
            raise Undone(RolledBack(guest.too_long())) from None
        except BaseException as error:  # whatever user code raises is its outcome
            if isinstance(guest.over, StoreError) and not item.once:
                raise guest.over from error
            raise Undone(RolledBack(error)) from error

    def _conclude(self, made: Write | None, guest: Guest, group: Group, fence: Fence | None) -> None:
        """Write what goes with the user's rows, under the fence: that comes after all that may take its time."""
        if fence is not None and not self._held(fence, group):
            raise Undone(Refused.FENCED)
        try:
            verdict = None if made is None else guest.write(made)
        except TransactionTooLong as error:
            raise Undone(RolledBack(error)) from error
        if verdict is not None and refuses(verdict):
            raise Undone(verdict)

    def _append(self, group: Group) -> None:
        self._tell_time(group)
        try:
            self._drive(append(group))
        except apsw.ConstraintError as error:
            raise Undone(Failed(error)) from error

    def _again(self, item: Transact, fence: Fence | None) -> Verdict | None:
        """Answer for an attempt whose reply was lost, if it landed; None if it is to be made again."""
        group = self._begun()
        there: bool | None = False
        if item.tried is not None:
            if fence is not None and not self._held(fence, group):
                raise Undone(Refused.FENCED)
            there = self._drive(landed_all(item.tried, group))
            if there:
                return item.tried
        if not item.once:
            return None
        error: TransactionError = ended(item.what, "The store failed when it was to be committed.")
        if there is None:
            error = TransactionInDoubt(
                f"The store's reply to the end of the transaction of {item.what} was lost.",
                "It holds nothing by which it could be told whether it was committed.",
                "Look at your rows. A transaction that starts, signals or emits something can be told.",
            )
        raise Undone(RolledBack(error))

    def _held(self, fence: Fence, group: Group) -> bool:
        self._tell_time(group)
        held: bool = self._drive(hold_late(fence, group))
        return held

    def _tell_time(self, group: Group) -> None:
        now = self._begun()
        group.wall, group.lease = now.wall, now.lease

    def _write(self, group: Group, item: Write) -> Verdict:
        self._tell_time(group)
        before = len(group.events)
        verdict: Verdict = self._drive(write_item(item, None, Standing.HELD, group))
        if refuses(verdict):
            del group.events[before:]
        return verdict

    def _bars_of(self, connection: apsw.Connection) -> Bars:
        """Return what looks at a connection's statements; set up when the first guest comes."""
        if self._bars is None or self._bars[0] is not connection:
            self._bars = connection, Bars(connection)
        return self._bars[1]


def _work(item: Transact, guest: Guest) -> Write | None:
    made = item.work(guest)
    guest.check()  # what was raised in it may have been caught
    return made
