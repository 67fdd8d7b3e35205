"""A taxi fleet with fifty handlers: methods of objects, closures, factories, and names that are handed on."""

from fleet.desks import billing, dispatch, watch
from fleet.events import *  # noqa: F403

__all__ = ["billing", "dispatch", "watch"]
