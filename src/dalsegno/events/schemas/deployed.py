"""What a program declares against what is deployed: the check that runs in the user's CI."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from dalsegno.errors import InvalidInput
from dalsegno.events.schemas.breakage import Breakage, Users, who_breaks
from dalsegno.events.schemas.compatibility import Casts, Format, Mode
from dalsegno.events.schemas.registry import Admission, Registered, Standing, Versions, registered

__all__ = ["Declared", "Finding", "Report", "check_declared"]


class Declared(msgspec.Struct, frozen=True):
    """An event type as the program has it. ``where`` is the file and line of its class, if known.

    ``mode`` is only needed where it is to differ from that of the registered versions.
    """

    type: str
    version: int
    schema: Any
    format: Format = Format.JSON
    sealed: bool = True
    mode: Mode | None = None
    where: str = ""


class Finding(msgspec.Struct, frozen=True):
    """What the check says of one declared version.

    ``candidate`` is what would be stored of it. ``error`` is set, and neither of these, where the schema
    itself is none.
    """

    type: str
    version: int
    where: str = ""
    admission: Admission | None = None
    breakages: tuple[Breakage, ...] = ()
    error: str = ""
    candidate: Registered | None = None

    @property
    def ok(self) -> bool:
        """Tell whether this version may be deployed."""
        return self.admission is not None and self.admission.admitted

    def __str__(self) -> str:
        place = f"  ({self.where})" if self.where else ""
        if self.admission is None:
            return f"✗ {self.type} v{self.version}: {self.error}{place}"
        first, *more = str(self.admission).splitlines()
        lines = [f"{'✓' if self.ok else '✗'} {first}{place}", *more]
        lines += [f"    breaks: {each.sentence}" for each in self.breakages]
        if not self.ok and self.admission.standing is not Standing.CHANGED and not self.breakages:
            lines.append("    breaks: nobody who is known here")
        return "\n".join(lines)


class Report(msgspec.Struct, frozen=True):
    """The outcome for a whole program. ``exit_code`` is 0 if all may be deployed, else 1."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Tell whether all declared versions may be deployed."""
        return all(each.ok for each in self.findings)

    @property
    def exit_code(self) -> int:
        """What a command ends with that has shown this."""
        return 0 if self.ok else 1

    def __str__(self) -> str:
        if not self.findings:
            return "No event types are declared here."
        wrong = sum(not each.ok for each in self.findings)
        total = len(self.findings)
        end = f"{wrong} of {total} cannot be deployed" if wrong else f"all {total} can be deployed"
        return "\n".join([*map(str, self.findings), end])


def check_declared(
    declared: Iterable[Declared],
    stored: Iterable[Registered],
    *,
    users: Mapping[str, Users] | None = None,
    casts: Mapping[str, Casts] | None = None,
) -> Report:
    """Hold what a program declares to what is registered in a store.

    ``users`` and ``casts`` are by event type. Several new versions of a type are checked in order, each
    also against those before it.
    """
    known = list(stored)
    types: dict[str, Versions] = {}
    findings = []
    for one in sorted(declared, key=lambda each: (each.type, each.version)):
        versions = types.setdefault(one.type, Versions(one.type, known))
        try:
            candidate = registered(
                one.type,
                one.version,
                one.schema,
                format=one.format,
                sealed=one.sealed,
                mode=_mode(one, versions),
            )
        except InvalidInput as error:
            findings.append(Finding(one.type, one.version, one.where, error=error.what))
            continue
        admission = versions.check(candidate, one.mode, (casts or {}).get(one.type, ()))
        broken = who_breaks(admission.verdicts, (users or {}).get(one.type, Users()))
        findings.append(Finding(one.type, one.version, one.where, admission, broken, candidate=candidate))
        if admission.standing not in (Standing.CHANGED, Standing.READ):
            types[one.type] = versions.joined_by(candidate)
    return Report(tuple(findings))


def _mode(one: Declared, versions: Versions) -> Mode:
    return one.mode or (versions.latest.mode if versions.latest else Mode.BACKWARD)
