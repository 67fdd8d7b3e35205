"""Who waits for the end of which run: told by this process's worker, or seen by one look for all of them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from dalsegno.core.runs import Ending, Status
from dalsegno.errors import StoreError
from dalsegno.store.protocol import Store

_LOOK = 0.05  # seconds between looks at runs that other processes may end
_LOOK_EACH = 0.000_05  # seconds more for each run that is looked at, so that looking never fills the day
_KEPT = 8_000_000  # bytes of results that nobody has asked for yet
_KEPT_EACH = 500  # what keeping one takes beside its bytes


class Endings:
    """The waits of one client."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[int, list[asyncio.Future[Ending]]] = {}
        self._kept: OrderedDict[str, Ending] = OrderedDict()
        self._room = _KEPT
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None
        self._mark: int | None = None

    async def wait(self, number: int) -> Ending:
        """Wait until a run has ended that, a moment ago, had not; raise what the store cannot answer with."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Ending] = loop.create_future()
        self._waiting.setdefault(number, []).append(ended)
        self._mark = None  # it may have ended since it was read
        self._look_later()
        try:
            return await ended
        finally:
            waiters = self._waiting.get(number)
            if waiters is not None:
                waiters.remove(ended)
                if not waiters:
                    del self._waiting[number]

    def tell(self, ending: Ending) -> None:
        """Hear that a run has ended."""
        for waiter in self._waiting.pop(ending.number, ()):
            if not waiter.done():
                waiter.set_result(ending)

    def keep(self, run_id: str, ending: Ending) -> None:
        """Keep the result of a run that has ended here, for whoever asks soon; a bounded number of bytes."""
        if ending.number in self._waiting or ending.status is not Status.COMPLETED:
            return  # somebody has it already; what has failed may be tried again
        self._kept[run_id] = ending
        self._room -= _size(ending)
        while self._room < 0:
            self._room += _size(self._kept.popitem(last=False)[1])

    def recall(self, run_id: str) -> Ending | None:
        """Give up the result of a run that was kept; a completed result never changes."""
        ending = self._kept.pop(run_id, None)
        if ending is not None:
            self._room += _size(ending)
        return ending

    def _look_later(self) -> None:
        if self._timer is None and self._looking is None:
            pause = max(_LOOK, _LOOK_EACH * len(self._waiting))
            self._timer = asyncio.get_running_loop().call_later(pause, self._begin_look)

    def _begin_look(self) -> None:
        self._timer = None
        if self._waiting:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        try:
            # Taken before the look: what is written meanwhile is a reason for another one.
            mark, seen = self._store.change_mark(), self._mark
            if mark != seen:
                self._mark = mark
                for ending in await self._store.endings(list(self._waiting)):
                    self.tell(ending)
        except StoreError as error:
            self._fail(error)
        finally:
            self._looking = None
            if self._waiting:
                self._look_later()

    def _fail(self, error: StoreError) -> None:
        for waiters in self._waiting.values():
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(error)
        self._waiting.clear()


def _size(ending: Ending) -> int:
    return _KEPT_EACH + len(ending.output or b"")
