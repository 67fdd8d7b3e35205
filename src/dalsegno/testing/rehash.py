"""Replays journals in other processes, under other hash seeds: there a set of texts has another order.

Inside one process nothing can change how texts hash, so these are real ones. They import the modules
of the workflows afresh and replay what was recorded here.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from dalsegno.core.clock import SystemClock
from dalsegno.engine.definitions import Workflow
from dalsegno.engine.registry import Registry
from dalsegno.events.known import Known
from dalsegno.events.plan import Plan
from dalsegno.events.readable import Readable
from dalsegno.insight.recording import Recording, read_recording
from dalsegno.store.memory import MemoryStore
from dalsegno.testing.replaying import Divergence, replay

CHILD = "DALSEGNO_REHASH"
"""Set in a process that replays: ``explore`` in a module that it imports explores nothing."""

SEEDS = (1, 2, 3)
_PATIENCE = 60  # seconds


class NotHere(BaseException):
    """Raised by ``explore`` in a process that only wants the definitions of a module."""


class CannotReplay(Exception):
    """The other process could not do it: a module cannot be imported there, for one. Says why, in a line."""


@dataclass(frozen=True, slots=True)
class Rehashed:
    """What came of a replay under a hash seed: which recording parted, by its place, and where."""

    hash_seed: int
    index: int
    parted: Divergence


class Rehash:
    """Processes that replay recordings; they begin at once, and ``collect`` waits for them."""

    def __init__(
        self, workflows: Iterable[Workflow[Any, Any]], recordings: Sequence[Recording], seeds: Sequence[int]
    ) -> None:
        self.seeds = seeds
        self._folder = tempfile.TemporaryDirectory(prefix="dalsegno-")
        folder = Path(self._folder.name)
        modules = {w.function.__module__: w.function.__code__.co_filename for w in workflows}
        wanted = {"path": [str(Path(each).resolve()) for each in sys.path], "modules": modules}
        (folder / "modules").write_text(json.dumps(wanted), "utf-8")
        for index, recording in enumerate(recordings):
            if not recording.run.parked:
                recording.save(folder / str(index))
        self._children = {seed: self._begin(seed) for seed in seeds}

    def _begin(self, seed: int) -> subprocess.Popen[str]:
        ours = str(Path(__file__).resolve().parents[2])
        environment = os.environ | {"PYTHONHASHSEED": str(seed), CHILD: "1"}
        environment["PYTHONPATH"] = os.pathsep.join([ours, *filter(None, [os.environ.get("PYTHONPATH")])])
        return subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import main; main()", self._folder.name],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def collect(self) -> list[Rehashed]:
        """Wait for all of them; return where a replay parted from its journal. Raises ``CannotReplay``."""
        found = []
        for seed, child in self._children.items():
            out, err = child.communicate(timeout=_PATIENCE)
            if child.returncode:
                raise CannotReplay(err.strip().rpartition("\n")[2])
            answers = json.loads(out.splitlines()[-1])
            found += [Rehashed(seed, index, Divergence(**parted)) for index, parted in answers]
        self.close()
        return found

    def close(self) -> None:
        """End what still runs."""
        for child in self._children.values():
            child.kill()
            with child:  # which closes its pipes and waits for it
                pass
        self._folder.cleanup()


def local(workflow: Workflow[Any, Any]) -> bool:
    """Whether a workflow is defined inside a function, where no other process finds it."""
    return "<locals>" in workflow.function.__qualname__


def sources(registry: Registry, known: Known) -> Iterator[tuple[str, Workflow[Any, Any]]]:
    """Yield what runs are runs of, and the workflow that is its code: of a reaction the one below ``on()``."""
    for workflow in registry.workflows.values():
        yield workflow.name, workflow
    for service in known.services.values():
        for handler in service.handlers.values():
            if handler.workflow is not None:
                yield handler.title, handler.workflow


def replayable(registry: Registry, known: Known) -> Registry:
    """Collect the workflows whose journals can be replayed: reactions too that are workflows of users."""
    found = Registry()
    found.add(registry.workflows.values())
    readable = Readable(known.types, MemoryStore(SystemClock()), "default")  # a store that nobody asks
    for service in known.services.values():
        for handler in service.handlers.values():
            if handler.workflow is not None:
                found.add(Plan(handler, known.types, readable).workflows)
    return found


# -- in the other process


def main() -> None:
    """Import what was named, replay what was recorded, print what parted as JSON."""
    folder = Path(sys.argv[1])
    wanted = json.loads((folder / "modules").read_text("utf-8"))
    sys.path[:] = wanted["path"]
    registry, known = Registry(), Known()
    for name, file in wanted["modules"].items():
        module = vars(_module(name, Path(file)))
        registry.add_found(module)
        known.add_found(module)
    known.check()
    registry = replayable(registry, known)
    found = []
    for path in folder.glob("*/*.json"):
        recording = read_recording(path)
        workflow = registry.workflow(recording.run.workflow, recording.run.version)
        parted = replay(recording, workflow)
        if parted is not None:
            found.append((int(path.parent.name), asdict(parted)))
    print_line(json.dumps(sorted(found, key=lambda each: each[0])))


def print_line(text: str) -> None:
    """Write the answer, after whatever the modules printed."""
    sys.stdout.write(f"\n{text}\n")


def _module(name: str, file: Path) -> ModuleType:
    """Import a module as it was there: by its name where that leads to its file, else from the file."""
    if name == "__main__":
        name = file.stem
    known = sys.modules.get(name)
    if known is not None and known.__file__ and Path(known.__file__) == file:
        return known
    if _leads_to(name, file):
        with contextlib.suppress(NotHere):
            return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with contextlib.suppress(NotHere):  # what it defines above that line is there
        spec.loader.exec_module(module)
    return module


def _leads_to(name: str, file: Path) -> bool:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None and Path(spec.origin) == file
