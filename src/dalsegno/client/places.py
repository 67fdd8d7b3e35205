"""Who may write next, of several that have something to wait for before they write: in the order of arrival."""

from __future__ import annotations

import asyncio


class Place:
    """One place in the row; whoever is behind it waits until it is left."""

    def __init__(self, before: asyncio.Future[None] | None) -> None:
        self._before = before
        self.left: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def turn(self) -> None:
        """Wait until all that came before have left."""
        if self._before is not None and not self._before.done():
            await asyncio.wait([self._before])  # who is called off here ends no other's place

    def leave(self) -> None:
        """Let the next one have its turn; one that gives up early lets it wait for those before. Twice is once."""
        if self._before is not None and not self._before.done():
            self._before.add_done_callback(self._leave)
        else:
            self._leave(None)

    def _leave(self, _: object) -> None:
        if not self.left.done():
            self.left.set_result(None)


class Places:
    """The row."""

    def __init__(self) -> None:
        self._last: asyncio.Future[None] | None = None

    def take(self) -> Place:
        """Take the place at the end."""
        place = Place(self._last)
        self._last = place.left
        return place
