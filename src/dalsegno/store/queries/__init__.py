"""SQL in files, read once: one file per noun, one block per statement.

A heading ``-- name(a, b)`` opens a block and names its parameters in order; callers pass a tuple in
that order. A block headed ``-- name(a, b) [postgres]`` replaces the shared one on that dialect.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from importlib import resources
from typing import NamedTuple

from dalsegno.core.alerts import AlertRow
from dalsegno.core.cases import CaseRow, EmitterRow, ProcessRow
from dalsegno.core.commit import Session
from dalsegno.core.event import Event
from dalsegno.core.reactions import DeadLetterRow, ServiceRow
from dalsegno.core.runs import Run
from dalsegno.core.schemas import SchemaRow
from dalsegno.core.sourcing import ProjectionRow

_HEADING = re.compile(r"^-- (?P<name>\w+)\((?P<names>[\w, ]*)\)(?: \[(?P<dialect>\w+)\])?$")
_PARTS = {
    "run_columns": ", ".join(Run.__struct_fields__),
    "session_columns": ", ".join(Session.__struct_fields__),
    "event_columns": ", ".join(Event.__struct_fields__),
    "service_columns": ", ".join(ServiceRow.__struct_fields__),
    "dead_letter_columns": ", ".join(DeadLetterRow.__struct_fields__),
    "projection_columns": ", ".join(ProjectionRow.__struct_fields__),
    "process_columns": ", ".join(ProcessRow.__struct_fields__),
    "emitter_columns": ", ".join(EmitterRow.__struct_fields__),
    "case_columns": ", ".join(CaseRow.__struct_fields__),
    "schema_columns": ", ".join(SchemaRow.__struct_fields__),
    "alert_columns": ", ".join(AlertRow.__struct_fields__),
    "event_filters": """namespace = :namespace AND number > :after AND number < :before
   AND (:type IS NULL OR type = :type)
   AND (:key IS NULL OR key = :key)
   AND (:case_id IS NULL OR case_id = :case_id)""",
    "run_filters": """status IN (:s1, :s2, :s3, :s4, :s5, :s6)
   AND (:workflow IS NULL OR workflow = :workflow)
   AND (:prefix IS NULL OR SUBSTR(id, 1, LENGTH(:prefix)) = :prefix)
   AND (:reason IS NULL OR SUBSTR(reason, 1, LENGTH(:reason)) = :reason)
   AND (:case_id IS NULL OR case_id = :case_id)
   AND (:parent IS NULL OR parent = :parent)
   AND (:before IS NULL OR number < :before)""",
}


class Query(NamedTuple):
    """One statement: its text with numbered placeholders, and whether it answers rows."""

    name: str
    text: str
    rows: bool


@functools.cache
def read_queries(dialect: str, placeholder: str) -> Mapping[str, Query]:
    """Read all statements for a dialect; ``placeholder`` is "?" or "$", the number follows. Once per process."""
    blocks: dict[str, tuple[list[str], list[str]]] = {}
    for file in sorted(resources.files(__name__).iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".sql"):
            for name, names, lines in _blocks(file.read_text("utf-8"), dialect):
                if name in blocks:
                    raise ValueError(f"{file.name} has a second statement {name}")
                blocks[name] = (names, lines)
    return {name: _query(name, names, lines, placeholder) for name, (names, lines) in blocks.items()}


def _blocks(text: str, dialect: str) -> list[tuple[str, list[str], list[str]]]:
    blocks: list[tuple[str, list[str], list[str]]] = []
    keep = False
    for line in text.splitlines():
        heading = _HEADING.match(line)
        if heading is not None:
            keep = heading["dialect"] in (None, dialect)
            if keep:
                names = [name.strip() for name in heading["names"].split(",") if name.strip()]
                blocks.append((heading["name"], names, []))
        elif keep and blocks and not line.startswith("--"):
            blocks[-1][2].append(line)
    return blocks


def _query(name: str, names: list[str], lines: list[str], placeholder: str) -> Query:
    text = "\n".join(lines).strip().rstrip(";")
    for token, part in _PARTS.items():
        text = text.replace("{" + token + "}", part)
    text = re.sub(r"(?<!:):(\w+)", lambda match: f"{placeholder}{names.index(match[1]) + 1}", text)
    return Query(name, text, text.startswith("SELECT") or "RETURNING" in text)
