"""Schemas of an App's events: registered when it starts, judged by those in the store, held to by who emits."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, Service, downcast, event, upcast
from dalsegno.app import open_store
from dalsegno.core.clock import SystemClock
from dalsegno.core.schemas import RegisterSchemas, SchemaRow
from dalsegno.engine.commits import CommitQueue
from dalsegno.errors import DefinitionError, EventRefused, SchemaRefused
from dalsegno.events.json_mode import read_json
from dalsegno.events.known import Known
from dalsegno.events.registering import Registering
from dalsegno.store.memory import MemoryStore
from tests.helpers.waiting import until

pytestmark = pytest.mark.promise("P8")


@event("Placed", version=1, key="order_id")
@dataclass
class Old:
    order_id: str


@event("Placed", version=2, key="order_id")
@dataclass
class New:
    order_id: str
    cents: int


@event("Placed", version=2, key="order_id")
@dataclass
class Fitting:
    order_id: str
    cents: int = 0


@event("Placed", version=1, key="order_id")
@dataclass
class Changed:
    order_id: str
    cents: int


@upcast
def newer(old: Old) -> New:
    return New(old.order_id, 100)


@downcast
def older(new: New) -> Old:
    return Old(new.order_id)


@event("Whole", version=1, compatibility="full")
@dataclass
class Whole:
    order_id: str


@event("Whole", version=2)
@dataclass
class Moved:
    id: str


@event("Whole", version=2, compatibility="none")
@dataclass
class Anything:
    cents: int


@upcast
def moved(old: Whole) -> Moved:
    return Moved(old.order_id)


@downcast
def moved_back(new: Moved) -> Whole:
    return Whole(new.id)


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'shop.db'}"


def app(address: str, *include: object, **options: Any) -> App:
    return App("shop", include=include, store=address, **options)


def rows(address: str) -> list[SchemaRow]:
    async def read() -> list[SchemaRow]:
        store = open_store(address, SystemClock())
        await store.open()
        try:
            return await store.schemas("default")
        finally:
            await store.close()

    return asyncio.run(read())


def deploy(address: str, *include: object, **options: Any) -> list[tuple[int, str]]:
    with app(address, *include, **options):
        pass
    return [(row.version, row.mode) for row in rows(address)]


# -- when a worker starts


def test_an_app_registers_its_events_once(address: str):
    deploy(address, Old)
    (row,) = before = rows(address)
    assert (row.type, row.version, row.format, row.mode, row.sealed) == (
        "Placed",
        1,
        "json",
        "backward",
        True,
    )
    assert json.loads(row.schema)["$defs"]["Old"]["required"] == ["order_id"]
    deploy(address, Old)
    assert rows(address) == before


def test_a_version_that_its_readers_can_read_joins_the_others(address: str):
    deploy(address, Old)
    assert deploy(address, Fitting) == [(1, "backward"), (2, "backward")]


def test_a_version_whose_readers_cannot_read_what_is_stored_stops_the_worker(address: str):
    with app(address, Old) as client:
        client.emit(Old("a"), Old("b"))
    books = Service("books")

    @books.on
    def enter(e: New) -> None: ...

    with pytest.raises(SchemaRefused) as raised, app(address, books):
        pass
    error = raised.value
    assert error.types == (("Placed", 2),)
    (finding,) = error.findings
    (verdict,) = finding.admission.verdicts
    (missing,) = verdict.incompatibilities
    assert (missing.path, missing.rule) == ("$.cents", "required_missing")
    assert "`cents`" in missing.breaks
    broken = [(each.what, each.name, each.version, each.count) for each in finding.breakages]
    assert ("handler", "books.enter", 2, 1) in broken
    assert ("stored events", "", 1, 2) in broken
    for told in (
        "Placed v2 cannot be registered",
        "cents",
        "handler books.enter",
        "2 stored events",
        "#schemarefused",
    ):
        assert told in str(error)
    assert deploy(address, Old) == [(1, "backward")]


def test_what_services_have_yet_to_read_is_in_flight(address: str):
    books = Service("books")

    @books.on
    def enter(e: Old) -> None: ...

    with app(address, books) as client:
        until(client.services.list, "the service")
        client.services.pause("books")
        client.emit(Old("a"))
    with pytest.raises(SchemaRefused) as raised, app(address, New):
        pass
    (finding,) = raised.value.findings
    # Nobody reads v2 yet, and so it is the events that break.
    assert [(each.what, each.count) for each in finding.breakages] == [("events in flight", 1)]


def test_another_schema_under_the_same_version_stops_the_worker(address: str):
    deploy(address, Old)
    with pytest.raises(SchemaRefused, match="registered with another schema"), app(address, Changed):
        pass


def test_an_upcast_bridges_what_does_not_fit(address: str):
    deploy(address, Old)
    assert deploy(address, newer) == [(1, "backward"), (2, "backward")]


def test_compatibility_is_held_to_as_the_class_says_or_else_as_the_last_version_said(address: str):
    with pytest.raises(DefinitionError, match="compatibility='sideways'"):
        event("Placed", compatibility="sideways")(Old)  # type: ignore[call-overload]

    deploy(address, Whole)
    with pytest.raises(SchemaRefused, match="full"), app(address, Moved):
        pass
    with pytest.raises(SchemaRefused, match="forward"), app(address, moved):  # which does not lead back
        pass
    assert deploy(address, moved, moved_back) == [(1, "full"), (2, "full")]
    other = address.replace("shop.db", "other.db")
    deploy(other, Whole)
    assert deploy(other, Anything) == [(1, "full"), (2, "none")]


def test_a_class_that_json_schema_cannot_express_is_left_out(
    address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    @event("Strange")
    @dataclass
    class Strange:
        order_id: str

    def none(kind: object) -> None:
        raise DefinitionError("Event Strange has no JSON Schema.")

    monkeypatch.setattr("dalsegno.events.schema.schema_of", none)
    with app(address, Strange) as client:
        client.emit(Strange("a"))
    assert rows(address) == []
    assert "event Strange (version 1) is not registered" in caplog.text


def test_namespaces_have_schemas_of_their_own(address: str):
    deploy(address, Old)
    deploy(address, Changed, namespace="other")
    assert len(rows(address)) == 1


# -- a client without a worker


def test_a_client_registers_what_it_emits_and_nothing_else(address: str):
    with app(address, Old, Fitting, slots=0):
        pass
    assert rows(address) == []
    with app(address, Old, Fitting, slots=0) as client:
        client.emit(Fitting("a"))
    assert [row.version for row in rows(address)] == [2]


def test_a_client_whose_version_does_not_fit_emits_nothing(address: str):
    deploy(address, Old)
    with app(address, slots=0) as client:
        for wrong in (New("a", 1), Changed("a", 1)) * 2:
            with pytest.raises(SchemaRefused, match="Placed v"):
                client.emit(Old("a"), wrong)
        assert client.events.list() == []
        client.emit(Old("a"))


def test_in_a_transaction_a_type_is_registered_with_what_else_it_holds_or_not_at_all(address: str):
    with app(address, slots=0) as client:
        with contextlib.suppress(ZeroDivisionError), client.transaction() as tx:
            client.emit(Old("a"), tx=tx)
            client.emit(Old("b"), tx=tx)
            raise ZeroDivisionError
        with client.transaction() as tx:
            client.emit(Old("c"), tx=tx)
            client.emit(Fitting("d"), tx=tx)
        assert [one.data["order_id"] for one in client.events.list()] == ["c", "d"]
        with client.transaction() as tx, pytest.raises(SchemaRefused):
            client.emit(Changed("e", 1), tx=tx)
    assert [row.version for row in rows(address)] == [1, 2]


@pytest.mark.asyncio
async def test_a_client_reads_the_schemas_of_a_type_once():
    store = Counting(SystemClock())
    async with at_work(store, Old) as registering:
        for _ in range(3):
            await registering.admit([vars(Old)["__dalsegno_event__"]])
    assert store.reads == 1


class Counting(MemoryStore):
    """A store that counts how often schemas are read, and in which somebody else may be quicker."""

    reads = 0
    meanwhile: RegisterSchemas | None = None

    async def schemas(self, namespace: str, type: str | None = None) -> list[SchemaRow]:
        self.reads += 1
        found = await super().schemas(namespace, type)
        if self.meanwhile is not None:
            item, self.meanwhile = self.meanwhile, None
            await self.write([item])
        return found


class at_work:  # noqa: N801 - reads as a verb
    """Registering on a store, with a queue to it."""

    def __init__(self, store: MemoryStore, *include: object) -> None:
        known = Known()
        known.add(include)
        known.check()
        self._commits = CommitQueue(store, SystemClock(), patience=5.0)
        self._registering = Registering(known, store, self._commits, "default")

    async def __aenter__(self) -> Registering:
        self._commits.open()
        return self._registering

    async def __aexit__(self, *_: object) -> None:
        await self._commits.close()


@pytest.mark.asyncio
async def test_who_was_slower_is_judged_by_what_the_other_registered():
    source = MemoryStore(SystemClock())
    async with at_work(source, Old) as registering:
        await registering.register()
    first = tuple(await source.schemas("default"))
    store = Counting(SystemClock())
    store.meanwhile = RegisterSchemas("default", first, (("Placed", 0),))
    async with at_work(store, New) as registering:
        with pytest.raises(SchemaRefused):  # it would have been the first of its type
            await registering.register()
    assert [row.version for row in await store.schemas("default")] == [1]


# -- foreign events


def foreign(data: Any, **said: Any) -> Any:
    about = {"specversion": "1.0", "id": "1", "source": "/bank", "type": "Placed", **said}
    return read_json(json.dumps(about if data is None else {**about, "data": data}))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"cents": 1}, "order_id"),
        ({"order_id": 7}, r"\$\.order_id"),
        ("text", "object"),
        (None, "object"),
    ],
)
def test_a_foreign_event_of_a_registered_type_is_held_to_its_schema(address: str, data: Any, reason: str):
    with app(address, Old) as client:
        with pytest.raises(EventRefused, match=reason) as raised:
            client.emit(foreign({"order_id": "a"}, id="2"), foreign(data, version=1))
        assert raised.value.attribute == "data"
        assert client.events.list() == []


def test_a_foreign_event_without_a_version_may_be_of_any(address: str):
    with app(address, newer) as client:
        client.emit(foreign({"order_id": "a"}), foreign({"order_id": "a", "cents": 1, "more": []}, id="2"))
        with pytest.raises(EventRefused, match="Placed v2"):
            client.emit(foreign({"cents": 1}, id="3"))
        client.emit(foreign({"cents": 1}, id="4", version=7), foreign(1, id="5", type="Unheard"))
        assert len(client.events.list()) == 4
