"""Apps on one store, opened one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, Process
from tests.causes.scene import GATE, Placed, Scene, Shipped


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    """Open Apps on one store, and close them in the end."""
    apps: list[App] = []
    GATE.clear()

    def open_(*parts: Any, starts: Any = Placed, ends: Any = Shipped, **options: Any) -> Scene:
        process = Process("order", starts=starts, ends=ends)
        app = App(
            "causes",
            include=[process, *parts],
            store=f"sqlite:///{tmp_path}/c.db",
            **{"lease": "1s", "grace": "1s", **options},
        )
        client = app.__enter__()
        apps.append(app)
        return Scene(client, tmp_path)

    yield open_
    GATE.set()
    for app in reversed(apps):
        app.__exit__(None, None, None)
