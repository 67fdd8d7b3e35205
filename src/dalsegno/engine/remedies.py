"""What a step's final failure may become instead: its ``on_failure=``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from dalsegno.engine.definitions import StepDefinition


@dataclass(frozen=True, slots=True)
class Skip:
    """Go on with ``default`` as the step's result."""

    default: Any = None


@dataclass(frozen=True, slots=True)
class Escalate:
    """Let another step, called with the same arguments, give the result.

    If it has a parameter ``error``, it gets the failure there, as text.
    """

    step: StepDefinition


OnFailure = Literal["raise"] | Skip | Escalate
