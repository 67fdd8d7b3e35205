"""What the catalogue asks of schemas: a break is refused where it is published, or is kept where a person sees it."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, Service, event
from dalsegno.errors import EventRefused, SchemaRefused
from dalsegno.events.envelope import Envelope
from tests.helpers.waiting import until

pytestmark = pytest.mark.promise("P8", "P11")


class Kind(enum.Enum):
    EXPRESS = "express"
    SLOW = "slow"


@event("Sent", version=1, key="parcel")
@dataclass
class Sent:
    parcel: str
    grams: int
    kind: Kind


class FasterKind(enum.Enum):
    EXPRESS = "express"
    SLOW = "slow"
    DRONE = "drone"


@dataclass
class WithoutField:
    parcel: str
    kind: Kind


@dataclass
class WithAnotherType:
    parcel: str
    grams: str
    kind: Kind


@dataclass
class WithAnUnknownMember:
    parcel: str
    grams: int
    kind: FasterKind


BROKEN: dict[str, tuple[type[Any], object, dict[str, Any]]] = {
    "a field is removed": (
        WithoutField,
        WithoutField("a", Kind.SLOW),
        {"parcel": "a", "kind": "slow"},
    ),
    "a type changes": (
        WithAnotherType,
        WithAnotherType("a", "heavy", Kind.SLOW),
        {"parcel": "a", "grams": "heavy", "kind": "slow"},
    ),
    "an enum has a member that readers do not know": (
        WithAnUnknownMember,
        WithAnUnknownMember("a", 5, FasterKind.DRONE),
        {"parcel": "a", "grams": 5, "kind": "drone"},
    ),
}


def _store(folder: Path) -> str:
    return f"sqlite:///{folder}/parcels.db"


@pytest.mark.parametrize("case", BROKEN)
def test_an_emitter_that_would_break_its_readers_emits_nothing(tmp_path: Path, case: str) -> None:
    with App("parcels", include=[Sent], store=_store(tmp_path)) as client:
        client.emit(Sent("a", 5, Kind.SLOW))
    cls, broken, _ = BROKEN[case]
    event("Sent", version=2, key="parcel", compatibility="full")(cls)
    with App("emitter", include=[], store=_store(tmp_path), slots=0) as client:
        with pytest.raises(SchemaRefused):
            client.emit(broken)
        assert len(client.events.list()) == 1


@pytest.mark.parametrize("case", BROKEN)
def test_a_foreign_event_that_breaks_the_schema_is_refused(tmp_path: Path, case: str) -> None:
    data = json.dumps(BROKEN[case][2]).encode()
    with App("parcels", include=[Sent], store=_store(tmp_path)) as client:
        client.emit(Sent("a", 5, Kind.SLOW))
        with pytest.raises(EventRefused) as raised:
            client.emit(Envelope(id="1", source="/elsewhere", type="Sent", data=data))
        assert raised.value.attribute == "data"
        assert len(client.events.list()) == 1


@pytest.mark.parametrize("case", BROKEN)
def test_one_that_nothing_is_known_of_is_a_dead_letter_of_whoever_cannot_read_it(
    tmp_path: Path, case: str
) -> None:
    service, seen = Service("shelf"), list[str]()

    @service.on(attempts=1)
    def take(e: Sent) -> None:
        seen.append(e.parcel)

    data = json.dumps(BROKEN[case][2]).encode()
    with App("elsewhere", include=[], store=_store(tmp_path), slots=0) as client:
        client.emit(
            Envelope(id="1", source="/elsewhere", type="Sent", data=data)
        )  # before anybody registers it
    with App("parcels", include=[service], store=_store(tmp_path)) as client:
        until(lambda: bool(client.dead_letters.list()), "it is a dead letter")
        client.emit(Sent("b", 5, Kind.SLOW))
        until(lambda: seen == ["b"], "others are read")
        (letter,) = client.dead_letters.list()
    assert "Sent" in letter.error
