"""No space, no permission: named errors that name the file, and work that goes on afterwards (51, disk full)."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from dalsegno import App, Client, Run, receive, step, workflow
from dalsegno.errors import StoreFull
from tests.bad_input.kit import ROOT, SOON, address, assert_tells
from tests.helpers.waiting import until

RAN: list[int] = []


@step
def fill(number: int) -> str:
    RAN.append(number)
    return "x" * 20_000


@workflow
def filling(number: int) -> int:
    return len(fill(number)) + number


@workflow
def waits() -> str:
    return receive(str).result()


def _limit(client: Client, pages: int) -> None:
    """Give the store's file so many pages and no more, as a full disk would; 0 is all it likes."""
    store: Any = client._client._operations.store
    connection: apsw.Connection = store._writer._connection
    connection.execute(f"PRAGMA max_page_count = {pages or 1_000_000}").fetchall()


def _pages(client: Client) -> int:
    store: Any = client._client._operations.store
    return int(store._writer._connection.pragma("page_count"))


@pytest.mark.promise("P1", "P11")
def test_a_full_disk_is_told_by_name_and_runs_go_on_when_there_is_space_again(tmp_path: Path) -> None:
    RAN.clear()
    app = App("bad", include=[filling, waits], store=address(tmp_path), lease="1s")
    app.options = replace(app.options, patience=0.3)
    with app as client:
        asleep = client.start(waits, id="asleep")
        until(lambda: asleep.status() == "waiting", "it waits")
        _limit(client, _pages(client) + 8)
        accepted: list[Run[int]] = []
        with pytest.raises(StoreFull) as caught:
            _start_until_full(client, accepted)
        assert_tells(caught.value, str(tmp_path / "bad.db"), "Free space")
        assert accepted, "what was acknowledged before stays acknowledged"
        assert client.run("f-0").info().id == "f-0", "reading goes on"
        with pytest.raises(StoreFull):
            asleep.signal("x" * 30_000)
        _limit(client, 0)
        assert [run.result(SOON) for run in accepted] == [20_000 + n for n in range(len(accepted))]
        asleep.signal("awake")
        assert asleep.result(SOON) == "awake"
        assert client.start(filling, 7, id="late").result(SOON) == 20_007
    assert len(RAN) == len(set(RAN)), "no step ran twice because its end could not be written"


def _start_until_full(client: Client, accepted: list[Run[int]]) -> None:
    for number in range(100):
        run = client.start(filling, number, id=f"f-{number}")
        accepted.append(run)


IN_A_NAMESPACE = """
set -e
mount -t tmpfs -o size=64k tmpfs {folder}
{prepare}
exec {python} - <<'CODE'
{code}
CODE
"""
OPEN = """
from pathlib import Path
from dalsegno.errors import StoreError
from tests.bad_input.kit import working
from tests.bad_input.test_full import filling, waits
try:
    with working(Path("{folder}"), filling, waits) as client:
        print("opened")
except StoreError as error:
    print(type(error).__name__)
    print(error)
"""


def _in_a_namespace(folder: Path, prepare: str, code: str = OPEN) -> str:
    """Run code where this user may mount; return what it printed."""
    if subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no unshare -rm here: read-only and full FILE SYSTEMS ARE NOT TESTED")
    script = IN_A_NAMESPACE.format(
        folder=folder, prepare=prepare, python=sys.executable, code=code.format(folder=folder)
    )
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SOON,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_file_system_that_is_read_only_is_refused_by_name(tmp_path: Path) -> None:
    said = _in_a_namespace(tmp_path, f"mount -o remount,ro {tmp_path}")
    assert said.startswith("StoreReadOnly\n"), said
    for words in ("bad.db cannot be written", "-wal and -shm", "Make both writable"):
        assert words in said


def test_a_store_on_a_file_system_that_has_become_read_only_is_refused_by_name(tmp_path: Path) -> None:
    made = f'{sys.executable} -c "{OPEN.format(folder=tmp_path).replace(chr(34), chr(39))}"'
    grown = f"mount -o remount,size=8m {tmp_path}; {made}; mount -o remount,ro {tmp_path}"
    said = _in_a_namespace(tmp_path, grown)
    assert said.startswith("opened\nStoreReadOnly\n"), said
    assert "bad.db cannot be written" in said


LOOKS = """
import json, os, subprocess, sys, threading
from pathlib import Path
from tests.bad_input.kit import beside, working
from tests.bad_input.test_full import waits
WORKS = "import sys, threading; from pathlib import Path; from tests.bad_input.kit import working\\n"
WORKS += "from tests.bad_input.test_full import waits\\n"
WORKS += "with working(Path(sys.argv[1]), waits) as client:\\n"
WORKS += "    client.start(waits, id=sys.argv[2]); print('ready', flush=True); threading.Event().wait()"
def look(when):
    asked = [sys.executable, "-m", "dalsegno", "runs", "list", "--json", "--store", "{folder}-seen/bad.db"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    print(when, sorted(run["id"] for run in json.loads(done.stdout)["runs"]), sorted(os.listdir("{folder}-seen")))
with working(Path("{folder}"), waits) as client:
    client.start(waits, id="one")
look("closed")
with beside(WORKS, "{folder}", "two") as process:
    look("at work")
    process.kill()
    process.wait()
    look("killed")
asked = [sys.executable, "-m", "dalsegno", "runs", "cancel", "one", "--store", "{folder}-seen/bad.db"]
done = subprocess.run(asked, capture_output=True, text=True, check=False)
print(done.returncode, "cannot be written" in done.stderr)
"""


def test_who_only_looks_may_do_so_where_nothing_can_be_written(tmp_path: Path) -> None:
    """The same folder, mounted once more, read-only: as for a colleague, or in a container."""
    seen = Path(f"{tmp_path}-seen")
    seen.mkdir()
    mounts = f"mount -o remount,size=8m {tmp_path}; mount --bind {tmp_path} {seen}; mount -o remount,ro,bind {seen}"
    said = _in_a_namespace(tmp_path, mounts, LOOKS).splitlines()
    assert said == [
        "closed ['one'] ['bad.db']",
        "at work ['one', 'two'] ['bad.db', 'bad.db-shm', 'bad.db-wal']",
        "killed ['one', 'two'] ['bad.db', 'bad.db-shm', 'bad.db-wal']",
        "5 True",
    ]


def test_a_disk_too_small_for_an_empty_store_is_refused_by_name(tmp_path: Path) -> None:
    said = _in_a_namespace(tmp_path, "true")
    assert said.startswith("StoreFull\n"), said
    assert "No space is left" in said and "bad.db" in said


@pytest.mark.promise("P1", "P11")
def test_a_disk_that_fills_up_under_a_worker_loses_nothing_and_goes_on_when_it_grows(tmp_path: Path) -> None:
    code = """
from dalsegno.errors import StoreFull
from pathlib import Path
import subprocess
from tests.bad_input.kit import working
from tests.bad_input.test_full import filling, waits
with working(Path("{folder}"), filling, waits, patience=0.3) as client:
    accepted = []
    try:
        for number in range(500):
            accepted.append(client.start(filling, number))
    except StoreFull as error:
        print("full", "{folder}" in str(error), len(accepted) > 0)
    subprocess.run(["mount", "-o", "remount,size=64m", "{folder}"], check=True)
    print([run.result(20) for run in accepted] == [20_000 + n for n in range(len(accepted))])
"""
    said = _in_a_namespace(tmp_path, f"mount -o remount,size=2m {tmp_path}", code)
    assert said == "full True True\nTrue\n", said


def test_where_and_doctor_say_that_the_disk_is_full_and_not_that_a_worker_is_missing(tmp_path: Path) -> None:
    code = """
import contextlib, subprocess, sys, threading
from pathlib import Path
from dalsegno import step, workflow
from tests.bad_input.kit import working
begun, go = threading.Event(), threading.Event()
@step
def stands():
    begun.set()
    return go.wait(20)
@workflow
def standing() -> bool:
    return stands()
def ask(command, *args):
    done = subprocess.run(
        [sys.executable, "-m", "dalsegno", command, *args, "--store", "{folder}/bad.db"],
        capture_output=True, text=True, check=False,
    )
    print(command, done.returncode, "no space is left" in done.stdout, "0 B left on its disk" in done.stdout)
with working(Path("{folder}"), standing, lease="1s") as client:
    run = client.start(standing, id="stands", case_id="order-1")
    begun.wait(20)
    ask("where", "stands")
    with contextlib.suppress(OSError), open("{folder}/junk", "wb", buffering=0) as junk:
        while junk.write(bytes(4096)):
            pass
    ask("where", "stands")
    ask("explain", "order-1")
    print(client.explain("order-1").reasons[0].kind)
    ask("doctor")
    Path("{folder}/junk").unlink()
    go.set()
    print(run.result(20))
"""
    said = _in_a_namespace(tmp_path, f"mount -o remount,size=2m {tmp_path}", code)
    told = ["where 0 False False", "where 0 True False", "explain 0 True False", "store full"]
    assert said.splitlines() == [*told, "doctor 1 False True", "True"], said
