"""What an App makes of its options."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dalsegno import App, workflow
from dalsegno.errors import ResultTimeout


@workflow
def answer() -> int:
    return 42


def test_an_app_without_slots_only_asks_and_is_no_worker(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/test.db"
    asking = App("asking", include=[answer], store=store, slots=0)
    with asking as client:
        run = client.start(answer)
        with pytest.raises(ResultTimeout):
            run.result("100ms")

    async def sessions() -> int:
        runtime = asking.runtime()
        await runtime.open()
        try:
            return len(await runtime.store.sessions(live=False))
        finally:
            await runtime.close()

    assert asyncio.run(sessions()) == 0
    with App("working", include=[answer], store=store) as client:
        assert client.run(run.id).result("10s") == 42
