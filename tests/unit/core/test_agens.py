"""The hooks that hear of async generators: one pair for each thread, however many watch."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest

from dalsegno.core.agens import Hooks, Watch


class Owning(asyncio.SelectorEventLoop):
    """A loop that notes the generators which begin on it."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[object] = []

    def agen_begins(self, agen: AsyncGenerator[Any, Any]) -> None:
        self.begun.append(agen)

    def agen_dropped(self, agen: AsyncGenerator[Any, Any]) -> None:
        self.begun.remove(agen)


@pytest.fixture
def owning() -> Iterator[Owning]:
    loop, before = Owning(), sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)  # those of workers that died in other tests are still up
    yield loop
    loop.close()
    sys.set_asyncgen_hooks(*before)


async def one() -> AsyncGenerator[int, None]:
    yield 1


def begin(loop: asyncio.AbstractEventLoop) -> AsyncGenerator[int, None]:
    """Take a generator's first step as if this loop were running."""
    agen = one()
    asyncio.events._set_running_loop(loop)
    try:
        with pytest.raises(StopIteration):
            agen.__anext__().send(None)
    finally:
        asyncio.events._set_running_loop(None)
    return agen


def test_watches_that_nobody_ends_do_not_pile_up(owning: Owning) -> None:
    heard: list[object] = []
    sys.set_asyncgen_hooks(firstiter=heard.append)
    for _ in range(2 * sys.getrecursionlimit()):
        Watch(Owning).__enter__()
    with contextlib.closing(asyncio.new_event_loop()) as other:
        elsewhere = begin(other)
    assert (heard, owning.begun) == ([elsewhere], [])
    mine = begin(owning)
    assert (heard, owning.begun) == ([elsewhere], [mine])


def test_the_hooks_stay_until_the_last_watch_has_ended(owning: Owning) -> None:
    before = sys.get_asyncgen_hooks()
    first, second = Watch(Owning), Watch(Owning)
    first.__enter__()
    second.__enter__()
    first.__exit__()
    first.__exit__()  # twice is once
    assert begin(owning) in owning.begun
    second.__exit__()
    assert sys.get_asyncgen_hooks() == before


def test_hooks_that_were_put_up_meanwhile_are_left_alone(owning: Owning) -> None:
    watch = Watch(Owning)
    watch.__enter__()
    sys.set_asyncgen_hooks(firstiter=print)
    later = Watch(Owning)
    later.__enter__()
    assert type(sys.get_asyncgen_hooks().firstiter) is Hooks
    watch.__exit__()
    assert type(sys.get_asyncgen_hooks().firstiter) is Hooks
    later.__exit__()
    assert sys.get_asyncgen_hooks().firstiter is print
