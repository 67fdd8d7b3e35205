"""What a service keeps of its keys, as programs read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from dalsegno import App, Service, event, keep
from dalsegno.errors import InvalidInput, NotDecodable, ServiceNotFound
from tests.helpers.room import eventually
from tests.helpers.waiting import until

pytestmark = pytest.mark.promise("P8")


@event("Requested", key="permit")
@dataclass
class Requested:
    permit: str
    days: int


@dataclass
class Permit:
    days: int
    requests: int


@dataclass
class Other:
    colour: str


def permits() -> Service:
    service = Service("permits", state=Permit)

    @service.on
    def note(e: Requested, state: Permit | None) -> None:
        keep(Permit((state.days if state else 0) + e.days, (state.requests if state else 0) + 1))

    return service


def quiet() -> Service:
    service = Service("quiet")

    @service.on
    def hear(e: Requested) -> None: ...

    return service


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path / 'permits.db'}"


@pytest.mark.asyncio
async def test_it_is_read_as_the_class_that_the_service_keeps(store: str) -> None:
    async with App("permits", include=[permits(), quiet()], store=store) as client:
        await client.emit(Requested("a", 2), Requested("a", 3), Requested("b", 1))

        async def both() -> bool:
            return await client.services.state("permits", "a") == Permit(5, 2)

        await eventually(both, "both are noted")
        assert await client.services.state("permits", "nobody") is None
        with pytest.raises(InvalidInput, match="keeps no states"):
            await client.services.state("quiet", "a")
        with pytest.raises(ServiceNotFound):
            await client.services.state("parking", "a")


def test_who_has_not_the_services_code_reads_plain_data(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'permits.db'}"
    with App("permits", include=[permits()], store=store) as client:
        client.emit(Requested("a", 2))
        until(lambda: client.services.state("permits", "a") == Permit(2, 1), "it is noted")
    with App("desk", include=[Requested], store=store, slots=0) as client:
        assert client.services.state("permits", "a") == {"days": 2, "requests": 1}
    with (
        App("desk", include=[Service("permits", state=Other)], store=store, slots=0) as client,
        pytest.raises(NotDecodable),
    ):
        client.services.state("permits", "a")
