"""What the demo shows while it is played (on stderr), and the ledger at its end (on stdout)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import click

from dalsegno.cli.console import coloured, say
from dalsegno.core.clock import SystemClock

if TYPE_CHECKING:
    from dalsegno.cli.demo.choreography.play import Report as EventReport
    from dalsegno.cli.demo.ledger import Ledger
    from dalsegno.cli.demo.play import Report


class View(Protocol):
    """Where the demo shows what goes on; it lasts as long as its ``with`` block."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def say(self, text: str) -> None:
        """Tell one thing that has happened."""
        ...

    def show(self, ended: int, how: str) -> None:
        """Show how far it is; called many times a second."""
        ...


class PlainView:
    """Lines, one for each tenth of the work."""

    def __init__(self, orders: int) -> None:
        self._orders = orders
        self._tenths = 0
        self._clock = SystemClock()
        self._began = self._clock.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def say(self, text: str) -> None:
        say(f"{self._clock.monotonic() - self._began:5.1f} s  {text}")

    def show(self, ended: int, how: str) -> None:
        tenths = 10 * ended // self._orders
        if tenths > self._tenths:
            self._tenths = tenths
            self.say(f"{ended} of {self._orders} orders have ended: {how}")


class LiveView:
    """A progress bar, below the lines."""

    def __init__(self, orders: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TimeElapsedColumn(),
            TextColumn("orders"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True, no_color=not coloured(sys.stderr)),
            transient=True,
        )
        self._bar = self._progress.add_task("", total=orders)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        self._progress.console.print(text, highlight=False)

    def show(self, ended: int, how: str) -> None:
        self._progress.update(self._bar, completed=ended, description=how)


def choose_view(orders: int) -> View:
    """Choose how to show it, by what stderr is."""
    return LiveView(orders) if sys.stderr.isatty() else PlainView(orders)


def state(ledger: Ledger) -> str:
    """Say how the orders stand."""
    undoing = f", {len(ledger.undoing)} undoing" if ledger.undoing else ""
    return f"{ledger.answers['completed']} completed, {ledger.answers['failed']} undone{undoing}"


# -- the ledger

_ROWS = {
    "orders": "orders in",
    "completed": "completed",
    "compensated": "compensated",
    "failed_otherwise": "failed otherwise",
    "executed_twice": "steps executed twice",
    "charged_twice": "charged twice",
    "done_twice": "anything else done twice",
    "lost": "lost",
    "incomplete": "completed with something missing",
    "not_undone": "failed and not undone",
}
_EVENT_ROWS = {
    "orders": "orders in",
    "sent_again": "sent again, with the same id",
    "completed": "completed",
    "rejected": "rejected, and all of it undone",
    "declined": "  payment declined",
    "sold_out": "  out of stock",
    "unreachable": "  no courier",
    "called_again": "requests made again",
    "charged_twice": "charged twice",
    "done_twice": "anything else done twice",
    "lost": "lost",
    "unpaid_shipped": "shipped and not paid for",
    "incomplete": "completed with something missing",
    "not_undone": "rejected and not undone",
    "never_placed": "nobody's order",
}
_MUST_BE_NONE = (
    *("charged_twice", "done_twice", "lost", "incomplete", "not_undone"),
    *("unpaid_shipped", "never_placed"),
)


def ledger_text(report: Report) -> str:
    """Lay the ledger out as a table."""
    waits = [kill.seconds for kill in report.ledger.kills]
    head = "The ledger, counted from the file that the services wrote:"
    return _text(head, _ROWS, report.ledger.figures(), report.seconds, ("kill to first resumed step", waits))


def ledgers_text(report: EventReport) -> str:
    """Lay the ledgers of services without a conductor out as a table."""
    waits = [kill.seconds for kill in report.count.kills]
    head = "The ledgers, each counted from the file that its service wrote:"
    figures = report.count.figures()
    return _text(head, _EVENT_ROWS, figures, report.seconds, ("kill to next request", waits))


def _text(
    head: str,
    labels: Mapping[str, str],
    figures: dict[str, int],
    seconds: float,
    kills: tuple[str, list[float | None]],
) -> str:
    rows = [_row(label, f"{figures[name]:,}", _note(name, figures)) for name, label in labels.items()]
    rows.append(_row("time", f"{seconds:.1f} s"))
    label, waits = kills
    rows += [_row(label, "never" if wait is None else f"{wait:.2f} s") for wait in waits]
    return "\n".join(["", head, "", *rows, ""])


def _row(label: str, value: str, note: str = "") -> str:
    return f"  {label:<34}{value:>8}{note}"


def _note(name: str, figures: dict[str, int]) -> str:
    if name in ("executed_twice", "called_again") and figures[name]:
        return f"  with the same key, by which the services knew {figures['recognized']} that had happened"
    if name in _MUST_BE_NONE:
        good = figures[name] == 0
        text = "good" if good else "WRONG"
        return "  " + (click.style(text, fg="green" if good else "red") if coloured(sys.stdout) else text)
    return ""
