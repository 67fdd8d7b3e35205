"""Cancel runs from a process of its own: cancel_all.py STORE ID..."""

from __future__ import annotations

import asyncio
import sys

from dalsegno import App


async def main(store: str, ids: list[str]) -> None:
    app = App("canceller", include=[], store=store)
    runtime = app.runtime(worker=False)
    client = await runtime.open()
    print("ready", flush=True)
    for id_ in ids:
        print("accepted" if await client.cancel(id_) else "too late", flush=True)
    await runtime.close()


asyncio.run(main(sys.argv[1], sys.argv[2:]))
