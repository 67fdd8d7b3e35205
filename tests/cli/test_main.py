"""The command line as a whole: its help, its speed, its manners."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from dalsegno.cli import main
from tests.cli.conftest import Cli
from tests.helpers.command import dalsegno, environment, running, worker
from tools.gates import command_names


def test_the_help_needs_no_command_to_be_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from dalsegno.cli import main; main(['--help'], standalone_mode=False);"
        "print([m for m in sys.modules if m.startswith(('dalsegno.cli.', 'dalsegno.insight', 'rich'))])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.splitlines()[-1] == "['dalsegno.cli.lazy']"
    assert re.search(r"where +Say where a case or a run stands, what is owed, and by whom\.", said.stdout)


@pytest.mark.parametrize("name", sorted(command_names(main)))
def test_each_command_explains_itself(cli: Cli, name: str) -> None:
    said = cli(*name.split()[1:], "--help")
    assert said.exit_code == 0
    assert len(said.stdout.splitlines()) > 3
    assert "\\b" not in said.stdout


def test_every_option_has_a_line_of_help() -> None:
    silent = []
    for name in command_names(main):
        context, command = click.Context(main), main
        for part in name.split()[1:]:
            assert isinstance(command, click.Group)
            found = command.get_command(context, part)
            assert found is not None
            command = found
        options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
        silent += [f"{name} {option.opts[0]}" for option in options if not option.help]
    assert silent == []


def test_the_program_and_the_module_are_one(tmp_path: Path) -> None:
    said = dalsegno("--version", cwd=tmp_path)
    assert said.stdout.startswith("dalsegno 0.")


def test_a_command_that_does_not_exist_is_a_usage_error(cli: Cli) -> None:
    said = cli("wheer")
    assert said.exit_code == 2
    assert "No such command 'wheer'" in said.stderr


def test_colours_are_for_terminals_or_on_demand(
    shop: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("start", "orders.py:nap", "--id", "n")
    assert "\x1b[" not in cli("where", "n").stdout
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in cli("where", "n").stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in cli("where", "n").stdout


def test_a_terminal_without_our_symbols_gets_others(shop: Path) -> None:
    dalsegno("start", "orders.py:nap", "--id", "n", cwd=shop)
    said = subprocess.run(
        [sys.executable, "-m", "dalsegno", "where", "n"],
        cwd=shop, env=environment() | {"PYTHONIOENCODING": "ascii"}, capture_output=True, check=True,
    )  # fmt: skip
    assert b"next: dalsegno worker FILE.py - dalsegno doctor" in said.stdout


def test_errors_are_messages_and_tracebacks_on_demand(shop: Path, cli: Cli) -> None:
    said = cli("where", "x", "--store", "none.db")
    assert said.stderr.splitlines()[1].startswith("dalsegno: There is no file")
    assert "Traceback" not in said.stderr
    assert "Traceback" in cli("where", "x", "--store", "none.db", "--debug").stderr


def test_a_pipe_that_is_closed_early_is_no_drama(shop: Path) -> None:
    dalsegno("start", "orders.py:nap", "--id", "n", cwd=shop)
    said = subprocess.run(
        f"{sys.executable} -m dalsegno runs show n --json | head -c 1",
        shell=True, cwd=shop, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in said.stderr


def test_an_interrupted_wait_ends_with_130(shop: Path) -> None:
    with running("start", "orders.py:nap", "--id", "n", "--wait", cwd=shop) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "no live worker" in line:
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130


def test_doctor_is_content_with_a_store_at_work(shop: Path, cli: Cli) -> None:
    with worker("orders.py", cwd=shop) as it:
        said = cli("doctor")
        assert said.exit_code == 0, said.output
        assert f"worker pid {it.pid} (orders.py) on {os.uname().nodename} is alive" in said.stdout
        assert "SQLite 3." in said.stdout


def test_doctor_names_due_runs_that_nobody_can_run(shop: Path, cli: Cli) -> None:
    cli("start", "orders.py:nap", "--id", "n")
    said = cli("doctor")
    assert said.exit_code == 1
    assert "1 due run of nap v1" in said.stdout
    assert "no live worker has it" in said.stdout


def test_doctor_has_one_json_document(shop: Path, cli: Cli) -> None:
    cli("start", "orders.py:nap", "--id", "n")
    document = json.loads(cli("doctor", "--json").stdout)
    assert document["well"] is False
    assert document["counts"]["pending"] == 1
    assert document["facts"]["kind"] == "sqlite"
