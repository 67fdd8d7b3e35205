"""What the demo shows while it is played (on stderr), and the ledger at its end (on stdout)."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import click

from dalsegno.cli.console import coloured, say
from dalsegno.core.clock import SystemClock

if TYPE_CHECKING:
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

    def show(self, ledger: Ledger) -> None:
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

    def show(self, ledger: Ledger) -> None:
        tenths = 10 * ledger.answered // self._orders
        if tenths > self._tenths:
            self._tenths = tenths
            self.say(f"{ledger.answered} of {self._orders} orders have ended: {_state(ledger)}")


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

    def show(self, ledger: Ledger) -> None:
        self._progress.update(self._bar, completed=ledger.answered, description=_state(ledger))


def choose_view(orders: int) -> View:
    """Choose how to show it, by what stderr is."""
    return LiveView(orders) if sys.stderr.isatty() else PlainView(orders)


def _state(ledger: Ledger) -> str:
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
_MUST_BE_NONE = ("charged_twice", "done_twice", "lost", "incomplete", "not_undone")


def ledger_text(report: Report) -> str:
    """Lay the ledger out as a table."""
    figures = report.ledger.figures()
    rows = [_row(label, f"{figures[name]:,}", _note(name, figures)) for name, label in _ROWS.items()]
    rows.append(_row("time", f"{report.seconds:.1f} s"))
    for kill in report.ledger.kills:
        seconds = "never" if kill.seconds is None else f"{kill.seconds:.2f} s"
        rows.append(_row("kill to first resumed step", seconds))
    head = "The ledger, counted from the file that the services wrote:"
    return "\n".join(["", head, "", *rows, ""])


def _row(label: str, value: str, note: str = "") -> str:
    return f"  {label:<34}{value:>8}{note}"


def _note(name: str, figures: dict[str, int]) -> str:
    if name == "executed_twice" and figures[name]:
        return f"  with the same key, by which the services knew {figures['recognized']} that had happened"
    if name in _MUST_BE_NONE:
        good = figures[name] == 0
        text = "good" if good else "WRONG"
        return "  " + (click.style(text, fg="green" if good else "red") if coloured(sys.stdout) else text)
    return ""
