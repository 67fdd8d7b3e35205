"""All rules of contracts, applied to a program."""

from __future__ import annotations

from collections.abc import Iterable

from dalsegno.engine.definitions import Definition
from dalsegno.events.contracts.ending import owed, stuck
from dalsegno.events.contracts.fitting import unread, unreal
from dalsegno.events.contracts.flow import Flow
from dalsegno.events.contracts.loops import endless
from dalsegno.events.contracts.meeting import unmet
from dalsegno.events.contracts.report import Finding, Looked, Report, Rule
from dalsegno.events.contracts.truth import untrue
from dalsegno.events.contracts.undoing import left_standing
from dalsegno.events.known import Known


def check(known: Known, definitions: Iterable[Definition] = ()) -> Report:
    """Check what a program declares of events against itself and against its source.

    ``definitions`` are its workflows and steps, which may emit events too. One cause is one finding: what
    hangs on an event that a finding is about already is taken to be well. Raises DefinitionError where a
    declaration cannot be read.
    """
    known.check()
    flow = Flow(known, definitions)
    notes: list[str] = []
    findings = list(unmet(flow))
    settled = _settled(flow, findings)
    for finding, names in endless(flow):
        findings.append(finding)
        settled |= names
    findings += untrue(flow)
    findings += stuck(flow, settled, notes)
    findings += owed(flow)
    findings += left_standing(flow, settled)
    findings += unread(flow)
    findings += unreal(flow)
    notes += [
        f"the source of {handler.what} could not be read: what it does was not judged"
        for handler, reading in flow.readings.items()
        if not reading.read
    ]
    looked = Looked(len(known.services), len(flow.handlers), len(known.types.all), len(known.processes))
    return Report(tuple(sorted(findings, key=_order)), looked, tuple(notes))


def _settled(flow: Flow, findings: list[Finding]) -> frozenset[str]:
    """Name the events that have no emitter or no handler, and are found to have none."""
    if not any(each.rule in (Rule.NO_EMITTER, Rule.NO_HANDLER) for each in findings):
        return frozenset()
    return frozenset((flow.wanted.keys() - flow.emitters.keys()) | _unhandled(flow))


def _unhandled(flow: Flow) -> set[str]:
    ending = {kind.name for process in flow.known.processes.values() for kind in process.ends.types}
    meant = {kind.name for kind in flow.known.types.all.values() if kind.meant.nobody}
    return flow.emitters.keys() - flow.takers.keys() - ending - meant


def _order(finding: Finding) -> tuple[str, int, str, str]:
    return finding.file, finding.line, finding.rule, finding.what
