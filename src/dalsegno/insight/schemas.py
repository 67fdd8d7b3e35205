"""The schemas of events, as people ask for them: what is registered, who uses it, whether a program fits it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from dalsegno.core.clock import to_datetime
from dalsegno.core.schemas import SchemaRow
from dalsegno.events.known import Known
from dalsegno.events.registering import declared_of, registered_of
from dalsegno.events.schemas import Declared, Finding, Report, Users, check_declared
from dalsegno.events.users import users_of
from dalsegno.insight.paint import Style, columns, printable
from dalsegno.store.protocol import Store


@dataclass(frozen=True, slots=True)
class SchemaInfo:
    """One version of an event type.

    ``mode`` is how the next version is held to it. ``handlers`` read it and ``emitters`` write it, by
    what services declare; ``events`` of it are among the newest 100,000 of the log, and ``in_flight``
    those of them that some service has yet to read. ``sealed``: it was made from a class.
    """

    type: str
    version: int
    format: str
    mode: str
    sealed: bool
    fingerprint: str
    registered_at: datetime
    handlers: tuple[str, ...]
    emitters: tuple[str, ...]
    events: int
    in_flight: int
    schema: Any


async def list_schemas(store: Store, namespace: str, type: str | None = None) -> list[SchemaInfo]:
    """List what is registered, of one type or of all, with who uses it."""
    rows = await store.schemas(namespace, type)
    users = {name: await users_of(store, namespace, name) for name in dict.fromkeys(r.type for r in rows)}
    return [_info(row, users[row.type]) for row in rows]


async def check_program(store: Store, namespace: str, known: Known) -> Report:
    """Hold the events that a program declares to what is registered, and tell who would break."""
    return await _check(store, namespace, list(declared_of(known.types.all.values())), known)


async def check_schema(store: Store, namespace: str, declared: Declared) -> Report:
    """Hold one schema that was written by hand to what is registered, and tell who would break."""
    return await _check(store, namespace, [declared], Known())


async def _check(store: Store, namespace: str, declared: list[Declared], known: Known) -> Report:
    names = sorted({one.type for one in declared})
    stored = [registered_of(row) for name in names for row in await store.schemas(namespace, name)]
    services = known.services.values()
    users = {name: await users_of(store, namespace, name, services) for name in names}
    casts = {name: known.types.casts(name) for name in names}
    return check_declared(declared, stored, users=users, casts=casts)


def document_of(report: Report) -> dict[str, Any]:
    """Say a report as plain data."""
    return {"ok": report.ok, "findings": [_finding(each) for each in report.findings]}


def render_schemas(found: Sequence[SchemaInfo], now: datetime, style: Style) -> str:
    """Write versions as columns under a heading; nothing for none."""
    if not found:
        return ""
    rows = [["TYPE", "VERSION", "FORMAT", "MODE", "REGISTERED", "EVENTS", "READ BY"]]
    rows += [
        [
            printable(one.type),
            str(one.version),
            one.format,
            one.mode,
            style.clock(one.registered_at, now),
            f"{one.events:,}",
            printable(", ".join(one.handlers)) or "-",
        ]
        for one in found
    ]
    heading, *padded = columns(rows)
    lines = [style.paint("  ".join(heading).rstrip(), "dim")]
    return "\n".join([*lines, *("  ".join(cells).rstrip() for cells in padded)])


def render_schema(found: Sequence[SchemaInfo], now: datetime, style: Style) -> str:
    """Write the versions of one type in full."""
    return "\n\n".join(_in_full(one, now, style) for one in found)


def _in_full(one: SchemaInfo, now: datetime, style: Style) -> str:
    made = "made from a class" if one.sealed else "as it was written"
    lines = [
        f"{style.paint(printable(one.type), 'bold')} v{one.version}",
        f"  registered  {style.clock(one.registered_at, now)}, {one.format}, {made}",
        f"  mode        {one.mode}",
        f"  read by     {printable(', '.join(one.handlers)) or 'nobody who is known'}",
        f"  emitted by  {printable(', '.join(one.emitters)) or 'nobody who is known'}",
        f"  events      {one.events:,} of the newest, {one.in_flight:,} of them in flight",
    ]
    text = msgspec.json.format(msgspec.json.encode(one.schema), indent=2).decode()
    return "\n".join([*lines, *(f"  {printable(line)}" for line in text.splitlines())])


def _info(row: SchemaRow, users: Users) -> SchemaInfo:
    in_flight = users.in_flight.get(row.version, 0)
    return SchemaInfo(
        row.type,
        row.version,
        row.format,
        row.mode,
        row.sealed,
        row.fingerprint,
        to_datetime(row.registered_at),
        tuple(party.name for party in users.handlers if party.version == row.version),
        tuple(party.name for party in users.emitters if party.version == row.version),
        users.stored.get(row.version, 0) + in_flight,
        in_flight,
        msgspec.json.decode(row.schema),
    )


def _finding(finding: Finding) -> dict[str, Any]:
    admission = finding.admission
    return {
        "type": finding.type,
        "version": finding.version,
        "ok": finding.ok,
        "where": finding.where,
        "standing": None if admission is None else admission.standing,
        "mode": None if admission is None else admission.mode,
        "error": finding.error,
        "verdicts": [
            {"compatible": verdict.compatible, **msgspec.structs.asdict(verdict)}
            for verdict in (() if admission is None else admission.verdicts)
        ],
        "breakages": finding.breakages,
    }
