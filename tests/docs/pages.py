"""Reads the Markdown pages of the project, and plays their blocks as a reader would.

A page is played in an empty folder, from top to bottom. A ``python`` block is saved as a file, whose
name is the last word of the line before it ("Save this as `orders.py`:") or the comment in its first
line ("# orders.py"). It is run at once, unless a ``console`` block further down runs it by name. In a
``console`` block, what follows ``$ `` is a command: ``python`` and ``sqlite3`` are run, and their output
is compared with the lines that follow, where "…" stands for anything; ``dalsegno`` commands must exist, and
on the README they are run too, all but what their times are compared. A file that a command has made is
not made again: it must be what the page shows.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
_NAMED_BEFORE = re.compile(r"`([\w/]+\.py)`:\s*\Z")
_NAMED_INSIDE = re.compile(r"\A# ([\w/]+\.py)\b")
_KILLED = re.compile(r"(.+) & sleep [\d.]+; kill -9 \$!")
_PROCESS = re.compile(r"(process|pid) \d+")
_CLOCK = re.compile(r"\b\d\d:\d\d:\d\d\b")
_LENGTH = re.compile(r"\b(\d+[dhm])*(\d+(\.\d+)?(us|ms|s)|\d+[dhm])\b")
_ASSIGNED = re.compile(r"\A(?:[A-Z_]+=\S+ )*")

NO_OUTPUT_CHECKED = ("pip ", "git ", "cd ", "tools/")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, the line it begins in, and its file's name if it has one."""

    language: str
    text: str
    line: int
    name: str = ""


@dataclass
class Command:
    """A line after ``$ `` and the output that the page shows for it."""

    line: str
    output: list[str] = field(default_factory=list)


def pages() -> list[Path]:
    """Every page for readers: the README and all below docs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    text = page.read_text("utf-8")
    found = []
    for match in _FENCE.finditer(text):
        inside = _NAMED_INSIDE.search(match[2])
        before = _NAMED_BEFORE.search(text[: match.start()].rstrip("\n"))
        name = before[1] if before else inside[1] if inside else ""
        found.append(Block(match[1], match[2], text.count("\n", 0, match.start()) + 1, name))
    return found


def commands(block: Block) -> list[Command]:
    """The commands of a console block with their outputs."""
    found: list[Command] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(Command(line[2:]))
        elif found:
            found[-1].output.append(line)
    return found


def differences(shown: list[str], came: str) -> str:
    """Say how the output that came differs from the one that is shown; empty when it does not."""
    wanted = "".join(
        "(?:.*\n)?" if line == "…" else re.escape(line).replace("…", "[^\n]*") + "\n"
        for line in _settled(shown)
    )
    text = "".join(f"{line}\n" for line in _settled(came.splitlines()))
    if re.fullmatch(wanted, text, re.DOTALL):
        return ""
    return "the page shows:\n" + "\n".join(shown) + "\n\nit printed:\n" + came


def _settled(lines: list[str]) -> list[str]:
    # "Killed" is what an interactive shell adds, and the one that plays does not.
    return [_timeless(line.rstrip()) for line in lines if line != "Killed"]


def _timeless(line: str) -> str:
    line = _LENGTH.sub("LENGTH", _CLOCK.sub("CLOCK", line))
    return _PROCESS.sub(r"\1 N", line)


class Player:
    """Plays one page in a folder."""

    def __init__(self, page: Path, folder: Path) -> None:
        self.page = page
        self.folder = folder / "page"
        self.folder.mkdir()
        self.blocks = blocks(page)
        self.saved = set[str]()
        self.runs = ("python", "sqlite3", *(("dalsegno",) if page.parent == ROOT else ()))
        self.environment = _environment(folder / "bin")

    def play(self) -> None:
        """Do what the page says; fail where something else happens than it shows."""
        for number, block in enumerate(self.blocks):
            if block.language == "python":
                self._save(block, number)
            elif block.language == "console":
                for command in commands(block):
                    self._do(command, block)

    def _save(self, block: Block, number: int) -> None:
        name = block.name or f"block_{number}.py"
        file = self.folder / name
        if file.exists() and name not in self.saved:
            assert file.read_text("utf-8") == block.text, f"{self._where(block)}: {name} is another program"
            return
        self.saved.add(name)
        file.parent.mkdir(exist_ok=True)
        file.write_text(block.text, "utf-8")
        if not any(name in later.text for later in self.blocks[number:] if later.language == "console"):
            ran = self._run(f"python {name}")
            assert ran.returncode == 0, f"{self._where(block)}: {ran.stdout}"

    def _do(self, command: Command, block: Block) -> None:
        first = _ASSIGNED.sub("", command.line).split()[0]
        killed = _KILLED.fullmatch(command.line)
        if killed:
            self._run_and_kill(killed[1], command, block)
        elif first in self.runs:
            ran = self._run(command.line)
            problem = differences(command.output, ran.stdout)
            assert not problem, f"{self._where(block)}: $ {command.line}\n{problem}"
        elif first != "dalsegno":  # those are looked up, not run: see test_pages.py
            assert command.line.startswith(NO_OUTPUT_CHECKED), f"{self._where(block)}: $ {command.line}?"

    def _run(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )

    def _run_and_kill(self, line: str, command: Command, block: Block) -> None:
        """Kill a program soon after it has printed what the page shows, however long that takes."""
        program = subprocess.Popen(
            shlex.split(line),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert program.stdout is not None
        came = "".join(program.stdout.readline() for _ in command.output)
        # Time for the commit of what was printed last; nothing happens then that would show.
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(0.3)
        program.kill()
        came += program.communicate()[0]
        problem = differences(command.output, came)
        assert not problem, f"{self._where(block)}: $ {command.line}\n{problem}"

    def _where(self, block: Block) -> str:
        return f"{self.page.relative_to(ROOT)}:{block.line}"


def _environment(folder: Path) -> dict[str, str]:
    """A shell's environment in which ``python`` is this one, and sees the project."""
    folder.mkdir()
    shell = shlex.quote(str(Path(__file__).with_name("sqlite3_shell.py")))
    for name, call in (("python", ""), ("dalsegno", "-m dalsegno"), ("sqlite3", shell)):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {call} "$@"\n')
        script.chmod(0o755)
    ours = ("DALSEGNO_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "PYTEST_PLUGINS": "pytest_dalsegno",  # as if the package was installed
        "PYTHONUNBUFFERED": "1",
        "NO_COLOR": "1",
    }


def links(page: Path) -> Iterator[tuple[str, str]]:
    """The relative links of a page: their target and their anchor."""
    prose = _FENCE.sub("", page.read_text("utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            yield path, anchor


def anchors(page: Path) -> set[str]:
    """The anchors that the headings of a page get."""
    prose = _FENCE.sub("", page.read_text("utf-8"))
    headings = re.findall(r"^#{1,6}\s+(.+?)\s*#*$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text).strip().lower().replace(" ", "-") for text in headings}
