"""How the demo lets time pass in ``async def`` code; in ``def`` code it is ``core.clock.pause``."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def nap(seconds: float) -> None:
    """Let time pass, and everybody else work."""
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)
