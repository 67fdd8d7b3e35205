"""What the cases of a play still owe when nothing happens any more: an end, of those that their process names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from dalsegno.events.known import Known
from dalsegno.events.process import Process
from dalsegno.testing.stage import Stage


def owed(stage: Stage) -> Iterator[str]:
    """Yield a sentence for each case that began and has not ended, where what ends it is in the services' hands."""
    seen: dict[str, list[str]] = defaultdict(list)
    for event in stage.invariants.chronicle.events.values():
        if event.case_id is not None:
            seen[event.case_id].append(event.type)
    for process in stage.known.processes.values():
        starts = {kind.name for kind in process.starts}
        if not _reaches(process, stage.known):
            continue
        for case, types in seen.items():
            begun = case.startswith(process.case_of("")) and starts & set(types)
            if begun and not _ended(process, types):
                yield f"case {case} ends with {process.ends}, and has come to {', '.join(types)}"


def _ended(process: Process, types: list[str]) -> bool:
    cancelled = process.cancel is not None and process.cancel.name in types
    return cancelled or any({kind.name for kind in each} <= set(types) for each in process.ends.sets)


def _reaches(process: Process, known: Known) -> bool:
    """Whether the services that are here emit all that may end a process."""
    given = {
        kind.name
        for service in known.services.values()
        for handler in service.handlers.values()
        for kind in handler.contract.gives
    }
    return all(kind.name in given for each in process.ends.sets for kind in each)
