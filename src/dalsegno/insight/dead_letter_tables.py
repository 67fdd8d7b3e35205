"""How dead letters look as text: lists, groups, one in full, and what became of many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dalsegno.client.dead_letters import Answered, DeadLetterGroup, DeadLetterInfo, DeadLetterStory
from dalsegno.client.redriving import RedriveReport
from dalsegno.insight.paint import Style, between, brief, columns, printable
from dalsegno.insight.render import to_json

_TRACE = 8  # lines of a traceback, unless its last frame is longer
_TRACE_MOST = 40  # though an error may have a text of any length

_STATES = {"open": "red", "redriving": "cyan", "resolved": "green", "discarded": "dim"}


def render_dead_letters(letters: Sequence[DeadLetterInfo], now: datetime, style: Style) -> str:
    """Write a list of dead letters as columns under a heading; nothing for none."""
    if not letters:
        return ""
    rows = [["LETTER", "EVENT", "HANDLER", "KEY", "STATE", "SINCE", "TRIED", "ERROR"]]
    rows += [_letter_row(letter, now) for letter in letters]
    heading, *padded = columns(rows)
    lines = [style.paint("  ".join(heading).rstrip(), "dim")]
    for cells, letter in zip(padded, letters, strict=True):
        cells[4] = style.paint(cells[4], _STATES.get(letter.state, ""))
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _letter_row(letter: DeadLetterInfo, now: datetime) -> list[str]:
    back = f", came back {letter.times - 1} times" if letter.times > 2 else ""
    return [
        str(letter.number),
        str(letter.event),
        printable(f"{letter.service}.{letter.handler}"),
        printable(letter.key or ""),
        letter.state,
        between(letter.changed_at, now),
        f"{letter.attempts}{back}" if letter.times != 2 else f"{letter.attempts}, came back",
        brief(letter.error, 100),
    ]


def render_groups(groups: Sequence[DeadLetterGroup], now: datetime, style: Style) -> str:
    """Write what open dead letters failed of, the largest group first; nothing for none."""
    if not groups:
        return ""
    rows = [["COUNT", "HANDLER", "CAUSE", "OLDEST", "NEWEST", "EXAMPLE", "ERROR"]]
    rows += [
        [
            f"{group.count:,}",
            printable(f"{group.service}.{group.handler}"),
            printable(group.cause),
            f"{between(group.oldest_at, now)} ago",
            f"{between(group.newest_at, now)} ago",
            str(group.example),
            brief(group.error, 100),
        ]
        for group in groups
    ]
    heading, *padded = columns(rows)
    lines = [style.paint("  ".join(heading).rstrip(), "dim")]
    return "\n".join([*lines, *("  ".join(cells).rstrip() for cells in padded)])


def render_dead_letter(
    story: DeadLetterStory, now: datetime, style: Style, *, option: str = "", full: bool = False
) -> str:
    """Write a dead letter in full; the traceback is cut unless ``full``."""
    letter = story.letter
    state = style.paint(letter.state, _STATES.get(letter.state, ""))
    title = f"{printable(letter.service)}.{printable(letter.handler)}"
    lines = [
        f"dead letter {style.paint(str(letter.number), 'bold')}  {title}  {state} {between(letter.changed_at, now)}",
        f"  error    {style.paint(brief(letter.error, 400), 'red')}",
        f"  tried    {_tried(letter)}",
        f"  event    {_event(story, now, style)}",
        f"  data     {_data(story, full=full)}",
        f"  run      {printable(letter.run)}",
    ]
    lines += [f"  answer   {_answer(answer, now, style)}" for answer in story.answers]
    if story.behind:
        more = f" and {story.waiting - len(story.behind):,} more" if story.waiting > len(story.behind) else ""
        lines.append(f"  behind   {printable(', '.join(story.behind))}{more} wait for it")
    trace = story.traceback.rstrip().splitlines()
    lines += [f"    {printable(line)}" for line in (trace if full else _end(trace))]
    if letter.state == "open":
        commands = ("redrive {}", "edit {} @data.json", "discard {} --why '...'")
        said = f" {style.symbol('·')} ".join(
            f"dalsegno dead-letters {command.format(letter.number)}{printable(option)}"
            for command in commands
        )
        lines.append(f"  {style.paint('next:', 'bold')} {said}")
    return "\n".join(lines)


def _end(trace: Sequence[str]) -> Sequence[str]:
    """Return the last frames of a traceback and what it ends with: whole ones, as many as fit."""
    frames = [number for number, line in enumerate(trace) if line.startswith('  File "')]
    begin = next((number for number in frames if number >= len(trace) - _TRACE), frames[-1] if frames else 0)
    shown = list(trace[begin : begin + _TRACE_MOST])
    before, behind = begin, len(trace) - begin - len(shown)
    if before > 1:  # the line that says "Traceback" is no loss
        shown.insert(0, f"… {before:,} lines before; --full shows them")
    if behind:
        shown.append(f"… {behind:,} lines more")
    return shown


def _tried(letter: DeadLetterInfo) -> str:
    text = f"{letter.attempts} attempt{'s' if letter.attempts != 1 else ''}"
    return (
        text if letter.times < 2 else f"{text} since it was last answered; came back {letter.times - 1} times"
    )


def _event(story: DeadLetterStory, now: datetime, style: Style) -> str:
    event = story.event
    if event is None:
        return f"{story.letter.event}, which retention has removed from the log"
    told = [f"{event.number} {printable(event.type)} v{event.version}", style.clock(event.at, now)]
    told += [f"key {printable(event.key)}"] if event.key else []
    told += [f"case {printable(event.case_id)}"] if event.case_id else []
    return f" {style.symbol('·')} ".join(told)


def _data(story: DeadLetterStory, *, full: bool) -> str:
    text = printable(to_json(story.data, indent=0))
    shown = text if full or len(text) <= 200 else f"{text[:200]}…"
    edited = any(answer.what == "edit" for answer in story.answers)
    return f"{shown}  (edited; the event has another)" if edited else shown


def _answer(answer: Answered, now: datetime, style: Style) -> str:
    by = f" by {printable(answer.by)}" if answer.by else ""
    why = f": {brief(answer.why)}" if answer.why else ""
    return f"{style.clock(answer.at, now)}  {answer.what}{by}{why}"


_WORDS = {
    "redriven": ("✓", "green"),
    "discarded": ("✓", "dim"),
    "chosen": ("·", "yellow"),
    "refused": ("✗", "red"),
    "left": ("✗", "yellow"),
    "answered": ("·", "dim"),
}


def render_redrive(report: RedriveReport, style: Style, *, most: int = 50) -> str:
    """Write what became of many dead letters, or what would."""
    lines = []
    for one in report.letters[:most]:
        symbol, colour = _WORDS[one.outcome]
        key = f" (key {printable(one.key)})" if one.key else ""
        note = f": {brief(one.note)}" if one.note else ""
        lines.append(
            f"{style.paint(style.symbol(symbol), colour)} {one.number}  event {one.event}{key}  {one.outcome}{note}"
        )
    if len(report.letters) > most:
        lines.append(f"{style.symbol('…')} {len(report.letters) - most:,} more")
    return "\n".join(lines)
