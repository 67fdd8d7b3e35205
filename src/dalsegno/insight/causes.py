"""All reasons for which a run does not move, each with its evidence and what to do."""

from __future__ import annotations

from dalsegno.client.standing import Because
from dalsegno.insight.evidence import evidence
from dalsegno.insight.proposals import next_commands
from dalsegno.insight.reasons import Facts, whys


def causes(facts: Facts) -> tuple[Because, ...]:
    """Return the reasons that hold, the one that binds first."""
    about = facts.run.workflow if facts.reacts is not None else facts.run.id
    return tuple(
        Because(each.kind, each.text, about, evidence(facts, each.kind), next_commands(facts, each.kind))
        for each in whys(facts)
    )
