"""Leaves the real process as it was: what simulated ones change in it, and would give back if they lived."""

from __future__ import annotations

import gc
import logging
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def as_it_was() -> Generator[None]:
    """Leave alone what belongs to the real process, though workers that are killed give nothing back."""
    factory, thresholds = logging.getLogRecordFactory(), gc.get_threshold()
    logger = logging.getLogger("dalsegno")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logging.setLogRecordFactory(factory)
        gc.set_threshold(*thresholds)
        logger.setLevel(level)
