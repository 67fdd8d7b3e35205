"""Recorded journals as fixtures: runs written down once, replayed against the code of today.

A gate for upgrades: of your workflows, of dalsegno, of Python. A replay runs no step, so a recording
of a run in production is as good as one made in a test.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import ModuleType

from dalsegno.app import open_store
from dalsegno.core.clock import SystemClock
from dalsegno.engine.definitions import Definition, Workflow
from dalsegno.engine.registry import Registry
from dalsegno.errors import RunNotFound
from dalsegno.insight.recording import read_recording, record
from dalsegno.testing.callers import globals_of_caller
from dalsegno.testing.play import registry_of
from dalsegno.testing.replaying import replay


class JournalsDiverge(AssertionError):
    """Code and recorded journals disagree; ``diverged`` has a line for each file that does."""

    def __init__(self, diverged: list[str], count: int) -> None:
        told = "\n".join(diverged)
        super().__init__(f"{len(diverged)} of {count} recorded journals do not replay:\n{told}")
        self.diverged = diverged


def record_journal(store: str, run_id: str, folder: str | Path, *, namespace: str = "default") -> Path:
    """Write a run of a store (``sqlite:///orders.db``) into a file of the folder; return the file.

    The store is only read, and may be in use by other processes, not by this one. The file holds the
    run's input, the results of its steps and the signals that it got, as they are. Raises
    ``RunNotFound``, and ``StoreShared`` where an App of this process has the store open.
    """
    return asyncio.run(_record(store, run_id, Path(folder), namespace))


async def _record(address: str, run_id: str, folder: Path, namespace: str) -> Path:
    store = open_store(address, SystemClock())
    await store.open()
    try:
        row = await store.find(namespace, run_id)
        if row is None:
            raise RunNotFound(
                f"There is no run {run_id!r} in namespace {namespace!r} of {address}, so there is nothing to record.",
                "It was never started there, or this is another store than the one it is in.",
                "`dalsegno runs list` shows what there is; look at the id, the namespace and the store.",
                run_id=run_id,
                store=address,
            )
        return (await record(store, row)).save(folder)
    finally:
        await store.close()


def replay_journals(folder: str | Path, *include: Definition | ModuleType) -> int:
    """Replay every recorded journal of a folder against the code that is here; return how many.

    ``include`` names the workflows, or modules that hold some; without any, those among the globals
    of the module that calls it. Raises ``JournalsDiverge`` naming file, entry, and what either side
    has; ``FileNotFoundError`` for a folder that holds none, since a gate that looks at nothing is
    none; ``NotDecodable`` for a file that is no recording.
    """
    __tracebackhide__ = True  # pytest shows the line that asked
    registry = registry_of(include, globals_of_caller(2))
    paths = sorted(Path(folder).glob("*.json"))
    if not paths:
        raise FileNotFoundError(f"{folder} holds no recorded journal (*.json)")
    diverged = [told for path in paths if (told := _replayed(path, registry))]
    if diverged:
        raise JournalsDiverge(diverged, len(paths))
    return len(paths)


def _replayed(path: Path, registry: Registry) -> str:
    """Replay one file; return what is wrong, if anything is."""
    recording = read_recording(path)
    workflow = _workflow(registry, recording.run.workflow, recording.run.version)
    if workflow is None:
        name, version = recording.run.workflow, recording.run.version
        return f"{path}: it is a run of workflow {name!r}, version {version!r}, and there is none here"
    parted = replay(recording, workflow)
    return f"{path}: {parted}" if parted is not None else ""


def _workflow(registry: Registry, name: str, version: str) -> Workflow[object, object] | None:
    return registry.workflows.get((name, version))
