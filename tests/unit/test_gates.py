"""Each gate lets a clean project pass, and catches a defect that is planted in it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tools import gates
from tools.gates import Fault, Gate, Tree

Plant = Callable[[str, str], None]

CLEAN = {
    "src/dalsegno/__init__.py": '"""The face."""\n\n__all__ = ["MAX", "App", "Retry", "saga"]\n',
    "src/dalsegno/errors.py": '"""Errors."""\n\n\nclass Lost(Exception):\n    """It is lost."""\n',
    "docs/reference/errors.md": "# Errors\n\n## Lost\n",
    "README.md": "# it\n\n```python\nprint()\n```\n",
}


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    def write(path: str, text: str) -> None:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    for path, text in CLEAN.items():
        write(path, text)
    return write


@pytest.fixture
def find(tmp_path: Path, plant: Plant) -> Callable[[Gate], list[Fault]]:
    return lambda gate: list(gate(Tree(tmp_path)))


Find = Callable[[Gate], list[Fault]]
SOURCE = "src/dalsegno/core/thing.py"


BASE = 'class A:\n    """It."""\n    def f(self):\n        """Do."""\n'


def module(body: str) -> str:
    return f'"""A thing."""\n\n{body}\n'


@pytest.mark.parametrize("gate", [g for g in gates.GATES if g is not gates.cli])
def test_a_clean_project_passes(gate: Gate, find: Find) -> None:
    assert find(gate) == []


def test_a_file_that_is_too_long_is_caught(plant: Plant, find: Find) -> None:
    plant(SOURCE, module("x = 1\n" * 600))
    plant("tests/test_x.py", "x = 1\n" * 700)
    assert [f.path for f in find(gates.file_length)] == [SOURCE]
    plant("tests/test_x.py", "x = 1\n" * 701)
    assert [f.path for f in find(gates.file_length)] == [SOURCE, "tests/test_x.py"]


def test_a_function_that_is_too_long_is_caught_also_inside_a_class(plant: Plant, find: Find) -> None:
    plant(SOURCE, module("class A:\n    async def f(self):\n" + "        x = 1\n" * 60))
    (fault,) = find(gates.function_length)
    assert (fault.path, fault.line) == (SOURCE, 4)
    plant(SOURCE, module("def f():\n" + "    x = 1\n" * 59))
    assert find(gates.function_length) == []


@pytest.mark.parametrize(
    "code",
    [
        "import time\ntime.time()",
        "import time as t\nkey = t.monotonic_ns",
        "from time import perf_counter as pc",
        "from time import *",
        "import time\ntime.sleep(1)",
        "import datetime\ndatetime.datetime.now()",
        "from datetime import datetime as dt\ndt.utcnow()",
        "from datetime import date\ndate.today()",
        "import random\nrandom.choice([1])",
        "from random import shuffle",
        "import random\nrandom.SystemRandom()",
        "import random\nrandom.Random()",
        "import uuid\nuuid.uuid4()",
        "from uuid import uuid7",
        "import secrets\nsecrets.token_hex()",
        "import os\nos.urandom(8)",
        "import asyncio\nasync def f():\n    await asyncio.sleep(0)",
        "def f():\n    from asyncio import sleep",
    ],
)
def test_a_look_at_the_clock_or_at_chance_is_caught(code: str, plant: Plant, find: Find) -> None:
    plant(SOURCE, module(code))
    assert len(find(gates.clock_and_chance)) == 1
    plant(SOURCE, CLEAN["src/dalsegno/errors.py"])
    plant("src/dalsegno/core/clock.py", module(code))
    plant("src/dalsegno/core/ids.py", module(code))
    assert find(gates.clock_and_chance) == []


@pytest.mark.parametrize(
    "code",
    [
        "import random\nrng = random.Random(7)\nrng.random()",
        "import uuid\nuuid.UUID('0' * 32)",
        "from datetime import datetime\ndatetime.fromtimestamp(0)",
        "def f(loop, clock, time):\n    return loop.time(), clock.now(), time.time()",
        "import asyncio\nasyncio.timeout(1)",
    ],
)
def test_what_only_looks_like_a_clock_passes(code: str, plant: Plant, find: Find) -> None:
    plant(SOURCE, module(code))
    assert find(gates.clock_and_chance) == []


def test_an_exception_that_nothing_needs_any_more_is_caught(
    tmp_path: Path, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(SOURCE, module("import time\ntime.time()"))
    allowed = {(SOURCE, "time.time"): "a test"}
    assert list(gates.clock_and_chance(Tree(tmp_path), allowed)) == []
    plant(SOURCE, module("x = 1"))
    (fault,) = gates.clock_and_chance(Tree(tmp_path), allowed)
    assert "nothing uses it any more" in fault.message


@pytest.mark.parametrize(
    "comment", ["type: ignore", "type:ignore[arg-type]", "noqa", "NOQA: E501", "pyright: ignore"]
)
def test_a_checker_told_to_look_away_is_caught(comment: str, plant: Plant, find: Find) -> None:
    plant(SOURCE, module(f"x = 1  # {comment}"))
    assert [f.line for f in find(gates.no_silencers)] == [3]
    plant(SOURCE, module(f"x = '# {comment}'"))
    assert find(gates.no_silencers) == []


@pytest.mark.parametrize("line", ["# TODO later", "x = 1  # FIXME", "# XXX", "raise NotImplementedError"])
def test_something_left_half_done_is_caught(line: str, plant: Plant, find: Find) -> None:
    plant(SOURCE, module(line))
    assert [f.line for f in find(gates.no_leftovers)] == [3]


@pytest.mark.parametrize(
    "code",
    [
        "x = 1",
        '"""A thing."""\ndef f(): ...',
        '"""A thing."""\nclass A: ...',
        '"""A thing."""\nclass A:\n    """It."""\n    async def f(self): ...',
        '"""A thing."""\nclass A:\n    """It."""\n    @property\n    def f(self): ...',
        '"""A thing."""\nclass P(Protocol):\n    """It."""\n    def f(self): ...',
    ],
)
def test_a_public_thing_without_a_docstring_is_caught(code: str, plant: Plant, find: Find) -> None:
    plant(SOURCE, code + "\n")
    assert len(find(gates.docstrings)) == 1


@pytest.mark.parametrize(
    "code",
    [
        "def _f(): ...",
        "class _A:\n    def f(self): ...",
        'class A:\n    """It."""\n    def __len__(self): ...\n    def _f(self): ...',
        BASE + 'class B(A):\n    """It."""\n    def f(self): ...',
        'import asyncio\nclass L(asyncio.AbstractEventLoop):\n    """It."""\n    def time(self): ...',
        BASE.replace("class A", "class A(Protocol[T])") + 'class B:\n    """It."""\n    def f(self): ...',
        'from typing import overload\n@overload\ndef f(): ...\ndef f():\n    """Do."""',
    ],
)
def test_a_private_or_inheriting_thing_needs_no_docstring(code: str, plant: Plant, find: Find) -> None:
    plant(SOURCE, module(code))
    assert find(gates.docstrings) == []


def test_half_a_protocol_gives_no_docstring(plant: Plant, find: Find) -> None:
    protocol = 'class P(Protocol):\n    """It."""\n' + "".join(
        f'    def {name}(self):\n        """Do."""\n' for name in "fg"
    )
    plant(SOURCE, module(protocol + 'class B:\n    """It."""\n    def f(self): ...'))
    assert len(find(gates.docstrings)) == 1


def test_a_protocol_that_a_class_has_in_parts_gives_its_docstrings_to_the_parts(
    plant: Plant, find: Find
) -> None:
    protocol = 'class P(Protocol):\n    """It."""\n' + "".join(
        f'    def {name}(self):\n        """Do."""\n' for name in "fg"
    )
    part = 'class A:\n    """It."""\n    def f(self): ...\n    def h(self): ...\n'
    whole = 'class B(A):\n    """It."""\n    def g(self): ...'
    plant(SOURCE, module(protocol + part + whole))
    assert [fault.message.partition("()")[0] for fault in find(gates.docstrings)] == ["A.h"]


@pytest.mark.parametrize(
    "literal",
    [
        '"SELECT id FROM runs"',
        '"""\n  select id, status\n  from runs"""',
        'f"UPDATE {table} SET x = 1"',
        '"DELETE FROM runs"',
        '"insert or ignore into runs values (1)"',
        '"PRAGMA journal_mode=WAL"',
        '"WHERE id = ?"',
        '"BEGIN IMMEDIATE"',
    ],
)
def test_sql_outside_the_store_is_caught(literal: str, plant: Plant, find: Find) -> None:
    plant("src/dalsegno/store/sqlite.py", module(f"QUERY = {literal}"))
    assert find(gates.sql_at_home) == []
    plant(SOURCE, module(f"QUERY = {literal}"))
    assert len(find(gates.sql_at_home)) == 1


@pytest.mark.parametrize(
    "code",
    [
        '"Select one from the list."',
        'x = "please update your settings, and select a run from the table"',
        'def f():\n    """SELECT id FROM runs"""',
        'x = "WHERE the run stands"',
    ],
)
def test_prose_is_not_taken_for_sql(code: str, plant: Plant, find: Find) -> None:
    plant(SOURCE, module(code))
    assert find(gates.sql_at_home) == []


@pytest.mark.parametrize(
    ("names", "part"),
    [
        (["saga", "App"], "not sorted"),
        (["App", "App"], "twice"),
        ([f"a{n:02}" for n in range(41)], "41 names"),
    ],
)
def test_a_face_that_is_large_or_in_disorder_is_caught(
    names: list[str], part: str, plant: Plant, find: Find
) -> None:
    plant("src/dalsegno/__init__.py", module(f"__all__ = {names!r}"))
    (fault,) = find(gates.face)
    assert part in fault.message


def test_a_face_without_a_list_of_names_is_caught(plant: Plant, find: Find) -> None:
    plant("src/dalsegno/__init__.py", module("__all__ = sorted(globals())"))
    assert len(find(gates.face)) == 1


def test_an_exception_without_its_section_is_caught(plant: Plant, find: Find) -> None:
    more = 'class LostAgain(Lost):\n    """Twice."""\n\n\nclass Note:\n    """No exception."""\n'
    plant("src/dalsegno/errors.py", CLEAN["src/dalsegno/errors.py"] + "\n\n" + more)
    (fault,) = find(gates.errors_documented)
    assert fault.message.startswith("LostAgain ")
    plant("docs/reference/errors.md", "## Lost\n\n### `LostAgain`\n")
    assert find(gates.errors_documented) == []


def test_a_readme_that_is_long_or_shows_code_late_is_caught(plant: Plant, find: Find) -> None:
    plant("README.md", "\n" * 19 + "```python\n```\n")
    assert find(gates.readme) == []
    plant("README.md", "\n" * 20 + "```python\n```\n" + "\n" * 130)
    assert sorted(f.line for f in find(gates.readme)) == [21, 151]


def test_a_missing_readme_is_caught(tmp_path: Path, find: Find) -> None:
    (tmp_path / "README.md").unlink()
    assert len(find(gates.readme)) == 1


@pytest.mark.parametrize("versioned", [False, True])
def test_the_address_of_a_package_registry_is_caught(
    versioned: bool, tmp_path: Path, plant: Plant, find: Find
) -> None:
    if versioned:
        subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
        plant(".gitignore", "ignored/\n")
        plant("ignored/lock.txt", gates.REGISTRY_HOSTS[0])
    plant("docs/setup.md", f"\nhttps://{gates.REGISTRY_HOSTS[0].upper()}/simple\n")
    (fault,) = find(gates.registry_hosts)
    assert (fault.path, fault.line) == ("docs/setup.md", 2)


def a_group() -> click.Group:
    root, dead = click.Group("x"), click.Group("dead-letters")
    for name in ("show", "redrive"):
        dead.add_command(click.Command(name))
    root.add_command(dead)
    root.add_command(click.Command("where"))
    root.add_command(click.Command("secret", hidden=True))
    return root


def test_a_command_that_is_not_in_the_manual_is_caught() -> None:
    names = list(gates.command_names(a_group()))
    assert "dalsegno secret" not in names
    page = "## `dalsegno where RUN`\n## `dalsegno dead-letters`\n### `dalsegno dead-letters show-all`\n"
    missing = [f.message for f in gates.commands_documented(names, page)]
    assert missing == [
        "says nothing of `dalsegno dead-letters redrive`.",
        "says nothing of `dalsegno dead-letters show`.",
    ]


def test_a_missing_manual_says_nothing_of_any_command() -> None:
    assert len(list(gates.commands_documented(["dalsegno where"], None))) == 1


def test_faults_are_printed_with_their_place_and_counted(
    tmp_path: Path, plant: Plant, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(SOURCE, module("# TODO"))
    assert gates.check(tmp_path, [gates.no_leftovers, gates.readme]) == 1
    assert f"{SOURCE}:3: no_leftovers: 'TODO'" in capsys.readouterr().out
