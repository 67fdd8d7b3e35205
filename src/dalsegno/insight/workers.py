"""Who is there to run anything: workers' sessions, judged, and what code each of them has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from dalsegno.client.standing import WorkerView
from dalsegno.core.clock import SECOND, to_datetime
from dalsegno.core.commit import Session
from dalsegno.store.protocol import Store

Gone: TypeAlias = Callable[[Session], bool]
"""Tells of a session whether its process surely lives no more; only its own machine can know."""

WEDGED_AFTER = 2 * SECOND
"""A worker whose loop stood still for longer, when its heart last beat, is wedged."""


def nobody_gone(session: Session) -> bool:
    """Know nothing of other processes: only leases tell."""
    return False


@dataclass(frozen=True, slots=True)
class Workers:
    """All sessions that nobody has fenced, and which (workflow, version) each has."""

    views: Mapping[int, WorkerView]
    abilities: frozenset[tuple[str, str, int]]

    @property
    def alive(self) -> tuple[WorkerView, ...]:
        """Those that may still act."""
        return tuple(view for view in self.views.values() if view.alive)

    def able(self, workflow: str, version: str) -> tuple[WorkerView, ...]:
        """Return those alive that have a version of a workflow."""
        return tuple(view for view in self.alive if (workflow, version, view.session) in self.abilities)

    def versions(self, workflow: str) -> tuple[str, ...]:
        """Return the versions of a workflow that some live worker has."""
        found = {
            known for name, known, session in self.abilities if name == workflow and self._lives(session)
        }
        return tuple(sorted(found))

    def _lives(self, session: int) -> bool:
        return session in self.views and self.views[session].alive


async def read_workers(store: Store, gone: Gone = nobody_gone) -> Workers:
    """Read and judge the sessions that are not fenced."""
    now = store.lease_now()
    sessions = await store.sessions()
    views = {session.number: judge(session, now, gone) for session in sessions}
    return Workers(views, frozenset(await store.abilities()))


def judge(session: Session, lease_now: int, gone: Gone = nobody_gone) -> WorkerView:
    """Say what can be said of a session at a moment of the store's lease clock."""
    beat_at = session.lease_until - session.lease
    state, since = "live", lease_now
    if gone(session):
        state = "gone"
    elif session.lease_until < lease_now:
        state, since = "silent", session.lease_until
    elif beat_at - session.loop_turn_at > WEDGED_AFTER:
        # Measured at the last heartbeat: an idle worker beats, and so tells of its loop, only now and then.
        state, since = "wedged", session.loop_turn_at
    return WorkerView(
        session=session.number,
        pid=session.pid,
        host=session.host,
        program=session.program,
        python=session.python,
        opened_at=to_datetime(session.opened_at),
        state=state,
        seconds=(lease_now - since) / SECOND,
    )
