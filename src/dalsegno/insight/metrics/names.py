"""All metrics by name: what each means, and which labels it has. No label is ever an id."""

from __future__ import annotations

from typing import NamedTuple

PREFIX = "dalsegno_"

BRIEF = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Bounds in seconds for what should take a moment."""

LONG = (0.01, 0.1, 1.0, 10.0, 60.0, 300.0, 1_800.0, 3_600.0, 21_600.0, 86_400.0, 604_800.0, 2_592_000.0)
"""Bounds in seconds for what may take a month."""


class Metric(NamedTuple):
    """One metric; ``buckets`` are a histogram's bounds."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


def _counter(name: str, help: str, *labels: str) -> Metric:
    return Metric(f"{PREFIX}{name}", "counter", help, labels)


def _gauge(name: str, help: str, *labels: str) -> Metric:
    return Metric(f"{PREFIX}{name}", "gauge", help, labels)


def _histogram(name: str, help: str, *labels: str, buckets: tuple[float, ...] = BRIEF) -> Metric:
    return Metric(f"{PREFIX}{name}", "histogram", help, labels, buckets)


# -- what this process did

RUNS_STARTED = _counter("runs_started_total", "Runs that this worker began.", "workflow")
RUNS_FINISHED = _counter("runs_finished_total", "Runs that ended in this worker.", "workflow", "status")
RUN_DURATION = _histogram(
    "run_duration_seconds", "From a run's creation to its end.", "workflow", buckets=LONG
)
STEP_ATTEMPTS = _counter(
    "step_attempts_total", "Attempts of steps that ended.", "workflow", "step", "outcome"
)
STEP_DURATION = _histogram("step_duration_seconds", "How long attempts of a step took.", "workflow", "step")
COMPENSATIONS = _counter("compensations_total", "Compensations that are settled.", "workflow", "outcome")
JOURNAL_ENTRIES = _counter("journal_entries_total", "Entries written into journals.")
COMMITS = _counter("commits_total", "Transactions of this process that were committed.")
COMMIT_ITEMS = _counter("commit_items_total", "Items that were written in them.")
COMMIT_DURATION = _histogram("commit_duration_seconds", "How long a transaction took, its waiting included.")
EVENTS_EMITTED = _counter("events_emitted_total", "Events that this process put on the log.", "type")
REACTIONS = _counter("reactions_total", "Reactions that are written.", "service", "handler", "outcome")
REACTION_DURATION = _histogram(
    "reaction_duration_seconds", "How long a handler took, where it reacted at once.", "service", "handler"
)
EVENT_TO_REACTION = _histogram(
    "event_to_reaction_seconds",
    "From an event's acceptance until its reaction was durable, where the handler reacted at once.",
    "service",
    "handler",
    buckets=(*BRIEF, 1_800.0, 21_600.0, 86_400.0),
)
DEAD_LETTERS_MADE = _counter(
    "dead_letters_created_total", "Reactions that became dead letters.", "service", "handler"
)
SLOTS = _gauge("worker_slots", "Runs that this worker holds, and could hold beside them.", "state")

COUNTED = (
    RUNS_STARTED,
    RUNS_FINISHED,
    STEP_ATTEMPTS,
    COMPENSATIONS,
    JOURNAL_ENTRIES,
    COMMITS,
    COMMIT_ITEMS,
    EVENTS_EMITTED,
    REACTIONS,
    DEAD_LETTERS_MADE,
)
TIMED = (RUN_DURATION, STEP_DURATION, COMMIT_DURATION, REACTION_DURATION, EVENT_TO_REACTION)

# -- what is in the store: the same, whichever worker is asked

STORE_UP = _gauge("store_up", "Whether the store could be read: 1, or 0, and then its gauges are missing.")
RUNS = _gauge("runs", "Runs that have not ended; pending are those that are due and not begun.", "status")
PARKED = _gauge("parked_runs", "Runs that wait for a person.", "workflow", "reason")
STANDING = _gauge(
    "oldest_waiting_seconds", "For how long the first run has waited that no timer will wake.", "workflow"
)
QUEUE_DEPTH = _gauge("queue_depth", "Due runs that no worker has claimed.", "queue")
QUEUE_AGE = _gauge("queue_oldest_age_seconds", "For how long the first of them has been due.", "queue")
LAG_EVENTS = _gauge("service_lag_events", "Events that a service has not passed yet.", "service")
LAG_SECONDS = _gauge("service_lag_seconds", "For how long the first of these has been on the log.", "service")
PAUSED = _gauge("service_paused", "Whether a person has paused a service.", "service")
DEAD_LETTERS = _gauge("dead_letters", "Open dead letters.", "service", "handler")
SESSIONS = _gauge("sessions", "Workers' sessions that nobody has fenced.", "state")
LOG_END = _gauge("log_last_event", "The number of the last event on the log.")
STORE_BYTES = _gauge("store_bytes", "The size of the store; wal is what is not in its main file.", "part")

ALERTS = _gauge("alerts", "Alerts that hold.", "rule")

READ = (
    STORE_UP,
    RUNS,
    PARKED,
    STANDING,
    QUEUE_DEPTH,
    QUEUE_AGE,
    LAG_EVENTS,
    LAG_SECONDS,
    PAUSED,
    DEAD_LETTERS,
    SESSIONS,
    LOG_END,
    STORE_BYTES,
    ALERTS,
)

ALL = (*COUNTED, *TIMED, SLOTS, *READ)
