"""All events of the fleet, handed on from where they are defined."""

from fleet.events.money import *  # noqa: F403
from fleet.events.money import FareSetV1, to_v1
from fleet.events.rides import *  # noqa: F403

__all__ = ["FareSetV1", "to_v1"]
