"""``dalsegno events``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dalsegno.app import open_store
from dalsegno.core.clock import SystemClock
from dalsegno.core.reactions import Forget
from tests.cli.conftest import Cli
from tests.helpers.command import Working, running, worker
from tests.helpers.waiting import until


@pytest.fixture
def at_work(shop: Path) -> Iterator[Working]:
    with worker("shop.py", "--lease", "1s", cwd=shop) as working:
        yield working


def place(cli: Cli, order_id: str, amount: int = 5, *args: str) -> str:
    data = json.dumps({"order_id": order_id, "amount": amount})
    return cli("events", "emit", "shop.py:OrderPlaced", data, *args).stdout.strip()


def shipped(shop: Path) -> list[str]:
    file = shop / "shipped"
    return file.read_text().split() if file.exists() else []


# -- emit


def test_a_worker_of_a_file_with_services_alone_says_which_and_reacts(
    shop: Path, at_work: Working, cli: Cli
) -> None:
    assert "services   payments, shipping" in at_work.said
    assert "workflows" not in at_work.said
    assert place(cli, "1") == "1"
    until(lambda: shipped(shop) == ["1"], "it is shipped")


def test_an_event_of_a_class_is_read_by_it_and_gets_its_key_and_case(shop: Path, cli: Cli) -> None:
    assert place(cli, "7", 5, "--id", "web-1") == "1"
    again = cli("events", "emit", "shop.py:OrderPlaced", '{"order_id":"7","amount":5}', "--id", "web-1")
    assert (again.stdout, again.exit_code) == ("1\n", 0)
    assert "which was there before" in again.stderr
    (event,) = json.loads(cli("events", "list", "--json").stdout)["events"]
    assert (event["id"], event["key"], event["case_id"]) == ("web-1", "7", "order-7")


def test_an_event_without_a_class_is_as_it_is_said_to_be(shop: Path, cli: Cli) -> None:
    place(cli, "7")
    said = cli("events", "emit", "Noted", "[1]", "--key", "k", "--case", "c", "--version", "3")
    assert said.stdout == "2\n"
    (event,) = json.loads(cli("events", "list", "--type", "Noted", "--json").stdout)["events"]
    assert (event["key"], event["case_id"], event["version"], event["data"]) == ("k", "c", 3, [1])


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("shop.py:OrderPlaced", '{"order_id": "7"}'), "does not fit event OrderPlaced"),
        (("shop.py:OrderLost", "{}"), "has no event 'OrderLost'; it has: OrderPlaced, PaymentAuthorized"),
        (("shop.py:OrderPlaced", "{"), "is no JSON"),
        (("shop.py:OrderPlaced", "{}", "--key", "7"), "leave out --key"),
    ],
)
def test_an_event_that_cannot_be_is_a_mistake_of_usage(
    shop: Path, cli: Cli, args: tuple[str, ...], says: str
) -> None:
    place(cli, "1")
    said = cli("events", "emit", *args)
    assert said.exit_code == 2
    assert says in said.stderr


# -- list, show, tail


def test_a_list_from_a_place_on_says_what_retention_has_removed_behind_it(shop: Path, cli: Cli) -> None:
    for order in ("1", "2", "3"):
        place(cli, order)

    async def forget() -> None:
        store = open_store("sqlite:///shop.db", SystemClock())
        await store.open()
        await store.write([Forget(3)])
        await store.close()

    asyncio.run(forget())
    assert "the log has 3 to 3; 2 behind 0 were removed" in cli("events", "list", "--after", "0").stderr
    for args in ((), ("--after", "2")):
        assert "removed" not in cli("events", "list", *args).stderr


def test_events_are_listed_newest_first_and_narrowed(shop: Path, cli: Cli) -> None:
    for number in "123":
        place(cli, number)
    said = cli("events", "list")
    assert [line.split()[0] for line in said.stdout.splitlines()] == ["EVENT", "3", "2", "1"]
    assert "3 shown; the log has 1 to 3" in said.stderr

    def numbers(*args: str) -> list[int]:
        return [
            each["number"] for each in json.loads(cli("events", "list", "--json", *args).stdout)["events"]
        ]

    assert numbers("--key", "2") == [2]
    assert numbers("--case", "order-3") == [3]
    assert numbers("--type", "Nothing") == []
    assert numbers("--after", "1") == [2, 3]
    assert numbers("--before", "3") == [2, 1]
    assert numbers("--oldest", "--limit", "2") == [1, 2]
    assert numbers("--since", "1h") == [3, 2, 1]
    assert numbers("--until", "1h") == []
    assert numbers("--until", "2020-01-01") == []
    assert cli("events", "list", "--since", "soon").exit_code == 2


def test_a_page_says_where_to_go_on(shop: Path, cli: Cli) -> None:
    for number in "123":
        place(cli, number)
    assert "more: --before 2" in cli("events", "list", "--limit", "2").stderr
    assert json.loads(cli("events", "list", "--limit", "2", "--json").stdout)["next"] == 2
    assert "more: --after 2" in cli("events", "list", "--limit", "1", "--after", "1").stderr


def test_an_event_is_shown_with_what_came_of_it(shop: Path, at_work: Working, cli: Cli) -> None:
    place(cli, "1")
    until(lambda: shipped(shop) == ["1"], "it is shipped")
    until(lambda: "shipping.ship" in cli("events", "show", "2").stdout, "the reaction is written")
    said = cli("events", "show", "1").stdout
    assert "OrderPlaced v1" in said
    assert "key 1 · case order-1" in said
    assert "✓ payments.authorize" in said
    assert "led to 2  PaymentAuthorized v1" in said
    shown = json.loads(cli("events", "show", "2", "--json").stdout)
    assert shown["story"]["event"]["cause"] == 1
    assert shown["story"]["reactions"][0]["outcome"] == "done"
    assert shown["owed"] == []


def test_an_event_that_nobody_has_reacted_to_says_who_owes_it_and_why(shop: Path, cli: Cli) -> None:
    with worker("shop.py", "--lease", "1s", cwd=shop):
        place(cli, "1")
        until(lambda: shipped(shop) == ["1"], "it is shipped")
    place(cli, "2", -5)
    said = cli("events", "show", "3").stdout
    assert "· payments.authorize  owed: no worker is alive" in said
    assert json.loads(cli("events", "show", "3", "--json").stdout)["owed"][0]["kind"] == "no live worker"
    cli("services", "pause", "payments", "--by", "ann")
    with worker("shop.py", "--lease", "1s", cwd=shop):
        said = cli("events", "show", "3").stdout
        assert "· payments.authorize  owed: service payments is paused by ann for" in said
        assert "next: dalsegno services resume payments" in said
        cli("services", "resume", "payments")
        until(lambda: "dead letter 1" in cli("events", "show", "3").stdout, "it is a dead letter")
        said = cli("events", "show", "3").stdout
        assert "✗ payments.authorize  owed: dead letter 1 since" in said
        assert "next: dalsegno dead-letters show 1 · dalsegno dead-letters redrive 1" in said


def test_an_event_that_is_not_there_is_not_found(shop: Path, cli: Cli) -> None:
    place(cli, "1")
    said = cli("events", "show", "17")
    assert said.exit_code == 3
    assert "There is no event '17'" in said.stderr


def test_the_log_is_followed(shop: Path, cli: Cli) -> None:
    for number in "12":
        place(cli, number)
    lines = cli("events", "tail", "--count", "2").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2"]
    assert cli("events", "tail", "--last", "0", "--timeout", "200ms").stdout == ""
    assert json.loads(cli("events", "tail", "--last", "1", "--count", "1", "--ndjson").stdout)["number"] == 2
    with running("events", "tail", "--last", "0", "--count", "1", "--cloudevents", cwd=shop) as tailing:
        assert tailing.stderr is not None and tailing.stdout is not None
        tailing.stderr.readline()  # it names the store, and begins
        numbers = iter(range(3, 100))
        until(lambda: place(cli, str(next(numbers))) and tailing.poll() is not None, "it has seen one")
        event = json.loads(tailing.stdout.read())
    assert event["type"] == "OrderPlaced"
    assert int(event["key"]) >= 3


# -- import

WEIGHED = """
from dataclasses import dataclass

from dalsegno import App, event


@event(key="parcel")
@dataclass
class Weighed:
    parcel: str
    grams: int


app = App("weighed", store="sqlite:///weighed.db")
"""


def test_what_one_log_lists_as_cloudevents_another_imports(shop: Path, cli: Cli) -> None:
    for number in "123":
        place(cli, number)
    listed = cli("events", "list", "--oldest", "--cloudevents").stdout
    (shop / "events.jsonl").write_text(listed)
    cli("db", "migrate", "--store", "other.db")
    plan = cli("events", "import", "events.jsonl", "--store", "other.db")
    assert "3 events read: 3 would be new, 0 there before, 0 refused" in plan.stdout
    assert "--yes does it" in plan.stderr
    assert cli("events", "list", "--store", "other.db").stdout == ""
    done = cli("events", "import", "events.jsonl", "--yes", "--store", "other.db")
    assert "3 events read: 3 new, 0 there before" in done.stdout
    again = cli("events", "import", "events.jsonl", "--yes", "--json", "--store", "other.db")
    assert json.loads(again.stdout)["known"] == 3
    there = cli("events", "list", "--oldest", "--cloudevents", "--store", "other.db").stdout
    assert [json.loads(line) for line in there.splitlines()] == [
        json.loads(line) for line in listed.splitlines()
    ]


def test_a_file_with_malformed_events_is_imported_only_without_them(shop: Path, cli: Cli) -> None:
    place(cli, "1")
    good = '{"specversion":"1.0","id":"a","source":"/a","type":"x"}'
    (shop / "events.jsonl").write_text(f'{good}\n{{"id":"b"}}\n')
    refused = cli("events", "import", "events.jsonl", "--yes")
    assert refused.exit_code == 1
    assert "✗ 2:  The event is refused: specversion is missing." in refused.stdout
    assert len(cli("events", "list").stdout.splitlines()) == 2
    assert cli("events", "import", "events.jsonl", "--yes", "--skip-refused").exit_code == 1
    assert len(cli("events", "list").stdout.splitlines()) == 3


def test_rows_are_imported_for_one_service_with_the_keys_that_the_code_tells(
    shop: Path, at_work: Working, cli: Cli
) -> None:
    place(cli, "1")
    until(lambda: shipped(shop) == ["1"], "it is shipped")
    (shop / "old.csv").write_text("id,at,order_id\nx-1,2019-03-01T12:00:00Z,old-1\nx-2,2019-03-02,old-2\n")
    args = ("--type", "PaymentAuthorized", "--source", "/old", "--id-from", "id", "--time-from", "at")
    done = cli("events", "import", "old.csv", *args, "--service", "shipping", "--code", "shop.py", "--yes")
    assert "2 new for service shipping only" in done.stdout
    until(lambda: shipped(shop) == ["1", "old-1", "old-2"], "they are shipped")
    said = cli("events", "show", "/old#x-1", "--utc").stdout
    assert "key old-1" in said
    assert "for shipping only" in said
    assert "happened 2019-03-01 12:00:00" in said


def test_a_number_in_a_table_is_read_as_the_class_has_it(shop: Path, cli: Cli) -> None:
    (shop / "weighed.py").write_text(WEIGHED)
    (shop / "old.csv").write_text("id,parcel,grams\n1,a,500\n2,b,heavy\n")
    args = ("--type", "Weighed", "--source", "/old", "--id-from", "id", "--store", "weighed.db")
    cli("events", "emit", "weighed.py:Weighed", '{"parcel": "z", "grams": 1}')  # so the type is registered
    said = cli("events", "import", "old.csv", *args, "--code", "weighed.py", "--yes", "--skip-refused")
    assert "The data of event '2' of /old is not as Weighed v1 has it: $.grams" in said.stdout
    shown = cli("events", "show", "/old#1", "--store", "weighed.db").stdout
    assert "key a" in shown and '"grams":500' in shown.replace(" ", "")


def test_a_mapping_for_no_csv_and_one_that_lacks_something_are_mistakes_of_usage(
    shop: Path, cli: Cli
) -> None:
    place(cli, "1")
    (shop / "x.jsonl").write_text("")
    (shop / "x.csv").write_text("id\n1\n")
    assert cli("events", "import", "x.jsonl", "--type", "x").exit_code == 2
    said = cli("events", "import", "x.csv", "--type", "x")
    assert said.exit_code == 2
    assert "--id-from" in said.stderr
    unknown = cli("events", "import", "x.jsonl", "--service", "cash")
    assert unknown.exit_code == 3
