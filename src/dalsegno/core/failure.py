"""An exception as data, and back.

What is stored is text and plain values, never a class. Back in a workflow a failure becomes an
exception that its ``except`` clauses recognize; but the stored names only *select* among classes
which the workflow's own code can see. Nothing that data names is imported, called or unpickled.
"""

from __future__ import annotations

import builtins
import sys
import traceback
from asyncio import CancelledError
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from types import MemberDescriptorType, ModuleType
from typing import Any, TypeVar

import msgspec

from dalsegno import errors
from dalsegno.core.codec import shape_of
from dalsegno.core.paths import sentence
from dalsegno.errors import DalsegnoError, NotEncodable, StepFailed

MAX_MESSAGE = 4 * 1024
"""The longest message that is kept, in characters; of what is longer, the head and the tail."""

MAX_TRACEBACK = 8 * 1024
"""The longest traceback, likewise."""

_MAX_VALUES = 8 * 1024  # bytes of args, and of all attributes together
_MAX_NAMES = 32  # of classes, and of attributes
_MAX_NOTES = 8
_MAX_NAME = 512

# These act on a worker, an event loop or a coroutine when they are raised there, or are no plain
# exceptions at all; whoever catches them again would not mean a step.
_NEVER_REBUILT = (
    SystemExit,
    KeyboardInterrupt,
    GeneratorExit,
    CancelledError,
    StopIteration,
    StopAsyncIteration,
    BaseExceptionGroup,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known of an exception, as it is stored.

    ``type`` is its class (``module.qualname``) and ``mro`` this class and its bases, most specific
    first. ``args`` are None if JSON cannot hold them; ``attributes`` are those that it can.
    ``unknown`` says that the outcome is: the attempt timed out, was interrupted or cancelled in
    flight, so its effect may have happened.
    """

    type: str
    message: str = ""
    mro: tuple[str, ...] = ()
    args: tuple[Any, ...] | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    traceback: str = ""
    notes: tuple[str, ...] = ()
    unknown: bool = False

    @property
    def title(self) -> str:
        """Class and message in a line, as in ``KeyError: 'sku'``."""
        return f"{self.type.removeprefix('builtins.')}: {self.message}"

    @classmethod
    def of(cls, error: BaseException, *, unknown: bool = False) -> Failure:
        """Write down any exception. Never raises, whatever the exception does when it is looked at."""
        names = [_guarded("unknown", _name_of, base) for base in type(error).__mro__[:_MAX_NAMES]]
        return cls(
            type=names[0],
            message=_guarded("(its message cannot be shown)", _message_of, error),
            mro=tuple(name for name in names if name != "builtins.object"),
            args=_guarded(None, _args_of, error),
            attributes=_guarded({}, _attributes_of, error),
            traceback=_guarded("", _traceback_of, error),
            notes=_guarded((), _notes_of, error),
            unknown=unknown,
        )


def encode(failure: Failure) -> bytes:
    """Write a failure in the codec ``codec.JSON``."""
    return msgspec.json.encode(failure)


def decode(data: bytes) -> Failure:
    """Read a failure. Raises NotDecodable if the bytes hold none."""
    return shape_of(Failure).decode(data, "the failure")


def rebuild(failure: Failure, visible: Visible | Sequence[Mapping[str, Any]], label: str) -> Exception:
    """Make the exception that workflow code gets to see; see ``Visible.rebuild``."""
    return (visible if isinstance(visible, Visible) else Visible(visible)).rebuild(failure, label)


class Visible:
    """The exception classes that some code can see: the only ones that a failure can become.

    They are the builtin ones, those of ``dalsegno.errors``, those that are values of the namespaces
    (a function's globals), and those that are attributes of modules which are such values. The
    namespaces are read once, at the first failure.
    """

    def __init__(self, namespaces: Sequence[Mapping[str, Any]]) -> None:
        self._namespaces = (*namespaces, vars(errors), vars(builtins))

    def rebuild(self, failure: Failure, label: str) -> Exception:
        """Make an exception of the most specific visible class, else a StepFailed. Never raises.

        Neither ``__init__`` nor any other code of the class is run: arguments and attributes are put
        in place as they were. ``label`` says where it was raised, such as "step charge_payment, run
        order-123", and becomes a note.
        """
        error = next(self._candidates(failure), None) or _step_failed(failure, label)
        unshown = () if _shows(error, failure.message) else (failure.message,)
        _put(error, "__notes__", [*unshown, *failure.notes, f"raised by {label}"])
        return error

    def _candidates(self, failure: Failure) -> Iterator[Exception]:
        if any(name in _NAMES_NEVER_REBUILT for name in failure.mro):
            return
        for name in failure.mro:
            kind = self._classes.get(name)
            if kind and (error := _built(kind, failure)):
                yield error

    @cached_property
    def _classes(self) -> dict[str, type[Exception]]:
        found: dict[str, type[Exception]] = {}
        for value in self._values():
            # Of its type and not of its __class__, which a proxy computes, and may raise from.
            is_class = issubclass(type(value), type) and issubclass(value, Exception)
            if is_class and value is not Exception and not issubclass(value, _NEVER_REBUILT):
                found.setdefault(_name_of(value), value)
        return found

    def _values(self) -> Iterator[Any]:
        for namespace in self._namespaces:
            for value in list(namespace.values()):
                yield value
                if issubclass(type(value), ModuleType):
                    yield from list(vars(value).values())


def _built(kind: type[Exception], failure: Failure) -> Exception | None:
    """Make an exception by the constructor of its builtin base, which runs no code of the class."""
    base: Any = kind
    while not _is_builtin(base):
        base = base.__base__
    args = (_Verbatim(failure.message),) if failure.args is None else failure.args
    try:
        error: Exception = base.__new__(kind, *args)
        base.__init__(error, *args)
    except Exception:  # UnicodeDecodeError, for one, takes no single message
        try:
            error = base.__new__(kind)
        except TypeError:  # a class of an extension module, with a constructor of its own
            return None
        object.__setattr__(error, "args", args)
    for name, value in _attributes_for(error, failure).items():
        _put(error, name, value)
    return error


def _shows(error: Exception, message: str) -> bool:
    """Tell whether a builtin class still shows its message; any other is not asked, and trusted."""
    asked = _is_builtin(next(each for each in type(error).__mro__ if "__str__" in vars(each)))
    return not asked or len(message) == MAX_MESSAGE or str(error) == message


def _attributes_for(error: Exception, failure: Failure) -> dict[str, Any]:
    if isinstance(error, DalsegnoError):  # its __str__ reads them, and __init__ was not run
        return {"what": failure.message, "meaning": "", "mend": "", "fields": {}, **failure.attributes}
    return failure.attributes


def _put(error: Exception, name: str, value: Any) -> None:
    """Set an attribute without the class noticing: no property, no ``__setattr__`` of its own."""
    owner = next((each for each in type(error).__mro__ if name in vars(each)), object)
    member = vars(owner).get(name)
    try:
        if isinstance(member, MemberDescriptorType):
            member.__set__(error, value)
        else:
            _dict_of(error)[name] = value
    except (AttributeError, TypeError, ValueError, OverflowError):
        pass  # the class has changed since; an attribute less is better than no exception


def _step_failed(failure: Failure, label: str) -> StepFailed:
    meaning = "No exception class that this code can see matches it, so it is given as data."
    if any(name in _NAMES_NEVER_REBUILT for name in failure.mro):
        meaning = "Raised here, an exception of this kind would act on the worker; so it is given as data."
    return StepFailed(
        f"{sentence(label)} failed with {failure.title}",
        meaning,
        "Catch StepFailed and look at its `type`, or import the exception's class where the workflow is.",
        type=failure.type,
        message=failure.message,
        traceback=failure.traceback,
    )


class _Verbatim(str):
    """Text that also shows as it is where ``repr`` is asked for, as KeyError does."""

    __slots__ = ()
    __repr__ = str.__str__


_dict_of = vars(BaseException)["__dict__"].__get__  # no class can hide it


def _is_builtin(kind: type) -> bool:
    return vars(builtins).get(kind.__name__) is kind


def _guarded(otherwise: T, look: Callable[..., T], *args: Any) -> T:
    """Look at a stranger's exception: its ``__str__`` may even call sys.exit(), and must not end us."""
    try:
        return look(*args)
    except BaseException:  # as wide as it can be, on purpose
        return otherwise


def _name_of(kind: type) -> str:
    """Name a class by its module, and the program's main module by the name others import it by."""
    module = kind.__module__
    if module == "__main__":
        main = sys.modules["__main__"]
        spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
        module = spec.name.removesuffix(".__main__") if spec else PurePath(file).stem if file else module
    return _clip(f"{module}.{kind.__qualname__}", _MAX_NAME)


_NAMES_NEVER_REBUILT = frozenset(f"{kind.__module__}.{kind.__qualname__}" for kind in _NEVER_REBUILT)


def _message_of(error: BaseException) -> str:
    return _clip(str(error), MAX_MESSAGE)


def _args_of(error: BaseException) -> tuple[Any, ...] | None:
    args = list(error.args)
    data, back = shape_of().journal(args, "args")
    return tuple(back) if back == args and len(data) <= _MAX_VALUES else None


def _attributes_of(error: BaseException) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    room = _MAX_VALUES
    for name, value in dict(_found_attributes(error)).items():
        try:
            data, back = shape_of().journal({name: value}, name)
        except NotEncodable:
            continue
        if len(data) <= room and len(kept) < _MAX_NAMES and not name.startswith("__"):
            room -= len(data)
            kept |= back
    return kept


def _found_attributes(error: BaseException) -> Iterator[tuple[str, Any]]:
    """List slots (such as ``errno``, which builtin classes keep in one) and the instance's dict."""
    for base in type(error).__mro__:
        for name, member in vars(base).items():
            if isinstance(member, MemberDescriptorType):
                value = _guarded(None, member.__get__, error)
                if value is not None:
                    yield name, value
    yield from vars(error).items()


def _notes_of(error: BaseException) -> tuple[str, ...]:
    notes = getattr(error, "__notes__", ())
    return tuple(_clip(str(note), MAX_MESSAGE) for note in notes[:_MAX_NOTES])


def _traceback_of(error: BaseException) -> str:
    return _clip("".join(traceback.format_exception(error)), MAX_TRACEBACK)


def _clip(text: str, limit: int) -> str:
    """Keep head and tail of a text that is too long, and nothing in it that is no Unicode."""
    if len(text) > limit:
        cut = f"\n… {len(text) - limit:,} characters left out …\n"
        keep = limit - len(cut)
        text = text[: keep * 2 // 3] + cut + text[-(keep - keep * 2 // 3) :]
    return text.encode("utf-8", "backslashreplace").decode()[:limit]
