"""The check of contracts for tests: ``check_contracts(app).assert_ok()``."""

from __future__ import annotations

from types import ModuleType

from dalsegno.app import App
from dalsegno.events.contracts import Report, check


def check_contracts(program: App | ModuleType) -> Report:
    """Check what an App, or a module, declares of events, as ``dalsegno contracts check`` does.

    Raises DefinitionError where a declaration cannot be read.
    """
    app = program if isinstance(program, App) else App(program.__name__, include=[program])
    registry = app.registry()
    return check(app.known(), [*registry.workflows.values(), *registry.steps.values()])
