"""How a command ends: an exit code for each kind of error, and its message without a traceback."""

from __future__ import annotations

import enum
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from dalsegno.errors import (
    CaseNotFound,
    DalsegnoError,
    DeadLetterNotFound,
    DefinitionError,
    EventNotFound,
    InvalidInput,
    Overloaded,
    RedriveRefused,
    ResultTimeout,
    RetentionPassed,
    RunCancelled,
    RunConflict,
    RunEnded,
    RunNotFound,
    ServiceNotFound,
    StoreError,
)


class Exit(enum.IntEnum):
    """What the number says that a command ends with."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    UNREACHABLE = 5
    CANCELLED = 6
    TIMED_OUT = 124
    INTERRUPTED = 130


class NotPossibleNow(DalsegnoError):
    """The run is not in a state in which this can be done."""

    @classmethod
    def anchor(cls) -> str:
        """Point to the manual: no program catches this one."""
        return "docs/reference/cli.md"


class NotRegistered(NotPossibleNow):
    """No version of an event of that name is registered."""


class NothingKept(NotPossibleNow):
    """A service has no state of that key."""


class NoSuchProcess(NotPossibleNow):
    """No process of that name is declared."""


_CODES: tuple[tuple[type[DalsegnoError], Exit], ...] = (
    (StoreError, Exit.UNREACHABLE),
    (RunNotFound, Exit.NOT_FOUND),
    (EventNotFound, Exit.NOT_FOUND),
    (ServiceNotFound, Exit.NOT_FOUND),
    (DeadLetterNotFound, Exit.NOT_FOUND),
    (CaseNotFound, Exit.NOT_FOUND),
    (RetentionPassed, Exit.NOT_FOUND),
    (NotRegistered, Exit.NOT_FOUND),
    (NothingKept, Exit.NOT_FOUND),
    (NoSuchProcess, Exit.NOT_FOUND),
    (RedriveRefused, Exit.CONFLICT),
    (Overloaded, Exit.CONFLICT),
    (RunConflict, Exit.CONFLICT),
    (RunEnded, Exit.CONFLICT),
    (NotPossibleNow, Exit.CONFLICT),
    (RunCancelled, Exit.CANCELLED),
    (ResultTimeout, Exit.TIMED_OUT),
    (InvalidInput, Exit.USAGE),
    (DefinitionError, Exit.USAGE),
)


def code_of(error: DalsegnoError) -> Exit:
    """Return the exit code that an error stands for."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.FAILED)


class Command(click.Command):
    """A command whose errors are messages (``--debug`` shows where they came from), and with examples."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self._examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the help."""
        if self._examples:
            with formatter.section("Examples"), formatter.indentation():
                for example in self._examples:
                    formatter.write(f"  {example}\n")

    def invoke(self, ctx: click.Context) -> Any:
        """Run it, and end with the code that fits."""
        try:
            return super().invoke(ctx)
        except DalsegnoError as error:
            if ctx.meta.get("dalsegno.debug"):
                traceback.print_exception(error, file=sys.stderr)
            else:
                click.echo(f"dalsegno: {error}", err=True)
            ctx.exit(code_of(error))
        except KeyboardInterrupt:
            ctx.exit(Exit.INTERRUPTED)


class Commands(click.Group):
    """A group of such commands."""

    command_class = Command


def debug_option(function: Any) -> Any:
    """Add ``--debug``."""

    def note(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        ctx.meta["dalsegno.debug"] = value

    option = click.option(
        "--debug", is_flag=True, expose_value=False, callback=note, help="Show the traceback of an error."
    )
    return option(function)
