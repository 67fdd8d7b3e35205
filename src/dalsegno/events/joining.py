"""A join as a run: it waits for one event of each type of its key, and then reacts to all of them."""

from __future__ import annotations

from typing import Any

from dalsegno.core.event import Heard
from dalsegno.engine.definitions import Workflow
from dalsegno.events.calling import Calling


def joining(calling: Calling, step_like: Any) -> Workflow[Any, Any]:
    raise NotImplementedError
