"""Events in files: CloudEvents as JSON lines, and rows of CSV of which a mapping says what they mean."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from dalsegno.core.clock import from_datetime
from dalsegno.errors import EventRefused, InvalidInput
from dalsegno.events.cells import read_cells
from dalsegno.events.envelope import Envelope, refusal, shown
from dalsegno.events.json_mode import read_json

Line: TypeAlias = Envelope | str
"""One event of a file, or why it is none."""

SchemaOf: TypeAlias = Callable[[str], Mapping[str, Any] | None]
"""Tells the JSON Schema of a type, if there is one."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns of a CSV file mean; what is left out has none.

    ``type`` and ``source`` hold for all rows, the others name columns. Those that mean something here
    are not part of the data, unless it is the key or the case.
    """

    type: str | None = None
    type_from: str | None = None
    source: str | None = None
    id_from: str | None = None
    time_from: str | None = None
    key_from: str | None = None
    case_from: str | None = None


def read_lines(file: Path) -> Iterator[Line]:
    """Read CloudEvents, one a line; blank lines are passed over."""
    with file.open("rb") as lines:
        for line in lines:
            if line.strip():
                try:
                    yield read_json(line.strip())
                except EventRefused as error:
                    yield error.what


def read_csv(file: Path, columns: Columns, schema_of: SchemaOf = lambda _: None) -> Iterator[Line]:
    """Read rows of CSV with a heading: each is an event, whose data are its other columns.

    They are text, but where ``schema_of`` its type tells that a column is a number, true or false, or
    null. Raises InvalidInput for a mapping that cannot be right.
    """
    _check(columns)
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = csv.DictReader(text, strict=True)
        _check_columns(file, rows.fieldnames or (), columns)
        try:
            for row in rows:
                yield _row(row, columns, schema_of)
        except (csv.Error, UnicodeDecodeError) as error:
            yield f"Line {rows.line_num + 1} is no CSV in UTF-8, and ends the reading: {error}."


def _row(row: Mapping[str, str | None], columns: Columns, schema_of: SchemaOf) -> Line:
    if None in row or None in row.values():
        return "The row has not as many columns as the heading."
    said = {"key": columns.key_from, "case": columns.case_from}
    extensions = {name: row[column] or "" for name, column in said.items() if column and row[column]}
    apart = {columns.type_from, columns.id_from, columns.time_from}
    type_ = columns.type or row[columns.type_from or ""] or ""
    cells = {name: value or "" for name, value in row.items() if name not in apart}
    schema = schema_of(type_)
    data = cells if schema is None else read_cells(cells, schema)
    try:
        return Envelope(
            id=row[columns.id_from or ""] or "",
            source=columns.source or "",
            type=type_,
            time=None if columns.time_from is None else _time(row[columns.time_from] or ""),
            datacontenttype="application/json",
            data=json.dumps(data, ensure_ascii=False).encode(),
            extensions=extensions,
        )
    except EventRefused as error:
        return error.what


def _time(text: str) -> int:
    """Read a moment as tables have it: RFC 3339, or without a zone, which then is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise refusal("time", f"is {shown(text)}, which is no time") from None
    return from_datetime(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def _check(columns: Columns) -> None:
    missing = []
    if (columns.type is None) == (columns.type_from is None):
        missing.append("either type or type_from")
    if columns.source is None:
        missing.append("source")
    if columns.id_from is None:
        missing.append("id_from")
    if missing:
        raise InvalidInput(
            f"The mapping of the CSV file needs {', '.join(missing)}.",
            "By its source and id it is told whether an event is there already.",
            "Say --type or --type-from, --source, and --id-from.",
            value=columns,
        )


def _check_columns(file: Path, names: Sequence[str], columns: Columns) -> None:
    wanted = (columns.type_from, columns.id_from, columns.time_from, columns.key_from, columns.case_from)
    lacking = [column for column in wanted if column is not None and column not in names]
    if lacking:
        raise InvalidInput(
            f"{file.name} has no column {', '.join(lacking)}.",
            f"Its columns: {', '.join(names) or 'none'}.",
            "Name them as the heading does.",
            value=lacking,
        )
