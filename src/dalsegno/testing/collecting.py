"""Collects what a play needs to know: the workflows, steps, events and services of a subject."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from dalsegno.engine.definitions import Definition, Workflow
from dalsegno.engine.registry import Registry
from dalsegno.events.handlers import Handler
from dalsegno.events.known import Known
from dalsegno.events.projection import Projection
from dalsegno.events.service import Service


def collect(subject: Any, services: Iterable[Service], include: Iterable[object]) -> tuple[Registry, Known]:
    """Collect what a subject needs: definitions, and what is known of events. Raises DefinitionError."""
    known = Known()
    for service in services:
        if not isinstance(service, Service):
            raise TypeError(f"services= was given {service!r}; it takes those that react: dalsegno.Service")
        known.take(service)
    rest = known.add(include)
    known.take(type(subject))
    handlers = [each for service in known.services.values() for each in service.handlers.values()]
    for handler in handlers:
        _take_beside(known, handler)
    known.check()
    return _registry(subject, rest, handlers), known


def _take_beside(known: Known, handler: Handler) -> None:
    """Take in what a handler's module knows of events, but for who else reacts there."""
    for thing in list(getattr(handler.function, "__globals__", {}).values()):
        if not isinstance(thing, Service | Projection):
            known.take(thing)


def _registry(subject: Any, include: Iterable[object], handlers: Iterable[Handler]) -> Registry:
    """Collect the definitions of the subject's module, and those that it, workflows and handlers name."""
    registry = Registry()
    registry.add(include)
    seen: set[int] = set()
    function = getattr(subject, "func", getattr(subject, "__func__", subject))
    if isinstance(subject, Workflow):
        _add(registry, subject, seen)
    elif callable(subject):
        registry.add_found(getattr(function, "__globals__", {}))
        _add_named(registry, function, seen)
    for handler in handlers:
        if handler.workflow is not None:
            _add(registry, handler.workflow, seen)
    for workflow in list(registry.workflows.values()):
        _add(registry, workflow, seen)
    registry.check()
    return registry


def _add(registry: Registry, workflow: Workflow[Any, Any], seen: set[int]) -> None:
    if id(workflow) not in seen:
        seen.add(id(workflow))
        registry.add([workflow])
        _add_named(registry, workflow.function, seen)


def _add_named(registry: Registry, function: Any, seen: set[int]) -> None:
    """Add the definitions that a function names: globals, variables around it, attributes of modules."""
    code = getattr(function, "__code__", None)
    if code is None:
        return
    names = {name for each in _codes(code) for name in (*each.co_names, *each.co_freevars)}
    namespace = dict(function.__globals__)
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            namespace[name] = cell.cell_contents
        except ValueError:  # not given a value yet
            continue
    for name in names & namespace.keys():
        thing = namespace[name]
        inside = vars(thing) if type(thing) is type(os) else {}
        for each in (thing, *(inside[attribute] for attribute in names & inside.keys())):
            if isinstance(each, Workflow):
                _add(registry, each, seen)
            elif isinstance(each, Definition):
                registry.add([each])


def _codes(code: Any) -> Iterable[Any]:
    yield code
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            yield from _codes(constant)
