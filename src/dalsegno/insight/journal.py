"""A run in full, for whoever wants to see each value: its input, its journal, its result or its error."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import msgspec

from dalsegno.client.standing import Mark, Trouble
from dalsegno.core.codec import JSON
from dalsegno.core.entries import Kind, Outcome
from dalsegno.core.runs import Run, Status
from dalsegno.insight.listing import Listed, listed
from dalsegno.insight.trail import Marks, trouble
from dalsegno.store.protocol import Store


@dataclass(frozen=True, slots=True)
class Line:
    """An entry with its value, as JSON; ``error`` is in its place where the entry carries one."""

    mark: Mark
    value: Any
    error: Trouble | None


@dataclass(frozen=True, slots=True)
class Journal:
    """A run's row, its input and what it ended with, and every entry of its journal in order."""

    run: Listed
    python: str
    fingerprint: str
    input: Any
    output: Any
    error: Trouble | None
    entries: tuple[Line, ...]


async def read_journal(store: Store, run: Run) -> Journal:
    """Read all of a run."""
    made = Marks()
    lines = []
    for entry in await store.journal(run.number):
        failed = entry.kind is not Kind.SIGNAL and entry.outcome is not Outcome.VALUE
        value = None if failed else payload(entry.data, entry.codec)
        lines.append(Line(made.mark(entry), value, trouble(entry.data) if failed else None))
    done = run.status is Status.COMPLETED
    return Journal(
        run=listed(run),
        python=run.python,
        fingerprint=run.fingerprint,
        input=payload(run.input, run.input_codec),
        output=payload(run.output, run.output_codec) if done else None,
        error=trouble(run.error),
        entries=tuple(lines),
    )


def payload(data: bytes | None, codec: int) -> Any:
    """Give a stored value as JSON, exactly as it is stored; of another codec, its bytes in base64."""
    if data is None:
        return None
    if codec != JSON:
        return {"codec": codec, "base64": base64.b64encode(data).decode("ascii")}
    return msgspec.Raw(data)
