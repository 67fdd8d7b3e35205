"""How a case looks, and a list of reasons: as text for people, in full or on one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from dalsegno.client.case_standing import CaseStanding, Line, Owing
from dalsegno.client.standing import Because, Fact, Reason
from dalsegno.client.whereabouts import Explanation
from dalsegno.core.clock import SECOND
from dalsegno.core.durations import text as length
from dalsegno.insight.binding import NEEDS_SOMEBODY
from dalsegno.insight.paint import Style, between, brief, pad, printable, width

_COLUMN = 32  # the widest that names may make their column
_THEN = 8  # lines of what may come later, unless all is asked for
_MOVING = (Reason.STEP_RUNNING, Reason.RUNNING, Reason.DUE, Reason.LAG, Reason.COMPENSATING)
_OUTCOMES = {
    "done": ("✓", "green"),
    "failed": ("✗", "red"),
    "unknown": ("?", "yellow"),
    "cancelled": ("✗", "dim"),
    "open": ("·", "yellow"),
}

Row = tuple[str, str, str, str]


def render_case(case: CaseStanding, style: Style, *, option: str = "", full: bool = False) -> str:
    """Write where a case stands; ``option`` is put behind each command that it proposes."""
    rows = [
        *_trail_rows(case, style),
        *(_owed_row(each, case, style) for each in case.owed),
        *_then_rows(case, full=full),
        *(_debt_rows(case)),
        *_stray_rows(case),
        *([("-", "dim", name, "cannot come any more") for name in case.unreachable] if full else []),
    ]
    names = min(_COLUMN, max((width(row[2]) for row in rows), default=0))
    lines = [_headline(case, style)]
    about = _about(case, style)
    if about:
        lines.append(f"  {style.paint(about, 'dim')}")
    if case.earlier:
        show = f"dalsegno cases show {printable(case.id)}{option}"
        lines.append(f"  {style.symbol('…')} {case.earlier} earlier: {show}")
    for symbol, colour, name, text in rows:
        lines.append(f"  {style.paint(style.symbol(symbol), colour)} {pad(name, names)}  {text}".rstrip())
    lines += _why_lines(case)
    if case.next:
        lines.append(f"  {style.paint('next:', 'bold')} {_commands(case.next, style, option)}")
    return "\n".join(lines)


def render_short(case: CaseStanding, style: Style) -> str:
    """Write where a case stands on one line."""
    why = case.why
    if why is None:
        return _headline(case, style)
    about = f"{printable(why.about)}: " if why.about else ""
    by_when = next((_by_when(each, case) for each in case.owed if each.why == why), "")
    return f"{_headline(case, style)}: {about}{brief(why.text, 200)}{by_when}"


def render_explanation(told: Explanation, style: Style, *, option: str = "") -> str:
    """Write all reasons, the one that binds first."""
    name = style.paint(printable(told.id), "bold")
    head = f"event {name}" if told.what == "event" else f"{name}  {told.what}"
    if not told.reasons:
        return f"{head}: nothing is owed"
    lines = [head]
    for place, because in enumerate(told.reasons):
        mark = ("✗" if because.kind in NEEDS_SOMEBODY else "·") if place == 0 else "·"
        kind = style.paint(because.kind.value, "red" if mark == "✗" else "yellow")
        about = f"  {printable(because.about)}" if because.about else ""
        lines.append(f"  {style.symbol(mark)} {kind}{about}")
        lines.append(f"      {brief(because.text, 400)}")
        evidence = _evidence(because, style, told)
        if evidence:
            lines.append(f"      {style.paint(evidence, 'dim')}")
    following = told.reasons[0].next or next((each.next for each in told.reasons if each.next), ())
    if following:
        lines.append(f"  {style.paint('next:', 'bold')} {_commands(following, style, option)}")
    return "\n".join(lines)


def _evidence(because: Because, style: Style, told: Explanation) -> str:
    found = {name: value for name, value in (because.evidence or {}).items() if value not in (None, "", ())}
    return f" {style.symbol('·')} ".join(
        f"{name.replace('_', ' ')} {_fact(value, style, told)}" for name, value in found.items()
    )


def _fact(value: Fact, style: Style, told: Explanation) -> str:
    match value:
        case None | int() | float() | str():
            return brief(str(value), 80)
        case tuple():
            return ", ".join(brief(each, 60) for each in value)
        case _:
            return style.clock(value, told.at)


# -- the head


def _headline(case: CaseStanding, style: Style) -> str:
    said = f"{printable(case.process)} ({case.kind})" if case.process else f"({case.kind})"
    head = f"{style.paint(printable(case.id), 'bold')}  {said}  {_state(case, style)}"
    if case.late is None:
        return head
    late = length(int(case.late * SECOND))
    return f"{head}, {style.paint(f'{late} past its due time', 'red')}"


def _state(case: CaseStanding, style: Style) -> str:
    lasted = between(case.started_at, case.ended_at or case.at)
    if case.state == "open":
        moving = case.why is not None and case.why.kind in _MOVING
        word, colour = ("running", "cyan") if moving else ("waiting", "yellow")
        return f"{style.paint(word, 'red' if case.stuck else colour)} {lasted}"
    by = f" with {printable(case.end)}" if case.end and case.state == "ended" else ""
    ago = f" {between(case.ended_at, case.at)} ago" if case.ended_at else ""
    colour = "green" if case.state == "ended" and not case.stuck else "dim" if not case.stuck else "red"
    return f"{style.paint(case.state, colour)}{by}{ago}, after {lasted}"


def _about(case: CaseStanding, style: Style) -> str:
    said = [f"key {printable(case.key)}"] if case.key and not case.id.endswith(case.key) else []
    said += [
        f"{printable(name)} {', '.join(printable(value) for value in values)}"
        for name, values in case.keys.items()
    ]
    said += [f"also called {', '.join(printable(name) for name in case.names)}"] if case.names else []
    said += ["as it was then"] if case.past else []
    said += [] if case.exact else ["there are too many ways to go on to look through all"]
    return f" {style.symbol('·')} ".join(said)


# -- the lines


def _trail_rows(case: CaseStanding, style: Style) -> Iterator[Row]:
    bys = min(_COLUMN, max((width(printable(line.by)) for line in case.trail), default=0))
    for line in case.trail:
        symbol, colour = _OUTCOMES[line.outcome]
        took = "" if line.took is None else length(int(line.took * SECOND))
        said = "  ".join(part for part in (took, brief(line.said)) if part)
        text = f"{style.clock(line.at, case.at)}  {pad(_by(line), bys)}  {said}".rstrip()
        yield symbol, colour, printable(line.name), text


def _by(line: Line) -> str:
    return printable(line.by)


def _owed_row(each: Owing, case: CaseStanding, style: Style) -> Row:
    because = each.why
    bad = because.kind in NEEDS_SOMEBODY
    name = printable(" | ".join(_still(each, case))) if each.gives else printable(each.by)
    alike = sum((other.by, other.gives) == (each.by, each.gives) for other in case.owed) > 1
    which = f" for event {each.event}" if alike else ""
    text = f"owed by {printable(each.by)}{which}: " if each.gives else ""
    if each.event is None:
        text = f"may come of run {printable(each.run or '')}: " if each.gives else f"run {each.run}: "
    elif not each.gives:
        text = f"has not reacted to {printable(each.type or '')} ({each.event}): "
    handler = each.by.rpartition(".")[2]  # that it is its own step needs no saying
    text += brief(because.text.removeprefix(f"{handler}: "), 300) + _by_when(each, case)
    return "✗" if bad else "·", "red" if bad else "yellow", name, text


def _by_when(each: Owing, case: CaseStanding) -> str:
    """Say by when it is to come: as declared, else as past cases had it."""
    if each.due_at is not None:
        past = each.due_at < case.at
        when = between(each.due_at, case.at) if past else between(case.at, each.due_at)
        return f"; {when} past its due time" if past else f"; due in {when}"
    if each.usual is None or each.usual_at is None:
        return ""
    began = each.usual_at - timedelta(seconds=each.usual)
    return f"; usually within {length(int(each.usual * SECOND))}, by now {between(began, case.at)}"


def _still(each: Owing, case: CaseStanding) -> Sequence[str]:
    """List what something may give: of a run what it has not given yet, as long as there is such an event."""
    if each.event is not None:
        return each.gives
    given = {line.name for line in case.trail if line.run == each.run}
    return [name for name in each.gives if name not in given] or each.gives


def _then_rows(case: CaseStanding, *, full: bool) -> Iterator[Row]:
    later = case.then if full else case.then[:_THEN]
    for each in later:
        by = " or ".join(printable(name) for name in each.by) or "somebody"
        yield "·", "dim", printable(each.type), f"{'then' if each.certain else 'may then be'} owed by {by}"
    if len(case.then) > len(later):
        yield "…", "dim", f"{len(case.then) - len(later)} more", "may come later: --full"
    for one in case.expected:
        by = f"workflow {', '.join(one.by)}, which has not begun" if one.by else "outside"
        yield "·", "yellow", printable(one.type), f"may come from {printable(by)}"


def _debt_rows(case: CaseStanding) -> Iterator[Row]:
    said = {
        "open": "is to be undone by {}",
        "dead letter": "is to be undone by {}, which is a dead letter",
        "later": "is to be undone by {}, once it is its turn",
        "nobody": "is not undone, and nobody will: {} is not to react any more",
    }
    for debt in case.to_undo:
        by = " or ".join(debt.by)
        bad = debt.state in ("dead letter", "nobody")
        yield "↺", "red" if bad else "yellow", printable(debt.type), printable(said[debt.state].format(by))


def _stray_rows(case: CaseStanding) -> Iterator[Row]:
    said = {
        "unknown": "nobody declares such an event",
        "foreign": "it is no part of this process",
        "unannounced": "nobody who takes the event that led to it gives it",
    }
    for stray in case.strays:
        yield "?", "yellow", printable(stray.type), f"event {stray.event}: {said[stray.why]}"


def _why_lines(case: CaseStanding) -> list[str]:
    """Say what holds the case as a whole, or what no line above has said."""
    said = {(each.why.kind, each.why.text) for each in case.owed}
    shown: Sequence[Because] = [
        each for each in case.reasons[:3] if not each.about and (each.kind, each.text) not in said
    ]
    return [f"  why: {brief(each.text, 300)}" for each in shown]


def _commands(commands: Sequence[str], style: Style, option: str) -> str:
    return f" {style.symbol('·')} ".join(
        printable(f"{command}{option if command.startswith('dalsegno') else ''}") for command in commands
    )
