"""A run written to a file that people can read, and read back exactly: its journal, to be replayed elsewhere.

The file is JSON. Values stand in it as they are stored, so a recording holds whatever the run's
payloads hold. What a replay needs is there and no more: neither sessions nor deliveries.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from dalsegno.core.clock import from_datetime, to_datetime
from dalsegno.core.codec import JSON
from dalsegno.core.entries import Entry, Kind, Outcome, Timer
from dalsegno.core.runs import Run, Status
from dalsegno.errors import NotDecodable
from dalsegno.store.protocol import Store

FORMAT = 1
"""The number of the file's form; a newer one is refused, never guessed at."""

_LONGEST_NAME = 120


class _Value(msgspec.Struct, omit_defaults=True):
    """Stored bytes: JSON as it is, anything else in base64 with its codec's number."""

    json: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    codec: int = JSON
    base64: str = ""


class _Line(msgspec.Struct, omit_defaults=True):
    """An entry."""

    position: int
    kind: str
    at: datetime
    op: int = 0
    name: str = ""
    digest: str = ""
    outcome: str = "value"
    attempt: int = 0
    source: str = ""
    value: _Value | None = None


class _Wait(msgspec.Struct, omit_defaults=True):
    """A timer that was set when the run was recorded."""

    op: int
    due_at: datetime
    retry: bool = False


class _File(msgspec.Struct, omit_defaults=True):
    """The whole file."""

    format: int
    run: str
    workflow: str
    version: str
    python: str
    number: int
    status: str
    begun_at: datetime
    reason: str | None = None
    depth: int = 0
    case_id: str | None = None
    fingerprint: str = ""
    input: _Value | None = None
    output: _Value | None = None
    error: _Value | None = None
    timers: list[_Wait] = []
    entries: list[_Line] = []


@dataclass(frozen=True, slots=True)
class Recording:
    """A run's row, its journal and its timers, as they were at one moment."""

    run: Run
    entries: tuple[Entry, ...]
    timers: tuple[Timer, ...] = ()

    def text(self) -> str:
        """Write it as JSON, with a line break at its end."""
        run = self.run
        file = _File(
            format=FORMAT,
            run=run.id,
            workflow=run.workflow,
            version=run.version,
            python=run.python,
            number=run.number,
            status=run.status.value,
            begun_at=to_datetime(run.started_at or run.created_at),
            reason=run.reason,
            depth=run.depth,
            case_id=run.case_id,
            fingerprint=run.fingerprint,
            input=_shown(run.input, run.input_codec),
            output=_shown(run.output, run.output_codec),
            error=_shown(run.error, JSON),
            timers=[_Wait(timer.op, to_datetime(timer.due_at), timer.retry) for timer in self.timers],
            entries=[_line(entry) for entry in self.entries],
        )
        return msgspec.json.format(msgspec.json.encode(file), indent=2).decode() + "\n"

    def save(self, folder: Path) -> Path:
        """Write it into a file of this folder, named after the run; make the folder if it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        name = quote(self.run.id, safe=" +,=@")
        if len(name) > _LONGEST_NAME or name.startswith("."):
            name = f"{name[:_LONGEST_NAME].lstrip('.')}-{sha256(self.run.id.encode()).hexdigest()[:12]}"
        path = folder / f"{name}.json"
        path.write_text(self.text(), "utf-8")
        return path


async def record(store: Store, run: Run) -> Recording:
    """Read a run from a store."""
    entries = await store.journal(run.number)
    timers = () if run.status.ended else await store.timers(run.number)
    return Recording(run, tuple(entries), tuple(timers))


def read_recording(path: Path) -> Recording:
    """Read a file back. Raises ``NotDecodable`` for one that is no recording, or of a newer form."""
    try:
        data = path.read_bytes()
        known = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        form = msgspec.json.decode(known.get("format", b"0"))
        if form == FORMAT:
            return _recording(msgspec.json.decode(data, type=_File))
    except (msgspec.MsgspecError, KeyError, ValueError) as error:
        raise _refusal(path, str(error)) from error
    raise _refusal(path, f"its format is {form!r}; this version reads {FORMAT}")


def _recording(file: _File) -> Recording:
    begun_at = from_datetime(file.begun_at)
    run = Run(
        number=file.number,
        namespace="default",
        id=file.run,
        workflow=file.workflow,
        version=file.version,
        status=Status(file.status),
        reason=file.reason,
        python=file.python,
        fingerprint=file.fingerprint,
        depth=file.depth,
        case_id=file.case_id,
        created_at=begun_at,
        started_at=begun_at,
        **_stored("input", file.input),
        **_stored("output", file.output),
        error=_bytes(file.error)[1],
    )
    timers = tuple(Timer(wait.op, from_datetime(wait.due_at), wait.retry) for wait in file.timers)
    return Recording(run, tuple(map(_entry, file.entries)), timers)


def _line(entry: Entry) -> _Line:
    return _Line(
        position=entry.position,
        kind=entry.kind.name.lower(),
        at=to_datetime(entry.at),
        op=entry.op,
        name=entry.name,
        digest=entry.digest.hex(),
        outcome=entry.outcome.name.lower(),
        attempt=entry.attempt,
        source=entry.source,
        value=_shown(entry.data, entry.codec),
    )


def _entry(line: _Line) -> Entry:
    codec, data = _bytes(line.value)
    return Entry(
        position=line.position,
        kind=Kind[line.kind.upper()],
        op=line.op,
        name=line.name,
        digest=bytes.fromhex(line.digest),
        outcome=Outcome[line.outcome.upper()],
        attempt=line.attempt,
        source=line.source,
        codec=codec,
        data=data,
        at=from_datetime(line.at),
    )


def _shown(data: bytes | None, codec: int) -> _Value | None:
    if data is None:
        return None
    if codec == JSON:
        return _Value(json=msgspec.Raw(data))
    return _Value(codec=codec, base64=base64.b64encode(data).decode("ascii"))


def _bytes(value: _Value | None) -> tuple[int, bytes | None]:
    if value is None:
        return JSON, None
    if isinstance(value.json, msgspec.UnsetType):
        return value.codec, base64.b64decode(value.base64)
    return JSON, msgspec.json.format(bytes(value.json), indent=-1)


def _stored(name: str, value: _Value | None) -> dict[str, Any]:
    codec, data = _bytes(value)
    return {name: data, f"{name}_codec": codec}


def _refusal(path: Path, why: str) -> NotDecodable:
    return NotDecodable(
        f"{path} is no recorded run: {why}.",
        "Nothing of it was replayed.",
        "Record the run again: `dalsegno runs export`.",
        path=str(path),
    )
