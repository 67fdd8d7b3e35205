"""All rules of contracts, applied to a program."""

from __future__ import annotations

from collections.abc import Iterable

from dalsegno.engine.definitions import Definition
from dalsegno.events.contracts.ending import owed, stuck
from dalsegno.events.contracts.fitting import unread, unreal
from dalsegno.events.contracts.flow import Flow
from dalsegno.events.contracts.loops import endless
from dalsegno.events.contracts.meeting import unhandled, unmet
from dalsegno.events.contracts.observing import Seen, untold
from dalsegno.events.contracts.report import Finding, Looked, Report
from dalsegno.events.contracts.truth import untrue
from dalsegno.events.contracts.undoing import left_standing
from dalsegno.events.known import Known


def check(known: Known, definitions: Iterable[Definition] = (), observed: Iterable[Seen] = ()) -> Report:
    """Check what a program declares of events against itself and against its source.

    ``definitions`` are its workflows and steps, which may emit events too, ``observed`` what
    was seen on a log. One cause is one finding: what
    hangs on an event that a finding is about already is taken to be well. Raises DefinitionError where a
    declaration cannot be read.
    """
    known.check()
    flow = Flow(known, definitions)
    notes: list[str] = []
    findings = list(unmet(flow))
    settled = unhandled(flow)
    for finding, names in endless(flow):
        findings.append(finding)
        settled |= names
    findings += untrue(flow)
    findings += stuck(flow, settled, notes)
    findings += owed(flow)
    findings += left_standing(flow, settled)
    findings += unread(flow)
    findings += unreal(flow)
    findings += untold(flow, observed, notes)
    unread_bodies = [handler.what for handler, reading in flow.readings.items() if not reading.read]
    if unread_bodies:
        notes.append(
            f"not judged by their source, which is not there or too long: {', '.join(unread_bodies)}"
        )
    looked = Looked(len(known.services), len(flow.handlers), len(known.types.all), len(known.processes))
    return Report(tuple(sorted(findings, key=_order)), looked, tuple(notes))


def _order(finding: Finding) -> tuple[str, int, str, str]:
    return finding.file, finding.line, finding.rule, finding.what
