"""Everything that may be written, as values: a store gets a group of these and answers each.

A ``Commit`` is what one advance of a run produced; the others come from outside the run. All items
of a group are written in one transaction. A conflict that is to be expected (the run exists, moved
on, got a delivery meanwhile) is the verdict of that item alone, never an exception.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from dalsegno.core.entries import Delivery, Entry, Kind, Outcome, Timer
from dalsegno.core.event import NewEvent
from dalsegno.core.notes import LongAttempt
from dalsegno.core.runs import Run, Status
from dalsegno.core.sourcing import Expect


class Fence(msgspec.Struct, frozen=True, gc=False):
    """What makes a group this session's own: refused as a whole once the session is fenced.

    ``commits`` is the number that this group will have; writing it also renews the lease.
    """

    session: int
    commits: int
    lease: int  # microseconds
    loop_turn_at: int = 0  # boot clock, when the worker's main loop last turned


class Start(msgspec.Struct, frozen=True, gc=False):
    """A new run. The verdict is ``Started``; an existing run of that id is not touched."""

    number: int
    namespace: str
    id: str
    workflow: str
    version: str
    input: bytes | None = None
    input_codec: int = 1
    input_digest: bytes = b""
    fingerprint: str = ""
    python: str = ""
    parent: int | None = None
    parent_op: int = 0
    attached: bool = True
    depth: int = 0
    case_id: str | None = None
    traceparent: str | None = None
    queue: str = "default"
    cause: int | None = None  # the event that started it
    undoes: bool = False  # so it goes on though its case is cancelled
    held: bool = False  # until somebody lets it go on
    due_at: int | None = None  # where that is not at once
    reason: str | None = None
    session: int | None = None  # who claims it in the same breath, having a slot free


class Send(msgspec.Struct, frozen=True, gc=False):
    """A delivery for a run, addressed by number or by id. The verdict is a ``Sent``.

    ``id`` makes it idempotent. ``release`` lets it wake a parked run: a person's answer does.
    """

    kind: Kind
    run: int | None = None
    namespace: str = ""
    run_id: str = ""
    name: str = ""
    id: str | None = None
    source: str = ""
    op: int = 0
    outcome: Outcome = Outcome.VALUE
    codec: int = 1
    data: bytes | None = None
    release: bool = False


class Subscription(msgspec.Struct, frozen=True, gc=False):
    """A run's wait for events of a type, of its case or (``by_key``) with a key.

    Those that are on the log already are delivered at once, the others when they come.
    """

    type: str
    value: str
    by_key: bool = False
    namespace: str = "default"


class Kept(msgspec.Struct, frozen=True, gc=False):
    """A service's new state of a key, from the reaction to an event; None as data forgets it.

    With a ``generation`` it is kept only while the service is in that one: what a replay makes anew,
    nobody adds to who began before it.
    """

    service: int
    key: str
    event: int
    data: bytes | None
    rank: int = 0
    codec: int = 1
    generation: int | None = None


class DeadLetter(msgspec.Struct, frozen=True):
    """What a reaction that cannot be digested tells: ``cause`` groups those that failed alike.

    ``goes_on`` lets the later events of its key go on.
    """

    service: int
    handler: int
    event: int
    key: str | None
    cause: str
    error: str
    attempts: int
    goes_on: bool = False


class Rest(msgspec.Struct, frozen=True, gc=False):
    """How a run comes to rest: it waits (until ``due_at``, if at all), or it ends.

    Conditional on ``wakes``: a delivery that the run has not seen makes the whole commit ``Missed``.
    """

    status: Status
    wakes: int
    reason: str | None = None
    due_at: int | None = None
    notes: bytes | None = None
    output: bytes | None = None
    output_codec: int = 1
    error: bytes | None = None


class Commit(msgspec.Struct, frozen=True, gc=False):
    """What one advance of a run produced. Refused as a whole unless (session, turn) own the run.

    ``floor`` is the time of the run's last entry, or when a timer that fires was due: time never goes
    back within a run, nor does a timer fire before its time, though the wall clock was set back.
    """

    run: int
    session: int
    turn: int
    floor: int
    entries: tuple[Entry, ...] = ()
    timers: tuple[Timer, ...] = ()
    dropped: tuple[int, ...] = ()  # ops whose timer is over
    consumed: tuple[int, ...] = ()  # deliveries that entries have taken
    starts: tuple[Start, ...] = ()
    sends: tuple[Send, ...] = ()
    rest: Rest | None = None
    reason: str | None = None  # a reason to show from now on, with these notes
    notes: bytes | None = None
    clear_crashes: bool = False
    events: tuple[NewEvent, ...] = ()
    subscribes: tuple[Subscription, ...] = ()
    unsubscribes: bool = False  # it has ended, and waits for events no more
    kept: tuple[Kept, ...] = ()
    dead: DeadLetter | None = None  # it rests because nobody could digest its event
    laned: bool = False  # it came of an event: whatever waits behind it may go on when it ends
    expects: tuple[Expect, ...] = ()  # of what its events were decided by; else the verdict is a Conflict

    @property
    def plain(self) -> bool:
        """Whether it is one entry and nothing else, as most are."""
        return (
            len(self.entries) == 1
            and self.rest is None
            and self.reason is None
            and not (self.timers or self.dropped or self.consumed or self.starts or self.sends)
            and not self.clear_crashes
            and not (self.events or self.subscribes or self.unsubscribes or self.kept or self.dead)
            and not self.expects
        )


class Claim(msgspec.Struct, frozen=True):
    """Take due runs for a session: up to ``limit``, and one suspect of killing its worker if asked.

    ``recall`` asks also for those that the session owns already, of which it may not have heard.
    """

    session: int
    queue: str
    limit: int
    suspects: int = 0
    suspect_after: int = 3
    recall: bool = False


class OpenSession(msgspec.Struct, frozen=True):
    """A worker's life begins; it names what it is and which workflows it has."""

    number: int
    lease: int
    pid: int
    pid_start: int
    pid_namespace: str
    boot_id: str
    host: str
    python: str
    program: str
    abilities: tuple[tuple[str, str], ...] = ()


class Beat(msgspec.Struct, frozen=True, gc=False):
    """A heartbeat: renew a lease beside the commits, and report attempts that take their time.

    ``Refused.FENCED`` when it is too late.
    """

    session: int
    lease: int
    loop_turn_at: int
    attempts: tuple[LongAttempt, ...] | None = None  # None leaves those that were reported


class EndSession(msgspec.Struct, frozen=True):
    """Fence a session for good, and with ``goodbye`` hand on its runs at once, as no crash of theirs.

    With ``expired_only`` it is fenced only if its lease is over by the store's clock.
    """

    number: int
    expired_only: bool = False
    goodbye: bool = False


class Release(msgspec.Struct, frozen=True):
    """Make up to ``limit`` runs of fenced sessions due again; each counts a crash, if it was one.

    A run that has crashed its worker more than ``max_crashes`` times is parked instead.
    """

    limit: int = 500
    max_crashes: int = 5


class Retry(msgspec.Struct, frozen=True):
    """A person's order to try a parked run again. The verdict is a ``Sent``.

    A dead letter that has its answer, and has not failed again since, takes no second one: that is
    ``REPEATED``. ``why`` is kept with it.
    """

    namespace: str
    run_id: str
    source: str = ""
    data: bytes | None = None  # what the person said
    why: str = ""


class Emit(msgspec.Struct, frozen=True):
    """Events from outside a run. The verdict is ``Emitted``; one whose id is known is not written again.

    With ``expects`` it is a ``Conflict`` where these do not hold, unless the first of the events is known:
    then it has landed, and only its reply was lost.
    """

    events: tuple[NewEvent, ...]
    expects: tuple[Expect, ...] = ()


class Started(msgspec.Struct, frozen=True, gc=False):
    """The run of that id: made now, or found as it was."""

    created: bool
    run: Run


class SentHow(Enum):
    """What became of a delivery."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    ENDED = "ended"
    UNKNOWN = "unknown"
    NOT_PARKED = "not parked"


class Sent(msgspec.Struct, frozen=True):
    """What became of a delivery, and the run as it was then."""

    how: SentHow
    run: int | None = None
    status: Status | None = None


class Committed(msgspec.Struct, frozen=True, gc=False):
    """The commit is durable; ``at`` is the time that its entries bear."""

    at: int


class Refused(Enum):
    """Why a commit was not written; nothing of it was."""

    FENCED = "fenced"  # the session was ended by somebody else
    STALE = "stale"  # the run is not this session's, or not this turn's, any more
    MISSED = "missed"  # a delivery came that the run has not seen
    NUMBER_TAKEN = "number taken"  # a run number that two processes drew
    CHILD_EXISTS = "child exists"  # a child's id belongs to another run


class Claimed(msgspec.Struct, frozen=True):
    """Runs that are the session's now, and owned ones that got deliveries (number, wakes)."""

    runs: tuple[Run, ...]
    news: tuple[tuple[int, int], ...]
    at: int


class Emitted(msgspec.Struct, gc=False):
    """The numbers of events on the log, and how many of them were there before."""

    numbers: list[int] = []
    repeated: int = 0


class Done(msgspec.Struct, frozen=True, gc=False):
    """How many rows it concerned."""

    count: int


class Failed(msgspec.Struct, frozen=True):
    """The item alone could not be written; the rest of its group was."""

    error: Exception


class Session(msgspec.Struct, frozen=True):
    """A worker's life as the store keeps it; ``lease_until`` is by the lease clock of the store."""

    number: int
    pid: int
    pid_start: int
    pid_namespace: str
    boot_id: str
    host: str
    python: str
    program: str
    lease: int
    lease_until: int
    commits: int
    loop_turn_at: int
    opened_at: int
    fenced_at: int | None


class Loaded(msgspec.Struct, frozen=True):
    """What a claimed run needs to go on: its journal, its inbox, its timers."""

    entries: tuple[Entry, ...]
    inbox: tuple[Delivery, ...]
    timers: tuple[Timer, ...]
