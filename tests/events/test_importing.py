"""Events brought in that happened before: with their own ids and times, once, and for one service if wanted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dalsegno import App, AsyncClient, Process, Service, event, receive, workflow
from dalsegno.errors import InvalidInput, Overloaded, ServiceNotFound
from dalsegno.events.cells import read_cells
from dalsegno.events.envelope import Envelope
from dalsegno.events.files import Columns, read_csv, read_lines
from dalsegno.events.json_mode import read_json
from tests.helpers.room import eventually
from tests.helpers.waiting import until


@event("Ordered", key="order_id")
@dataclass
class Ordered:
    order_id: str


@event("Sent", key="order_id")
@dataclass
class Sent:
    order_id: str


order = Process("order", starts=Ordered, ends=Sent)


@workflow
async def wait_for_one() -> str:
    return (await receive(Ordered, key="1")).order_id


class Shop:
    def __init__(self) -> None:
        self.seen: list[str] = []
        self.old, self.new = Service("old"), Service("new")
        self.old.on(name="note")(self.note_old)
        self.new.on(name="note")(self.note_new)

    def note_old(self, e: Ordered) -> None:
        self.seen.append(f"old {e.order_id}")

    def note_new(self, e: Ordered) -> None:
        self.seen.append(f"new {e.order_id}")

    def app(self, folder: Path) -> App:
        return App(
            "shop", include=[self.old, self.new, order, wait_for_one], store=f"sqlite:///{folder}/shop.db"
        )


def envelopes(*order_ids: str) -> list[Envelope]:
    return [
        read_json(
            json.dumps(
                {
                    "specversion": "1.0",
                    "id": f"o-{each}",
                    "source": "/archive",
                    "type": "Ordered",
                    "time": "2019-03-01T12:00:00Z",
                    "data": {"order_id": each},
                }
            )
        )
        for each in order_ids
    ]


def test_what_is_brought_in_keeps_its_id_and_time_and_comes_once(tmp_path: Path) -> None:
    shop = Shop()
    with shop.app(tmp_path) as client:
        plan = client.events.import_([*envelopes("1", "2"), *envelopes("1")])
        assert (plan.dry_run, plan.read, plan.new, plan.known) == (True, 3, 2, 1)
        assert client.events.list() == []
        report = client.events.import_([*envelopes("1", "2"), *envelopes("1")], dry_run=False)
        assert (report.new, report.known, report.refused, report.first, report.last) == (2, 1, 0, 1, 2)
        again = client.events.import_(envelopes("1", "2", "3"), dry_run=False)
        assert (again.new, again.known, again.first, again.last) == (1, 2, 3, 3)
        until(lambda: len(shop.seen) == 6, "both services have reacted to each")
        first = client.events.get(1)
    assert (first.id, first.source, first.key, first.case_id) == ("o-1", "/archive", "1", "order-1")
    assert first.happened_at == datetime(2019, 3, 1, 12, tzinfo=UTC)
    assert first.at.year > 2019


def test_what_is_not_as_its_schema_has_it_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    shop = Shop()
    wrong = Envelope(id="o-2", source="/archive", type="Ordered", data=b'{"order_id": 2}')
    with shop.app(tmp_path) as client:
        plan = client.events.import_([*envelopes("1"), wrong])
        assert (plan.new, plan.refused, plan.told[0].place) == (1, 1, 2)
        assert "$.order_id" in plan.told[0].why


def test_what_is_brought_in_for_one_service_is_heard_by_nobody_else(tmp_path: Path) -> None:
    shop = Shop()
    with shop.app(tmp_path) as client:
        until(lambda: len(client.services.list()) == 2, "the services are known")
        run = client.start(wait_for_one)
        until(lambda: run.status() == "waiting", "a run waits for it")
        client.events.import_(envelopes("1", "2"), service="new", dry_run=False)
        until(lambda: len(shop.seen) == 2, "one service has reacted")
        until(lambda: client.services.get("old").lag_events == 0, "the other has passed them over")
        late = client.start(wait_for_one)
        until(lambda: late.status() == "waiting", "nor does a run find it that comes later")
        assert shop.seen == ["new 1", "new 2"]
        assert run.status() == "waiting"
        assert client.events.get(1).only == "new"
        assert "only" not in client.events.get(1).more
        client.emit(Ordered("1"))
        assert run.result("10s") == late.result("10s") == "1"
        assert client.services.replay("old", after=0) == 0
        until(lambda: shop.seen.count("old 1") == 2, "a replay passes them over too")
        with pytest.raises(ServiceNotFound):
            client.events.import_(envelopes("9"), service="cash")
    assert "old 2" not in shop.seen


@pytest.mark.asyncio
async def test_an_import_is_no_faster_than_its_rate_and_refuses_what_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[float] = []

    async def nap(seconds: float) -> None:
        naps.append(seconds)

    monkeypatch.setattr("dalsegno.client.importing.nap", nap)
    large = Envelope(id="large", source="/archive", type="Ordered", data=b'"%s"' % (b"x" * 2_000_000))

    async def some() -> object:
        for each in [*envelopes(*map(str, range(250))), large]:
            yield each

    async with Shop().app(tmp_path) as client:
        report = await client.events.import_(some(), rate=1_000, dry_run=False)  # type: ignore[arg-type]
        assert naps == [0.1, 0.1, 0.05]
        assert (report.new, report.refused, report.told[0].id, report.told[0].place) == (250, 1, "large", 251)
        with pytest.raises(InvalidInput, match="rate"):
            await client.events.import_([], rate=0)
        await eventually(client.services.list, "the worker is up")


@pytest.mark.asyncio
async def test_an_import_waits_while_a_service_that_is_to_react_is_too_far_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[float] = []
    shop, slow = Shop(), Service("slow", max_lag=1)
    slow.on(name="note")(shop.note_old)
    async with App("shop", include=[slow, shop.new], store=f"sqlite:///{tmp_path}/shop.db") as client:
        await eventually(client.services.list, "the services are known")
    async with App(
        "shop", include=[slow, shop.new], store=f"sqlite:///{tmp_path}/shop.db", slots=0
    ) as client:
        await client.events.import_(envelopes("1", "2", "3"), dry_run=False)

        class Enough(Exception):
            pass

        async def nap(seconds: float) -> None:
            naps.append(seconds)
            if len(naps) == 3:
                raise Enough

        monkeypatch.setattr("dalsegno.client.importing.nap", nap)
        await eventually(lambda: _too_far_behind(client), "the service is too far behind")
        with pytest.raises(Enough):
            await client.events.import_(envelopes("4"), dry_run=False)
        assert await client.events.end() == 3
        naps.clear()
        report = await client.events.import_(envelopes("4"), service="new", dry_run=False)
        assert (report.new, len(naps)) == (1, 1)


async def _too_far_behind(client: AsyncClient) -> bool:
    assert client.events.desk.pressure is not None
    try:
        await client.events.desk.pressure.refuse_if_behind({"Ordered"})
    except Overloaded:
        return True
    return False


# -- files


def test_lines_are_read_one_by_one_and_those_that_are_no_events_are_told(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    good = '{"specversion":"1.0","id":"1","source":"/a","type":"x","data":{"n":1}}'
    file.write_text(f"{good}\n\n{{\n{good.replace('1.0', '0.3')}\n")
    first, second, third = read_lines(file)
    assert isinstance(first, Envelope)
    assert (first.id, first.data) == ("1", b'{"n":1}')
    assert isinstance(second, str) and "no JSON" in second
    assert isinstance(third, str) and "specversion" in third


def test_rows_become_events_as_the_mapping_says(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text('\ufeffid,when,order,kind,note\n1,2019-03-01T12:00:00,7,Ordered,"a, b"\n2,x,7,Ordered,\n')
    columns = Columns(
        type_from="kind", source="/csv", id_from="id", time_from="when", key_from="order", case_from="order"
    )
    first, second = read_csv(file, columns)
    assert isinstance(first, Envelope)
    assert (first.id, first.type, first.key, first.case) == ("1", "Ordered", "7", "7")
    assert json.loads(first.data or b"") == {"order": "7", "note": "a, b"}
    assert isinstance(second, str) and "no time" in second


SCHEMA = {
    "$ref": "#/$defs/Row",
    "$defs": {
        "Row": {
            "properties": {
                "count": {"type": "integer"},
                "weight": {"anyOf": [{"type": "number"}, {"type": "null"}]},
                "late": {"type": "boolean"},
                "note": {"type": ["string", "null"]},
                "state": {"$ref": "#/$defs/State"},
                "code": {"type": "string"},
            }
        },
        "State": {"enum": ["new", "old"]},
    },
}


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        ({"count": "7"}, {"count": 7}),
        ({"count": "seven"}, {"count": "seven"}),
        ({"count": "1_000"}, {"count": "1_000"}),
        ({"count": ""}, {}),
        ({"weight": "7"}, {"weight": 7}),
        ({"weight": "0.50"}, {"weight": 0.5}),
        ({"weight": "NaN"}, {"weight": "NaN"}),
        ({"weight": ""}, {"weight": None}),
        ({"late": "True"}, {"late": True}),
        ({"late": "no"}, {"late": False}),
        ({"late": "maybe"}, {"late": "maybe"}),
        ({"note": ""}, {"note": None}),
        ({"state": "new"}, {"state": "new"}),
        ({"code": "007"}, {"code": "007"}),
        ({"code": ""}, {"code": ""}),
        ({"unknown": "7"}, {"unknown": "7"}),
    ],
)
def test_a_cell_is_read_as_the_schema_has_its_property(
    cells: dict[str, str], value: dict[str, object]
) -> None:
    assert read_cells(cells, SCHEMA) == value


def test_a_row_is_read_as_the_schema_of_its_type_has_it(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("id,kind,count\n1,Row,7\n2,Other,7\n")
    columns = Columns(type_from="kind", source="/csv", id_from="id")
    rows = list(read_csv(file, columns, lambda name: SCHEMA if name == "Row" else None))
    assert [json.loads(row.data or b"") for row in rows if isinstance(row, Envelope)] == [
        {"count": 7},
        {"count": "7"},
    ]


@pytest.mark.parametrize("row", ["1", "1,2,3", ",2"])
def test_a_row_that_does_not_fit_is_told(tmp_path: Path, row: str) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(f"id,n\n{row}\n")
    (told,) = read_csv(file, Columns(type="Ordered", source="/csv", id_from="id"))
    assert isinstance(told, str)


def test_a_mapping_that_cannot_be_right_is_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("id,n\n1,2\n")
    with pytest.raises(InvalidInput, match="either type or type_from, source, id_from"):
        next(read_csv(file, Columns()))
    with pytest.raises(InvalidInput, match="no column order"):
        next(read_csv(file, Columns(type="x", source="/csv", id_from="id", key_from="order")))
