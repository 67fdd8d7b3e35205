"""A far side for tests: a service that steps and handlers call, whose every call is a point and an effect.

Put one where your code has its real client. In a play each call of it is numbered, may be where a
process dies, and is written down; outside of one it is a plain fake.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Hashable, Mapping
from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from typing import Any, Protocol

from dalsegno.core.execution import current
from dalsegno.errors import SideEffectInWorkflow
from dalsegno.testing.deeds import Deeds, Doing, under_way

_DEPTH = 6  # how deep in the arguments of a call a key is looked for


class Gone(BaseException):
    """The process has died in the middle of a step's body: what is left of it must not happen."""


class Theatre(Protocol):
    """The play that goes on around a call."""

    deeds: Deeds

    def before_call(self, doing: Doing, name: str) -> int:
        """Come to the point of a call; raise ``Gone`` if nothing may happen any more. Return its number."""
        ...

    def after_call(self, doing: Doing, number: int, name: str = "") -> None:
        """Leave the point of a call; raise ``Gone`` if the process has died of it, or what it was told to."""
        ...


on_stage: ContextVar[Theatre | None] = ContextVar("dalsegno_on_stage", default=None)


class Service:
    """A far side that steps and handlers call.

    Every public method of a subclass is a verb of it; so is any other name that is called, which
    answers what was given for it (``Service("bank", charge="receipt-1")``, or a function that is then
    called), else None. With ``keys=True`` it takes idempotency keys: a call whose arguments hold its
    step's ``idempotency_key``, however deep, and that it has seen, is answered as it was the first
    time, and does not happen again. Without a key, or with ``keys=False``, each call happens.

    A verb that raises did nothing. A Service starts every play anew: keep what it knows in attributes
    that ``reset`` sets.
    """

    def __init__(self, name: str = "", /, *, keys: bool = True, **answers: Any) -> None:
        self._name = name or type(self).__name__.lower()
        self._keys = keys
        self._answers = answers
        self._play: Theatre | None = None
        self.reset()

    def __init_subclass__(cls) -> None:
        for name, member in list(vars(cls).items()):
            if inspect.isfunction(member) and not name.startswith("_") and name not in ("reset", "key"):
                setattr(cls, name, _verb(name, member))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        answer = self._answers.get(name)

        def verb(_: Service, *args: Any, **kwargs: Any) -> Any:
            return answer(*args, **kwargs) if callable(answer) else answer

        return functools.partial(_verb(name, verb), self)

    def reset(self) -> None:
        """Forget everything; called when it is made, and before its first call in each play."""

    def key(self, verb: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Hashable | None:
        """Return the key by which this far side knows a call again, None for none.

        It is the step's idempotency key where the arguments hold it. Override it for a service that
        goes by something else, such as an order number.
        """
        doing = under_way.get()
        return doing.key if doing is not None and _holds((args, kwargs), doing.key, _DEPTH) else None

    def __repr__(self) -> str:
        return f"<Service {self._name}>"

    # -- inside

    def _here(self, verb: str) -> tuple[Theatre | None, Doing | None]:
        """Find out who calls, and begin a new play; workflow code may not call."""
        run = current()
        if run is not None:
            raise SideEffectInWorkflow(
                f"Workflow code called {self._name}.{verb}() itself.",
                "It would be called again at each replay.",
                "Put the call into a function under @step.",
                run_id=run.run_id,
            )
        theatre = on_stage.get()
        if theatre is not None and self._play is not theatre:
            self._play = theatre
            self.reset()
        return theatre, under_way.get()

    def _known(self, theatre: Theatre, call: _Call) -> tuple[bool, Any]:
        """Come to the point of a call: whether it is answered from memory, and how."""
        call.number = theatre.before_call(call.doing, call.name)
        call.doing.calls[call.name] += 1
        call.key = self.key(call.verb, call.args, call.kwargs) if self._keys else None
        return theatre.deeds.answered(call.name, call.key)

    def _did(self, theatre: Theatre, call: _Call, answer: Any) -> Any:
        theatre.deeds.note(call.doing, call.name, call.args, call.kwargs, answer, call.key)
        theatre.after_call(call.doing, call.number, call.name)
        return answer


class _Call:
    """One call of a service by a step's body."""

    __slots__ = ("args", "doing", "key", "kwargs", "name", "number", "verb")

    def __init__(
        self, service: str, verb: str, doing: Doing, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.name = f"{service}.{verb}"
        self.verb = verb
        self.doing = doing
        self.args = args
        self.kwargs = kwargs
        self.key: Hashable | None = None
        self.number = 0


def _verb(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a service's verb of a function; it keeps its colour."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(self: Service, *args: Any, **kwargs: Any) -> Any:
            theatre, doing = self._here(name)
            if theatre is None or doing is None:
                return await function(self, *args, **kwargs)
            call = _Call(self._name, name, doing, args, kwargs)
            known, answer = self._known(theatre, call)
            if not known:
                answer = await function(self, *args, **kwargs)
            return self._did(theatre, call, answer)

        return awaited

    @functools.wraps(function)
    def called(self: Service, *args: Any, **kwargs: Any) -> Any:
        theatre, doing = self._here(name)
        if theatre is None or doing is None:
            return function(self, *args, **kwargs)
        call = _Call(self._name, name, doing, args, kwargs)
        known, answer = self._known(theatre, call)
        if not known:
            answer = function(self, *args, **kwargs)
        return self._did(theatre, call, answer)

    return called


def _holds(value: Any, key: str, depth: int) -> bool:
    """Whether a key is in a value, or deep in it."""
    if isinstance(value, str):
        return key in value
    if isinstance(value, bytes):
        return key.encode() in value
    if depth == 0:
        return False
    if isinstance(value, Mapping):
        return any(_holds(each, key, depth - 1) for each in (*value, *value.values()))
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(_holds(each, key, depth - 1) for each in value)
    if is_dataclass(value):
        return any(_holds(getattr(value, each.name), key, depth - 1) for each in fields(value))
    return False
