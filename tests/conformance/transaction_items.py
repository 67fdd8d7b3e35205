"""Transactions with user code in them, drawn at random: the same one twice, since each is told how it went."""

from __future__ import annotations

from collections.abc import Callable

from dalsegno.core.commit import Send, Start
from dalsegno.core.transact import OpenTx, Transact
from dalsegno.core.writes import Write
from tests.conformance.drawing import Drawing

PATIENT = 60_000_000  # microseconds: a busy machine is not what is compared


class ChangedHisMind(Exception):
    """User code that raises."""

    def __repr__(self) -> str:
        return "he changed his mind"


class TransactionItems(Drawing):
    """Draws them: what they write on the way, what they return, and whether they raise."""

    def start(self) -> Start:
        raise NotImplementedError

    def send(self) -> Send:
        raise NotImplementedError

    def emit(self) -> Write:
        raise NotImplementedError

    def commit(self) -> Write:
        raise NotImplementedError

    def react(self) -> Write:
        raise NotImplementedError

    def transactions(self) -> tuple[list[Write], list[Write]]:
        """Draw one, for the one store and for the other."""
        on_the_way: list[Callable[[], Write]] = [self.start, self.send, self.emit]
        writes = [make() for make in self.rng.choices(on_the_way, k=self.rng.randrange(3))]
        returns = self.rng.choice([self.commit, self.react, lambda: None])()
        raises = self.chance(5)

        def work(tx: OpenTx) -> Write | None:
            tx.execute("CREATE TABLE IF NOT EXISTS mine (number INTEGER)")
            tx.execute("INSERT INTO mine VALUES (1)")
            for item in writes:
                tx.write(item)
            if raises:
                raise ChangedHisMind
            ((rows,),) = tx.execute("SELECT count(*) FROM mine")
            assert rows > 0
            return returns

        one, other = (Transact(work, "a test", bound=PATIENT) for _ in range(2))
        return [one], [other]
