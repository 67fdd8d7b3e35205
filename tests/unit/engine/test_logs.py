"""Log records of workflow and step code carry the run's ids, and replay writes none twice."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from dalsegno import App, Retry, receive, step, workflow

log = logging.getLogger("tests.logs")
tries: list[int] = []


@step(retry=Retry(attempts=2, first="10ms"))
async def talk() -> None:
    log.warning("in the step")
    tries.append(1)
    if len(tries) == 1:
        raise ConnectionError("once")


@workflow
async def chat() -> str:
    log.warning("before the wait")
    await talk()
    word = await receive(str, name="word")
    log.warning("after the wait")
    return word


def _said(records: list[logging.LogRecord], text: str) -> list[logging.LogRecord]:
    return [record for record in records if record.levelno > 0 and record.getMessage() == text]


def test_records_carry_the_ids_and_a_replay_writes_none_of_them_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = App("logs", include=[chat, talk], store=f"sqlite:///{tmp_path}/logs.db")
    with app as client, caplog.at_level(logging.WARNING):
        run = client.start(chat, id="chat-1", case_id="case-7")
        while run.status() != "waiting" or len(tries) < 2:
            run.info()
    with app as client:  # another worker: the run is replayed from its journal
        client.signal("chat-1", "hello", name="word")
        assert client.run("chat-1").result("10s") == "hello"
    (before,) = _said(caplog.records, "before the wait")
    (after,) = _said(caplog.records, "after the wait")
    first, second = _said(caplog.records, "in the step")
    for record in (before, after, first, second):
        assert (vars(record)["run_id"], vars(record)["case_id"]) == ("chat-1", "case-7")
    assert [(vars(r)["step"], vars(r)["attempt"]) for r in (first, second)] == [("talk", 1), ("talk", 2)]
