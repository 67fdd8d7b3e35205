"""The order of the README's first screen: written down, run, stuck for a good reason, and mended by what is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _run(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=110,
        cwd=folder,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1"} | more,
    )


def _demo(folder: Path, *options: str, **more: str) -> subprocess.CompletedProcess[str]:
    return _run(folder, "-m", "dalsegno", "demo", "--where", *options, **more)


def _where(folder: Path) -> str:
    return _run(folder, "-m", "dalsegno", "where", "order-123").stdout


def test_it_shows_where_the_order_is_and_what_it_proposes_moves_the_order_on(tmp_path: Path) -> None:
    shown = _demo(tmp_path, COURIER="bike", DALSEGNO_STORE=f"sqlite:///{tmp_path}/other.db")
    assert shown.returncode == 0, shown.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["orders.db", "orders.py"]
    assert "✗ OrderShipped       owed by shipping.ship: dead letter 1 since" in shown.stdout
    assert "after 2 attempts: KeyError: 'COURIER'" in shown.stdout
    assert "· ConfirmationSent   may then be owed by mail.confirm" in shown.stdout
    *_, proposed = shown.stdout.splitlines()
    redrive = proposed.partition("next:")[2].split("·")[1].split()
    assert redrive[0] == "dalsegno"
    said = _run(tmp_path, "-m", *redrive, DALSEGNO_STORE=f"sqlite:///{tmp_path}/orders.db")
    assert said.returncode == 0, said.stderr
    went_on = _run(tmp_path, "orders.py", COURIER="bike")
    assert went_on.stdout == "ship 123 by bike\nConfirmationSent(order_id='123')\n"  # and charged once
    assert "ended with ConfirmationSent" in _where(tmp_path)
    again = _demo(tmp_path)
    assert again.stdout.count("✓") == 4
    assert again.stderr.startswith("ran orders.py; asked: dalsegno where order-123\n")


def test_asked_again_it_shows_the_same_order_and_its_worker_is_gone_in_good_order(tmp_path: Path) -> None:
    _demo(tmp_path)
    again = _demo(tmp_path)
    assert "dead letter 1 since" in again.stdout
    assert "no worker" not in again.stdout  # while it ran
    assert "next: dalsegno dead-letters show 1 · dalsegno dead-letters redrive 1" in again.stdout
    assert "dalsegno worker FILE.py" in _where(tmp_path)


def test_what_is_told_of_it_names_the_readers_own_code_and_none_of_ours(tmp_path: Path) -> None:
    _demo(tmp_path)
    explained = _run(tmp_path, "-m", "dalsegno", "explain", "#2").stdout
    assert explained.startswith("event 2\n")
    assert "cause KeyError in ship" in explained
    run = _run(tmp_path, "-m", "dalsegno", "where", "shipping.ship#2").stdout
    assert "case order-123\n" in run
    assert "reaction.py" not in run


def test_another_folder_is_named_in_what_it_proposes(tmp_path: Path) -> None:
    shown = _demo(tmp_path, "--dir", "there")
    assert f"redrive 1 --store {tmp_path}/there/orders.db" in shown.stdout


def test_it_touches_nothing_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "orders.py").write_text("raise SystemExit('mine')\n")
    refused = _demo(tmp_path)
    assert refused.returncode == 4
    assert "another program" in refused.stderr
    assert (tmp_path / "orders.py").read_text() == "raise SystemExit('mine')\n"
    (tmp_path / "orders.py").unlink()
    (tmp_path / "orders.db").write_text("mine")
    refused = _demo(tmp_path)
    assert refused.returncode == 4
    assert [path.name for path in tmp_path.iterdir()] == ["orders.db"]
