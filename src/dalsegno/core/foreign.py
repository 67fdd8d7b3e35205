"""Types that bring an encoding of their own: pydantic's models, dataclasses and special types.

Pydantic is an extra. It is imported only here, and only once a type annotation or a value shows that
the program uses it already.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Coder: TypeAlias = tuple[Callable[[Any], bytes], Callable[[bytes], Any]]
"""How to write a value as JSON, and how to read it."""


def is_foreign(hint: Any, _within: tuple[Any, ...] = ()) -> bool:
    """Tell whether a type annotation is, or contains, a type with a pydantic schema."""
    if hasattr(hint, "__pydantic_core_schema__") or hasattr(hint, "__get_pydantic_core_schema__"):
        return True
    if any(hint is alias for alias in _within):
        return False
    if hasattr(hint, "__value__"):  # a `type X = ...` statement, which may name itself
        return is_foreign(hint.__value__, (*_within, hint))
    return any(is_foreign(part, _within) for part in get_args(hint))


def foreign_coder(hint: Any) -> Coder:
    """Give pydantic's coder for an annotation. It raises what pydantic raises."""
    adapter = _adapter(hint)
    return (
        # By name, since an alias may serve one direction only. Warnings are values of other types.
        lambda value: adapter.dump_json(value, by_alias=False, round_trip=True, warnings="error"),
        lambda data: adapter.validate_json(data, by_alias=True, by_name=True),
    )


def foreign_plain(value: Any) -> Any:
    """Reduce a value of a foreign type to what JSON has."""
    return _adapter(type(value)).dump_python(value, mode="json")


def _adapter(hint: Any) -> TypeAdapter[Any]:
    try:
        hash(hint)
    except TypeError:  # list[Annotated[Model, []]] and its like
        return _new_adapter(hint)
    return _kept_adapter(hint)


def _new_adapter(hint: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(hint)


_kept_adapter = lru_cache(maxsize=1024)(_new_adapter)  # building one takes a millisecond
