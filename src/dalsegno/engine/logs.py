"""Log records of workflow and step code: they carry the run's ids, and replay writes none twice."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from dalsegno.core.execution import current
from dalsegno.engine.context import step_context

_BELOW_EVERY_HANDLER = -1


class RunRecords:
    """Wraps the process's log record factory while a worker runs.

    Records get ``run_id``, ``step``, ``attempt`` and ``case_id`` where they are known. A record that
    workflow code makes while its journal is replayed has been written before: it gets a level that
    is below every handler's.
    """

    def __init__(self) -> None:
        self._before: Callable[..., logging.LogRecord] | None = None

    def install(self) -> None:
        """Begin to wrap; harmless when already begun."""
        if self._before is None:
            self._before = logging.getLogRecordFactory()
            logging.setLogRecordFactory(self._make)

    def remove(self) -> None:
        """Stop, if nobody has wrapped the factory after us."""
        if logging.getLogRecordFactory() == self._make and self._before is not None:
            logging.setLogRecordFactory(self._before)
            self._before = None

    def _make(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        before = self._before or logging.LogRecord
        record = before(*args, **kwargs)
        info = step_context.get()
        execution = current()
        if execution is not None:
            record.run_id = execution.run_id
            record.case_id = execution.case_id
            if execution.replaying:
                record.levelno = _BELOW_EVERY_HANDLER
        elif info is not None:
            record.run_id = info.run_id
            record.step = info.step
            record.attempt = info.attempt
            record.case_id = info.case_id
        return record
