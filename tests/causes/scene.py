"""What the causes are brought about on: a process from Placed to Shipped, and what is to be told of a case."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from pathlib import Path

from dalsegno import Client, event
from dalsegno.client.standing import Reason
from tests.helpers.command import dalsegno
from tests.helpers.waiting import until


@event(key="order")
@dataclass
class Placed:
    order: str
    place: int = 1


@event(key="order")
@dataclass
class Paid:
    order: str


@event(key="order")
@dataclass
class Packed:
    order: str


@event(key="order")
@dataclass
class Shipped:
    order: str


GATE = threading.Event()


@dataclass
class Scene:
    """An App whose process goes from Placed to Shipped, and what is to be asked about."""

    client: Client
    folder: Path
    asked: str = "order-1"

    def first(self, *wanted: Reason) -> None:
        """Expect that the client and the command line tell these reasons first, in this order."""

        def told() -> bool:
            return [each.kind for each in self.client.explain(self.asked).reasons][: len(wanted)] == [*wanted]

        try:
            until(told, f"{self.asked}: {wanted}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {self.client.explain(self.asked).reasons}") from None
        said = dalsegno("explain", self.asked, "--store", "c.db", "--json", cwd=self.folder, within=60)
        assert said.returncode == 0, said.stderr
        document = json.loads(said.stdout)
        assert [each["kind"] for each in document["reasons"]][: len(wanted)] == [
            kind.value for kind in wanted
        ]
        first = self.client.explain(self.asked).reasons[0]
        assert first.text
        assert first.evidence is not None
