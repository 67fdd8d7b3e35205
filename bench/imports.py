"""How long ``import dalsegno`` takes, next to what it needs of the standard library.

Fresh interpreters, bytecode at hand, taking turns. The time of an interpreter that imports nothing is
taken off both.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rows import Calibrated, Row
from sizes import Sizes

NOTHING, LIBRARY, OURS = "pass", "import asyncio, sqlite3, json", "import dalsegno"


def take(sizes: Sizes, directory: Path) -> list[Row]:
    """Start interpreters."""
    with tempfile.TemporaryDirectory(prefix="imports-", dir=directory) as folder:
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        env |= {"PYTHONPYCACHEPREFIX": str(Path(folder).resolve()), "PYTHONPATH": os.pathsep.join(sys.path)}
        took: dict[str, list[float]] = {NOTHING: [], LIBRARY: [], OURS: []}
        for code in took:
            _run(code, env)  # writes the bytecode
        with Calibrated() as now:
            for _ in range(sizes.imports):
                for code, times in took.items():
                    times.append(_run(code, env))
    nothing, library, ours = (statistics.median(times) for times in took.values())
    return [
        Row(
            "import dalsegno ÷ import asyncio, sqlite3, json",
            "dalsegno",
            f"{sizes.imports} fresh interpreters each",
            (ours - nothing) * 1000,
            "ms",
            (ours - nothing) / (library - nothing),
            f"{(library - nothing) * 1000:.0f} ms",
            "≤ 2.5",
            now.ms,
        )
    ]


def _run(code: str, env: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    return time.perf_counter() - began
