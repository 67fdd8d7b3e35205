"""Journals that were recorded once replay for ever; where code and journal part, it is told where and how."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dalsegno import App, receive, step, workflow
from dalsegno.cli import main
from dalsegno.core.entries import Entry, Kind, Outcome, Timer
from dalsegno.core.runs import Run, Status
from dalsegno.errors import NotDecodable, RunNotFound, StoreShared
from dalsegno.insight.recording import Recording, read_recording
from dalsegno.testing import JournalsDiverge, record_journal, rehearse, replay_journals
from tests.helpers.counts import Count
from tests.testing import journals_of

FILES = sorted(journals_of.FOLDER.glob("*.json"))


@pytest.mark.promise("P3")
def test_journals_recorded_on_one_python_replay_on_every_other(count: Count) -> None:
    replayed = replay_journals(journals_of.FOLDER, journals_of)
    assert replayed == len(FILES) >= 12
    assert {json.loads(path.read_text("utf-8"))["python"] for path in FILES} == {"3.11"}
    count("recorded journals replayed", replayed)


def test_a_journal_that_rests_on_the_order_of_an_older_asyncio_is_told() -> None:
    if sys.version_info[:2] == (3, 11):
        assert replay_journals(journals_of.OF_ONE_MINOR, journals_of) == 1
        return
    with pytest.raises(JournalsDiverge, match=r"entry 1: the journal holds step 'price_slowly' \(#\d\)"):
        replay_journals(journals_of.OF_ONE_MINOR, journals_of)


def test_recording_again_gives_the_same_journals() -> None:
    def shape(recording: Recording) -> list[Any]:
        return [(e.kind, e.op, e.name, e.digest, e.outcome, e.attempt) for e in recording.entries]

    with rehearse(journals_of) as play:
        journals_of.SCENES[0](play)
        [run] = play.runs()
        assert shape(Recording(_row(), tuple(run.journal()))) == shape(
            read_recording(journals_of.FOLDER / "plain-1.json")
        )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_journal_that_says_something_else_at_any_step_is_told(path: Path, tmp_path: Path) -> None:
    whole = json.loads(path.read_text("utf-8"))
    for index, entry in enumerate(whole.get("entries", ())):
        if entry["kind"] in ("step", "attempt", "child"):
            changed = json.loads(path.read_text("utf-8"))
            changed["entries"][index]["name"] = "another"
            (tmp_path / path.name).write_text(json.dumps(changed), "utf-8")
            with pytest.raises(JournalsDiverge) as told:
                replay_journals(tmp_path, journals_of)
            assert f"{path.name}: entry {entry['position']}: the journal holds" in str(told.value)
            assert "'another'" in str(told.value)
            assert re.search(rf"the code asks for \w+ '{entry['name']}'", str(told.value))


# -- code that has changed


@step
def charge(amount: int) -> int:
    return amount


@step
def mail(amount: int) -> int:
    return amount


@workflow(name="pay")
def before(amount: int) -> int:
    return charge(amount) + mail(amount)


@workflow(name="pay")
def other_order(amount: int) -> int:
    return mail(amount) + charge(amount)


@workflow(name="pay")
def other_input(amount: int) -> int:
    return charge(amount + 1) + mail(amount)


@workflow(name="pay")
def other_result(amount: int) -> int:
    return charge(amount) + mail(amount) + 1


@workflow(name="pay")
def raises(amount: int) -> int:
    raise ValueError(charge(amount) + mail(amount))


@workflow(name="pay")
def ends_early(amount: int) -> int:
    return charge(amount)


@workflow(name="pay")
def waits_on(amount: int) -> int:
    return charge(amount) + mail(amount) + receive(int).result()


@workflow(name="pay")
def another_type(amount: list[str]) -> int:
    return charge(len(amount))


@workflow(name="pay", version="2")
def newer(amount: int) -> int:
    return charge(amount)


@contextmanager
def recorded(folder: Path) -> Iterator[Path]:
    with rehearse(before) as play:
        run = play.start(before, 20, id="pay-1")
        assert run.result() == 40
        yield run.record(folder)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (
            other_order,
            (
                r"entry 1: the journal holds step 'charge' \(#1\), the code asks for step 'mail' \(#1\), "
                r"with arguments \(20\) at .*:{line}"
            ),
        ),
        (
            other_input,
            (
                r"entry 1: .*step 'charge' \(#1\) with input [0-9a-f]{{16}}, .* with input [0-9a-f]{{16}}, "
                r"with arguments \(21\)"
            ),
        ),
        (other_result, r"its end: the journal holds the result 40, the code asks for the result 41"),
        (raises, r"its end: the journal holds the result 40, the code asks for the error ValueError: 40"),
        (ends_early, r"entry 2: the journal holds step 'mail' \(#2\), the code asks for nothing of the kind"),
        (waits_on, r"its end: the journal holds a run that is completed, the code asks for to wait"),
        (another_type, r"its end: .* an input that the workflow took then, .*array"),
        (newer, r"a run of workflow 'pay', version '1', and there is none here"),
    ],
    ids=lambda each: getattr(getattr(each, "function", None), "__name__", ""),
)
def test_a_divergence_is_told_with_file_position_and_both_values(
    code: Any, told: str, tmp_path: Path
) -> None:
    with recorded(tmp_path) as path:
        assert replay_journals(tmp_path, before) == 1
        with pytest.raises(JournalsDiverge) as diverged:
            replay_journals(tmp_path, code)
    [line] = diverged.value.diverged
    assert line.startswith(f"{path}: ")
    code_line = code.function.__code__.co_firstlineno + 2
    assert re.search(told.format(line=code_line), line), line


# -- files


def _row(**fields: Any) -> Run:
    known: dict[str, Any] = {"number": 7, "namespace": "default", "id": "r", "workflow": "w", "version": "1"}
    return Run(**known | {"status": Status.COMPLETED, "created_at": 5, "started_at": 5} | fields)


@pytest.mark.parametrize(
    "data", [b"null", b'"x"', b"0.1", b'{"b":1,"a":[1e300,-0.0]}', b"123456789012345678901"]
)
@pytest.mark.parametrize("codec", [1, 9])
def test_a_recording_reads_back_as_it_was_to_the_byte(data: bytes, codec: int, tmp_path: Path) -> None:
    run = _row(input=data, input_codec=codec, output=data, output_codec=codec, case_id="c", depth=2)
    entries = (
        Entry(
            1, Kind.STEP, 1, "s", b"\x00\xff", Outcome.UNKNOWN, 2, "#1", codec, data, 1_800_000_000_000_001
        ),
        Entry(2, Kind.CANCEL, source="Ada", at=1_800_000_000_000_002),
    )
    recording = Recording(run, entries, (Timer(3, 9, retry=True),))
    again = read_recording(recording.save(tmp_path))
    assert again == recording


@pytest.mark.parametrize(
    "id", ["../../etc/passwd", ".hidden", "a/b", "é" * 200, "order 1", "x" * 255, "..", "con:1"]
)
def test_any_id_becomes_a_file_in_the_folder_and_no_other(id: str, tmp_path: Path) -> None:
    folder = tmp_path / "in" / "here"
    path = Recording(_row(id=id), ()).save(folder)
    assert path.parent == folder
    assert list(tmp_path.rglob("*.json")) == [path]
    assert read_recording(path).run.id == id


def test_two_long_ids_are_two_files(tmp_path: Path) -> None:
    assert len({Recording(_row(id="x" * 200 + end), ()).save(tmp_path) for end in "ab"}) == 2


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 2}', '{"format": 1}', '{"format": 1, "run": 3}', "\udcff", "null"]
)
def test_a_file_that_is_no_recording_is_refused_by_its_name(text: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(NotDecodable, match=r"broken\.json is no recorded run"):
        replay_journals(tmp_path, before)


def test_a_folder_without_recordings_is_no_gate(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no recorded journal"):
        replay_journals(tmp_path, before)


def test_a_run_is_recorded_from_a_file_in_python_and_from_a_terminal_alike(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/pay.db"
    with App("pay", include=[before], store=store) as client:
        client.start(before, 20, id="pay-7").result(timeout="20s")
        with pytest.raises(StoreShared):  # by another process it may be read meanwhile
            record_journal(store, "pay-7", tmp_path / "journals")
    path = record_journal(store, "pay-7", tmp_path / "journals")
    with pytest.raises(RunNotFound, match="no run 'pay-8' in namespace 'default' of sqlite:"):
        record_journal(store, "pay-8", tmp_path / "journals")
    assert path.name == "pay-7.json"
    assert replay_journals(tmp_path / "journals", before) == 1

    told = CliRunner().invoke(main, ["runs", "export", "pay-7", "--store", store])
    assert told.stdout == path.read_text("utf-8")
    many = CliRunner().invoke(
        main, ["runs", "export", "pay-7", "--into", str(tmp_path / "b"), "--store", store]
    )
    assert many.stdout == f"{tmp_path / 'b' / 'pay-7.json'}\n"
    assert CliRunner().invoke(main, ["runs", "export", "pay-7", "x", "--store", store]).exit_code == 2
    assert CliRunner().invoke(main, ["runs", "export", "x", "--store", store]).exit_code == 3


def test_recordings_of_the_module_that_asks_need_not_be_named(tmp_path: Path) -> None:
    with rehearse(alone) as play:
        play.start(alone).result()
        play.runs()[0].record(tmp_path)
    with pytest.raises(JournalsDiverge):
        replay_journals(tmp_path, before)


@workflow
def alone() -> int:
    return charge(1)
