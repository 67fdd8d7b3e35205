"""Several rooms that live and end with a session, as the one companion that a worker has."""

from __future__ import annotations

from typing import Protocol

from dalsegno.core.notes import LongAttempt


class Companion(Protocol):
    """What lives and ends with a session."""

    @property
    def busy(self) -> bool:
        """Whether anything has begun that is not written."""
        ...

    def begin(self, session: int) -> None:
        """Begin to work in a new session."""
        ...

    def drop(self) -> None:
        """Let go of everything: the session is over."""
        ...

    def stop(self) -> None:
        """Begin nothing more."""
        ...

    def long_attempts(self) -> tuple[LongAttempt, ...]:
        """Tell what takes its time, for the heartbeat to report."""
        ...

    def nudge(self) -> None:
        """Hear that there are new events."""
        ...


class Together:
    """Tells all of them what it is told."""

    def __init__(self, *companions: Companion) -> None:
        self._companions = companions

    @property
    def busy(self) -> bool:
        return any(companion.busy for companion in self._companions)

    def begin(self, session: int) -> None:
        for companion in self._companions:
            companion.begin(session)

    def drop(self) -> None:
        for companion in self._companions:
            companion.drop()

    def stop(self) -> None:
        for companion in self._companions:
            companion.stop()

    def long_attempts(self) -> tuple[LongAttempt, ...]:
        return tuple(each for companion in self._companions for each in companion.long_attempts())

    def nudge(self) -> None:
        for companion in self._companions:
            companion.nudge()
