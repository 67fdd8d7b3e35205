"""Durable workflows for Python: when the machine dies in bar 17, the next one goes on from bar 17."""

from dalsegno.app import App
from dalsegno.client import AsyncClient, AsyncRun, Client, Run
from dalsegno.core.limits import Limits
from dalsegno.core.promise import Promise
from dalsegno.core.retry import Retry
from dalsegno.core.transact import Tx
from dalsegno.engine.context import StepInfo, step_info
from dalsegno.engine.decorators import step, workflow
from dalsegno.engine.definitions import NOTHING, Step, Workflow
from dalsegno.engine.remedies import Escalate, Skip
from dalsegno.engine.verbs import now, random, receive, sleep, uuid
from dalsegno.events import inbox
from dalsegno.events.aggregate import Aggregate
from dalsegno.events.converters import downcast, upcast
from dalsegno.events.emit import emit, keep
from dalsegno.events.options import Circuit
from dalsegno.events.process import Process
from dalsegno.events.projection import Projection
from dalsegno.events.retention import Retention
from dalsegno.events.service import Service
from dalsegno.events.types import event
from dalsegno.events.ways import all_of
from dalsegno.events.within import aggregate, async_aggregate
from dalsegno.models.saga import saga

__version__ = "0.1.0"

__all__ = [
    "NOTHING",
    "Aggregate",
    "App",
    "AsyncClient",
    "AsyncRun",
    "Circuit",
    "Client",
    "Escalate",
    "Limits",
    "Process",
    "Projection",
    "Promise",
    "Retention",
    "Retry",
    "Run",
    "Service",
    "Skip",
    "Step",
    "StepInfo",
    "Tx",
    "Workflow",
    "__version__",
    "aggregate",
    "all_of",
    "async_aggregate",
    "downcast",
    "emit",
    "event",
    "inbox",
    "keep",
    "now",
    "random",
    "receive",
    "saga",
    "sleep",
    "step",
    "step_info",
    "upcast",
    "uuid",
    "workflow",
]
