"""How the log and its services look as text: lists, one event with what came of it, one service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dalsegno.client.event_views import EventInfo, EventStory, ReactionInfo, StampInfo
from dalsegno.client.importing import ImportReport
from dalsegno.client.services import HandlerInfo, PartitionInfo, ServiceInfo
from dalsegno.client.standing import Reason
from dalsegno.client.states import KeptState
from dalsegno.core.durations import text as length
from dalsegno.insight.owed import Owed
from dalsegno.insight.paint import Style, between, brief, columns, pad, printable, width
from dalsegno.insight.render import NAME_COLUMN, to_json

_DATA = 60  # columns of an event's data in a list

# -- events


def render_events(events: Sequence[EventInfo], now: datetime, style: Style) -> str:
    """Write a list of events as columns under a heading; nothing for none."""
    if not events:
        return ""
    rows = [["EVENT", "TYPE", "AT", "KEY", "CASE", "FROM", "DATA"]]
    rows += [_event_row(event, now, style) for event in events]
    heading, *padded = columns(rows)
    lines = [style.paint("  ".join(heading).rstrip(), "dim")]
    return "\n".join([*lines, *("  ".join(cells).rstrip() for cells in padded)])


def _event_row(event: EventInfo, now: datetime, style: Style) -> list[str]:
    return [
        str(event.number),
        _typed(event),
        style.clock(event.at, now),
        printable(event.key or ""),
        printable(event.case_id or ""),
        printable(event.source),
        _cut(event, _DATA),
    ]


def render_event_line(event: EventInfo, style: Style) -> str:
    """Write one event of a log that is followed."""
    belongs = [printable(text) for text in (event.key, event.case_id) if text]
    parts = [f"{event.number:>6}", style.clock(event.at, event.at), style.paint(_typed(event), "bold")]
    return "  ".join([*parts, *belongs, _cut(event, 120)]).rstrip()


def render_story(
    story: EventStory,
    owed: Sequence[Owed],
    now: datetime,
    style: Style,
    *,
    option: str = "",
    full: bool = False,
) -> str:
    """Write an event with what came of it; values are cut to a line unless ``full``."""
    event = story.event
    lines = [f"{style.paint(str(event.number), 'bold')}  {_typed(event)}  {style.clock(event.at, now)}"]
    lines += [f"  {style.paint(line, 'dim')}" for line in _about(story, now, style)]
    lines.append(f"  data  {printable(to_json(event.data, indent=0)) if full else _cut(event, 120)}")
    if event.stamp is not None:
        lines += stamp_lines(event.stamp, style)
    rows = [*(_reaction_row(one, now, style) for one in story.reactions if not _is_owed(one, owed))]
    rows += [_owed_row(one) for one in owed]
    names = min(NAME_COLUMN, max((width(row[2]) for row in rows), default=0))
    for symbol, colour, name, text in rows:
        lines.append(f"  {style.paint(style.symbol(symbol), colour)} {pad(name, names)}  {text}".rstrip())
    if not rows:
        lines.append("  no handler takes it; who folds it into a read model is not listed")
    lines += [
        f"  led to {each.number}  {_typed(each)}  {style.clock(each.at, now)}" for each in story.followed
    ]
    if story.partial:
        lines.append("  there may be more that it led to")
    following = list(dict.fromkeys(command for one in owed for command in one.next))[:4]
    if following:
        said = f" {style.symbol('·')} ".join(
            printable(f"{command}{option if command.startswith('dalsegno') else ''}") for command in following
        )
        lines.append(f"  {style.paint('next:', 'bold')} {said}")
    return "\n".join(lines)


def _about(story: EventStory, now: datetime, style: Style) -> list[str]:
    event = story.event
    told = [f"key {printable(event.key)}"] if event.key else []
    told += [f"case {printable(event.case_id)}"] if event.case_id else []
    told.append(f"from {printable(event.source)}" + (f", run {printable(story.run)}" if story.run else ""))
    told += [f"led to by {event.cause}"] if event.cause is not None else []
    told += [f"for {printable(event.only)} only"] if event.only else []
    lines = [f" {style.symbol('·')} ".join(told)]
    came = [f"id {printable(event.id)}"] if event.id != str(event.number) else []
    if event.happened_at != event.at:
        came.append(f"happened {style.clock(event.happened_at, now)}")
    came += [f"{printable(name)} {printable(str(value))}" for name, value in event.more.items()]
    return [*lines, f" {style.symbol('·')} ".join(came)] if came else lines


def stamp_lines(stamp: StampInfo, style: Style) -> list[str]:
    """Write what is carried of a case's state, with its size, and a line for each service's part."""
    told = [f"stamp {stamp.bytes:,} bytes", printable(f"{stamp.process} {stamp.state}")]
    told += [f"by {printable(stamp.end)}"] if stamp.end is not None else []
    parts = [
        f"    {printable(name)}  {printable(to_json(part, indent=0))}" for name, part in stamp.parts.items()
    ]
    between_them = f" {style.symbol('·')} "
    return [f"  {between_them.join(told)}", *parts]


Row = tuple[str, str, str, str]


def _is_owed(reaction: ReactionInfo, owed: Sequence[Owed]) -> bool:
    return reaction.run is not None and any(one.run == reaction.run for one in owed)


def _reaction_row(reaction: ReactionInfo, now: datetime, style: Style) -> Row:
    name = printable(f"{reaction.service}.{reaction.handler}")
    said = [style.clock(reaction.at, now)]
    symbol, colour = "✓", "green"
    match reaction.outcome:
        case "filtered":
            symbol, colour = "·", "dim"
            said.append("left out by its own filter")
        case "stale":
            symbol, colour = "·", "dim"
            said.append("too late for the state of its key: recorded, not applied")
        case "cancelled":
            symbol, colour = "·", "dim"
            said.append("its case was cancelled before")
        case "run":
            if reaction.status in ("failed", "cancelled"):
                symbol, colour = "✗", "red"
            reason = f" ({reaction.reason})" if reaction.reason else ""
            said.append(f"run {printable(reaction.run or '?')} {reaction.status or 'is gone'}{reason}")
        case _:
            said.append(f"took {length(int(reaction.took * 1_000_000))}")
    if reaction.generation > 1:
        said.append(f"replay {reaction.generation - 1}")
    if reaction.note:
        said.append(printable(reaction.note))
    return symbol, colour, name, "  ".join(said)


def _owed_row(one: Owed) -> Row:
    bad = one.kind.is_dead_letter or one.kind in (Reason.PARKED, Reason.RETENTION_PASSED)
    run = f" (run {printable(one.run)})" if one.run else ""
    symbol, colour = ("✗", "red") if bad else ("·", "yellow")
    return symbol, colour, printable(f"{one.service}.{one.handler}"), f"owed: {brief(one.text, 300)}{run}"


def _typed(event: EventInfo) -> str:
    return printable(event.type) + (f" v{event.version}" if event.version else "")


def _cut(event: EventInfo, most: int) -> str:
    text = printable(to_json(event.data, indent=0))
    return text if len(text) <= most else f"{text[:most]}…"


# -- services


def render_services(services: Sequence[ServiceInfo], now: datetime, style: Style) -> str:
    """Write a list of services as columns under a heading; nothing for none."""
    if not services:
        return ""
    rows = [["SERVICE", "LAG", "BEHIND", "BLOCKED", "DEAD", "PARTITIONS", "STATE"]]
    rows += [_service_row(service, now) for service in services]
    heading, *padded = columns(rows)
    lines = [style.paint("  ".join(heading).rstrip(), "dim")]
    return "\n".join([*lines, *("  ".join(cells).rstrip() for cells in padded)])


def _service_row(service: ServiceInfo, now: datetime) -> list[str]:
    behind = length(int(service.lag_seconds * 1_000_000)) if service.lag_events else "-"
    return [
        printable(service.name),
        f"{service.lag_events:,}",
        behind,
        f"{service.blocked_keys:,}",
        f"{service.dead_letters:,}",
        f"{service.owned}/{service.partitions}",
        _state(service, now),
    ]


def _state(service: ServiceInfo, now: datetime) -> str:
    told = []
    if service.paused_at is not None:
        by = f" by {printable(service.paused_by)}" if service.paused_by else ""
        told.append(f"paused{by} {between(service.paused_at, now)} ago")
    if service.lost:
        told.append(f"stands still: retention removed {service.lost:,} events that it had not read")
    opened = [handler.name for handler in service.handlers if handler.circuit_open_until is not None]
    if opened:
        told.append(f"circuit open: {printable(', '.join(opened))}")
    if not service.owned:
        told.append("no worker has it")
    return "; ".join(told) or "at work"


def render_service(service: ServiceInfo, parts: Sequence[PartitionInfo], now: datetime, style: Style) -> str:
    """Write one service: how far it is, its handlers, and the partitions that are not as the others."""
    name = style.paint(printable(service.name), "bold")
    lag = f"{service.lag_events:,} events behind" if service.lag_events else "up to date"
    since = f", for {length(int(service.lag_seconds * 1_000_000))}" if service.lag_events else ""
    lines = [
        f"{name}  {_state(service, now)}",
        f"  position  {service.position} ({lag}{since})",
        f"  keys      {service.blocked_keys:,} blocked, {service.waiting:,} reactions waiting behind them",
        f"  shared    {service.owned} of {service.partitions} partitions have a worker",
    ]
    if service.generation > 1:
        lines.append(f"  replayed  {service.generation - 1} times")
    names = max((width(printable(handler.name)) for handler in service.handlers), default=0)
    lines += [_handler_line(handler, min(names, NAME_COLUMN), now) for handler in service.handlers]
    lines += [
        f"  {style.paint(style.symbol('✗'), 'red')} partition {part.partition} at {part.position}: its worker "
        f"died {part.crashes} times without getting further"
        + (f", last at event {part.suspect}" if part.suspect is not None else "")
        for part in parts
        if part.crashes
    ]
    return "\n".join(lines)


def render_state(kept: KeptState, now: datetime, style: Style) -> str:
    """Write what a service keeps of a key, and since which event."""
    head = f"{style.paint(printable(kept.key), 'bold')}  kept by {printable(kept.service)}"
    lines = [f"{head} with event {kept.event}, {style.clock(kept.at, now)}"]
    return "\n".join([*lines, *(f"  {printable(line)}" for line in to_json(kept.state).splitlines())])


def _handler_line(handler: HandlerInfo, names: int, now: datetime) -> str:
    takes = " & ".join(handler.joins) if handler.joins else " | ".join(handler.takes)
    text = f"    {pad(printable(handler.name), names)}  {printable(takes)} -> {printable(handler.follows)}"
    if handler.kind != "step":
        text += f"  ({printable(handler.kind)})"
    if handler.dead_letters:
        text += f"  {handler.dead_letters:,} dead letters"
    if handler.circuit_open_until is not None:
        text += f"  circuit open for {between(now, handler.circuit_open_until)}"
    return text


# -- imports


def render_import(report: ImportReport, style: Style) -> str:
    """Write what an import has done, or would do."""
    would = "would be " if report.dry_run else ""
    whom = f" for service {printable(report.service)} only" if report.service else ""
    counted = f"{report.known:,} there before, {report.refused:,} refused"
    lines = [f"{report.read:,} events read: {report.new:,} {would}new{whom}, {counted}"]
    if report.first is not None:
        lines.append(f"the new ones are {report.first} to {report.last} on the log")
    lines += [
        f"  {style.paint(style.symbol('✗'), 'red')} {one.place}: {printable(one.id)} {printable(one.why)}".rstrip()
        for one in report.told
    ]
    if report.refused > len(report.told):
        lines.append(f"  {style.symbol('…')} {report.refused - len(report.told):,} more")
    return "\n".join(lines)
