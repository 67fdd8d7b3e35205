"""What the engine reads of its runs: it waits until the store answers, and finds whose rows are none of ours."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from dalsegno.core.clock import nap
from dalsegno.errors import NotDecodable, StoreError

log = logging.getLogger("dalsegno.engine")

T = TypeVar("T")

_AGAIN = 0.5  # seconds until a read that the store did not answer is tried again


async def patiently(read: Callable[[], Awaitable[T]]) -> T:
    """Read from the store until it answers: these runs are ours, and nobody else goes on with them."""
    while True:
        try:
            return await read()
        except StoreError as error:
            log.warning("reading waits: %s", error.what)
            await nap(_AGAIN)


async def of_each(
    numbers: Sequence[int], read: Callable[[Sequence[int]], Awaitable[Mapping[int, T]]]
) -> tuple[dict[int, T], dict[int, NotDecodable]]:
    """Read for many runs at once; return what was found, and why not for runs whose rows cannot be read."""
    if not numbers:
        return {}, {}
    try:
        return dict(await patiently(lambda: read(numbers))), {}
    except (ValueError, TypeError) as error:  # a kind or an outcome that this version does not know
        if len(numbers) == 1:
            return {}, {numbers[0]: _alien(error)}
    found: dict[int, T] = {}
    alien: dict[int, NotDecodable] = {}
    for number in numbers:
        one, why_not = await of_each([number], read)
        found |= one
        alien |= why_not
    return found, alien


def _alien(error: Exception) -> NotDecodable:
    return NotDecodable(
        f"What the store holds of a run cannot be read: {error}.",
        "A newer dalsegno wrote it, or something else changed the file. The run stands still; others go on.",
        "Let a worker of that newer version retry it; or look at the file with `dalsegno db check`.",
    )
