"""Tests of workflows: crash them at every point, let months pass in milliseconds, replay what was recorded.

``explore`` plays a workflow with every crash there is, ``rehearse`` plays it in virtual time,
``replay_journals`` holds new code against old journals; ``Service`` is a far side for all of them.
``check_contracts`` checks what services declare of events, without running them.
Nothing here is needed to run a workflow. The other modules of this room are the instruments of this
project's own tests, and may change with any version; ``conformance`` is for whoever writes a store.
"""

from dalsegno.testing.contracts import check_contracts
from dalsegno.testing.deeds import Effect
from dalsegno.testing.explore import explore
from dalsegno.testing.failing import StepMadeToFail
from dalsegno.testing.journals import JournalsDiverge, record_journal, replay_journals
from dalsegno.testing.plans import MalformedPlan
from dalsegno.testing.play import Play, PlayedRun, rehearse
from dalsegno.testing.report import EffectHappenedTwice, Exploration, ExplorationFailed, Finding, Pass
from dalsegno.testing.services import Service
from dalsegno.testing.world import Stuck

__all__ = [
    "Effect",
    "EffectHappenedTwice",
    "Exploration",
    "ExplorationFailed",
    "Finding",
    "JournalsDiverge",
    "MalformedPlan",
    "Pass",
    "Play",
    "PlayedRun",
    "Service",
    "StepMadeToFail",
    "Stuck",
    "check_contracts",
    "explore",
    "record_journal",
    "rehearse",
    "replay_journals",
]
