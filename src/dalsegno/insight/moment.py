"""Waiting a little between two looks at the store, and telling a lock that is kept from one in passing."""

from __future__ import annotations

import asyncio

from dalsegno.store.protocol import Store

_LOOKS = 5
_BETWEEN = 0.05  # seconds between two looks


async def moment(seconds: float = _BETWEEN) -> None:
    """Let some time go by."""
    never = asyncio.Event()
    try:
        await asyncio.wait_for(never.wait(), seconds)
    except TimeoutError:
        return


async def keeper(store: Store) -> int | None:
    """Return the pid that keeps the store's write lock; one that commits and lets go is none.

    It takes a quarter of a second, but only while somebody has the lock.
    """
    pid, mark = store.holder(), store.change_mark()
    for _ in range(_LOOKS):
        if pid is None:
            return None
        await moment()
        if store.holder() != pid or store.change_mark() != mark:
            return None
    return pid
