"""Two programs of one service beside each other: one emits what the other has never heard of."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dalsegno import App, Client, Service
from tests.events.two_programs import NEW, Entered, Paid, Renamed, Shipped, Wider
from tests.helpers.command import dalsegno, environment
from tests.helpers.waiting import until

pytestmark = pytest.mark.promise("P8", "P11")
HERE = Path(__file__).parents[2]


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'shop.db'}"


def outside(address: str, *include: object) -> App:
    """A program that only emits, and looks."""
    return App("till", include=[*include, Entered], store=address, slots=0)


@contextmanager
def at_work(address: str, name: str, form: str = "plain") -> Iterator[None]:
    """Have a worker of a program at work in a process of its own."""
    parts = [sys.executable, "-m", "tests.events.two_programs", name, form, address]
    with subprocess.Popen(
        parts, cwd=HERE, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
        process.communicate()


def status(client: Client, event: int) -> str | None:
    found = client.events.show(event).reactions
    return found[0].status or found[0].outcome if found else None


def why(address: str, event: int) -> str:
    """Ask the command line, a process of its own too, what the reaction to an event waits for."""
    return dalsegno("where", f"books.enter#{event}", "--store", address, cwd=HERE).stdout


def entered(client: Client) -> list[tuple[str, str]]:
    return [(each.data["by"], each.data["paid"]) for each in client.events.list("Entered")]


def test_an_old_worker_reads_a_new_version_that_the_registry_says_it_can_read(address: str):
    with outside(address, Wider) as client, at_work(address, "old"):
        until(client.services.list, "the old program is known")
        client.emit(Wider("a", 2, "USD"), Wider("b", 3))
        until(lambda: len(entered(client)) == 2, "both are entered")
        assert sorted(entered(client)) == [("old", f"{Paid('a', 2)}"), ("old", f"{Paid('b', 3)}")]


def test_what_an_old_worker_tries_again_it_reads_as_at_first(address: str):
    with outside(address, Wider) as client, at_work(address, "old", "failing"):
        client.emit(Wider("a", 2, "USD"))
        until(lambda: entered(client) == [("old", f"{Paid('a', 2)}")], "it is entered at last")


def test_an_event_that_an_old_worker_cannot_read_waits_for_one_that_can_and_its_key_behind_it(address: str):
    with outside(address, *NEW) as client:
        with at_work(address, "old"):
            unread, behind, other = client.emit(Renamed("a", 2), Paid("a", 3), Paid("b", 4))
            until(lambda: status(client, other) == "done", "the other key goes on")
            until(lambda: status(client, behind) == "pending", "its own waits")
            assert entered(client) == [("old", f"{Paid('b', 4)}")]
            assert "no live worker of books.enter reads Paid v2" in why(address, unread)
            with at_work(address, "new"):
                until(lambda: status(client, behind) == "completed", "both go on")
        first, second = entered(client)[1:]
        assert first == ("new", f"{Renamed('a', 2)}")
        assert second in (("old", f"{Paid('a', 3)}"), ("new", f"{Renamed('a', 3)}"))
        assert client.dead_letters.list() == []


def test_what_a_new_worker_has_failed_at_is_tried_again_by_those_who_read_it(address: str):
    with outside(address, *NEW) as client:
        with at_work(address, "new", "failing"):
            (number,) = client.emit(Renamed("a", 2))
            until(lambda: status(client, number) is not None, "it has failed once")
        with at_work(address, "old"):
            until(lambda: "reads Paid v2" in why(address, number), "the old one leaves it alone")
        with at_work(address, "new"):
            until(lambda: status(client, number) == "completed", "it is entered")
        assert entered(client) == [("new", f"{Renamed('a', 2)}")]


def test_a_stacked_workflow_of_another_version_takes_what_was_left_to_it(address: str):
    with outside(address, *NEW) as client:
        with at_work(address, "old", "workflow"):
            (unread,) = client.emit(Renamed("a", 2))
            until(lambda: status(client, unread) == "pending", "it is left to others")
        with at_work(address, "new", "workflow"):
            until(lambda: status(client, unread) == "completed", "they take it")
        assert entered(client) == [("new", f"{Renamed('a', 2)}")]
        (run,) = client.runs(id_prefix="books.enter#", limit=1)
        assert run.version == "2, reads Paid v2"


def test_a_join_whose_first_event_an_old_worker_cannot_read_is_left_as_a_whole(address: str):
    with outside(address, *NEW, Shipped) as client:
        with at_work(address, "old", "join"):
            paid, shipped = client.emit(Renamed("a", 2), Shipped("a"))
            until(lambda: status(client, shipped) == "pending", "it is left to others")
        with at_work(address, "new", "join"):
            until(lambda: status(client, paid) == "completed", "they take it")
        assert entered(client) == [("new", f"{Renamed('a', 2)}")]


def test_a_handler_reads_an_older_version_whose_class_is_gone_where_the_registry_says_it_can(address: str):
    service, seen = Service("books"), list[Wider]()

    @service.on
    def enter(paid: Wider) -> None:
        seen.append(paid)

    with outside(address, Paid) as client:
        client.emit(Paid("a", 1))
    with App("shop", include=[service], store=address):
        until(lambda: seen == [Wider("a", 1)], "it is read")


def test_a_program_that_knows_both_versions_and_no_way_between_them_hears_of_it(address: str):
    with outside(address, *NEW) as client:
        (number,) = client.emit(Renamed("a", 2))
        with at_work(address, "torn"):
            until(lambda: status(client, number) == "waiting", "it is a dead letter")
        (letter,) = client.dead_letters.list()
        assert "NoConverter" in letter.error
