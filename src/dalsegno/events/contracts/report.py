"""What a check of contracts says: findings with file and line, as text and as plain data."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec


class Rule(StrEnum):
    """By which rule a finding was made. The names are printed, and never change their meaning."""

    NO_EMITTER = "no-emitter"
    NO_HANDLER = "no-handler"
    UNDECLARED = "undeclared"
    NEVER_GIVEN = "never-given"
    NO_EXIT = "no-exit"
    NO_END = "no-end"
    OWED_AFTER_END = "owed-after-end"
    NO_COMPENSATION = "no-compensation"
    NO_CONVERTER = "no-converter"
    BAD_EXAMPLE = "bad-example"
    OBSERVED = "observed"


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong: what, where (``file:line``), what it means, and how to mend it.

    ``also`` are other places that have to do with it.
    """

    rule: Rule
    what: str
    place: str
    meaning: str = ""
    mend: str = ""
    also: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The file in which it is wrong."""
        return self.place.rpartition(":")[0]

    @property
    def line(self) -> int:
        """The line at which it is wrong; 0 where none is known."""
        line = self.place.rpartition(":")[2]
        return int(line) if line.isdigit() else 0


class Looked(msgspec.Struct, frozen=True):
    """How much there was to look at."""

    services: int = 0
    handlers: int = 0
    events: int = 0
    processes: int = 0

    def __str__(self) -> str:
        return ", ".join(
            f"{count} {name if count != 1 else name.removesuffix('es' if name == 'processes' else 's')}"
            for name, count in (
                ("services", self.services),
                ("handlers", self.handlers),
                ("events", self.events),
                ("processes", self.processes),
            )
        )


class Report(msgspec.Struct, frozen=True):
    """The outcome. ``notes`` say what could not be judged; they are no findings."""

    findings: tuple[Finding, ...]
    looked: Looked
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Tell whether nothing was found."""
        return not self.findings

    @property
    def exit_code(self) -> int:
        """What a command ends with that has shown this: 0 if nothing was found, else 1."""
        return 0 if self.ok else 1

    def assert_ok(self) -> None:
        """Raise AssertionError with the whole report if anything was found."""
        if not self.ok:
            raise AssertionError(f"the contracts do not hold\n{self}")

    def __str__(self) -> str:
        return self.text()

    def text(self, root: Path | None = None) -> str:
        """Write it for people; places below ``root`` (the current folder) are told relative to it."""
        base = root or Path.cwd()
        lines: list[str] = []
        for each in self.findings:
            lines.append(f"{near(each.place, base)}  {each.rule}  {each.what}")
            lines += [f"    {said}" for said in (each.meaning, each.mend) if said]
            lines += [f"    see {near(place, base)}" for place in each.also]
        lines += [f"note: {note}" for note in self.notes]
        count = len(self.findings)
        found = "nothing found" if self.ok else f"{count} finding{'s' if count > 1 else ''}"
        return "\n".join([*lines, f"{found} in {self.looked}"])

    def document(self) -> dict[str, Any]:
        """Say it as plain data, for other programs."""
        return {
            "ok": self.ok,
            "findings": [
                {
                    "rule": each.rule.value,
                    "what": each.what,
                    "file": each.file,
                    "line": each.line,
                    "meaning": each.meaning,
                    "mend": each.mend,
                    "also": list(each.also),
                }
                for each in self.findings
            ],
            "notes": list(self.notes),
            "looked": msgspec.to_builtins(self.looked),
        }


def near(place: str, base: Path) -> str:
    """Tell a place relative to a folder, if it lies below it."""
    file, colon, line = place.rpartition(":")
    try:
        return f"{Path(file).relative_to(base)}{colon}{line}"
    except ValueError:
        return place
