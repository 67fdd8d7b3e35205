"""Values to bytes and back, by type annotation.

What is written reads back as it was, or is refused where it is written: at the call, with the path
to the part that cannot be kept (``$.items[2].price``), never at a replay a week later. The bytes are
JSON, the same on every database. Nothing here unpickles, imports or calls what data names.
"""

from __future__ import annotations

import math
from functools import lru_cache
from inspect import Signature
from types import NoneType, UnionType
from typing import Any, Generic, Never, NoReturn, TypeVar, Union, get_args, get_origin, overload

import msgspec

from dalsegno.core import paths
from dalsegno.core.canonical import bare, digest, encode_args
from dalsegno.core.foreign import Coder, foreign_coder, is_foreign
from dalsegno.errors import DefinitionError, NotDecodable, NotEncodable

__all__ = ["JSON", "Shape", "digest", "encode_args", "shape_of"]

JSON = 1
"""The id of this codec, stored beside each payload."""

T = TypeVar("T")

_SCALARS = frozenset({NoneType, bool, str, int, float})
_FREE = (Any, object, Signature.empty, Never, NoReturn)  # annotations that say nothing of the value
_SMALL = 2**63
_ANNOTATE = "Add a type annotation that names its type (for a result, a return annotation)."


class Shape(Generic[T]):
    """How values of one type annotation are written and read. Get one from ``shape_of``.

    *Without an annotation* (or with ``Any``) a value must equal what plain JSON gives back, where
    a tuple may become a list. *With* one, msgspec converts: builtin types, dataclasses, attrs,
    Structs, enums, Decimal, datetime, UUID, bytes, sets, named tuples, typed dicts, and pydantic
    models by their own rules. Integers of up to 4,300 digits are kept exactly. NaN, infinities and
    lone surrogates are always refused. The bytes are for reading back; whether two values are the
    same is told by ``canonical``, because sets are written in no particular order.

    In each method ``what`` names the value for people, such as ``the result of step charge``.
    """

    __slots__ = ("_decode", "_encode", "_kept", "hint")

    def __init__(self, hint: Any) -> None:
        self.hint = Any if hint in _FREE else NoneType if hint is None else hint
        self._kept = _kept_scalars(self.hint)
        try:
            coder = foreign_coder if is_foreign(self.hint) else _msgspec_coder
            self._encode, self._decode = coder(self.hint)
        except Exception as error:  # msgspec and pydantic each have several
            raise DefinitionError(
                f"The type annotation {_readable(hint)} cannot be written and read: {paths.brief(error)}",
                "Values of this type would be lost at the first restart.",
                "Annotate a type that can be told from its JSON: msgspec Structs with a tag, for instance, "
                "where several classes are possible.",
                hint=hint,
            ) from error

    def encode(self, value: T, what: str) -> bytes:
        """Write ``value``. Raises NotEncodable if it would not read back as it is."""
        return self.journal(value, what)[0]

    def decode(self, data: bytes, what: str) -> T:
        """Read what was written, perhaps by an older version of the code. Raises NotDecodable."""
        try:
            value: T = self._decode(data)
        except Exception as error:  # a model's own validators may raise anything
            raise NotDecodable(
                f"{paths.sentence(what)} is not stored as {_readable(self.hint)}: {paths.brief(error)}",
                "It was written under another declaration, or not by this program.",
                "Declare what is stored (a new field needs a default), or give the workflow a new version.",
                hint=self.hint,
            ) from error
        return value

    def journal(self, value: T, what: str) -> tuple[bytes, T]:
        """Write ``value``, and give it as every later replay will read it.

        Running code must go on with the second, not with what it had: then live and replay are
        alike, and nobody can change afterwards what was recorded. Raises NotEncodable.
        """
        kind = type(value)
        if kind in self._kept and _is_kept(value):
            try:
                return self._encode(value), value
            except ValueError:  # a lone surrogate: told below
                pass
        try:
            data = self._encode(value)
        except Exception as error:  # an object's own serializer may raise anything
            raise self._refusal(what, self._fault(value, error)) from error
        # So encoders write what JSON has no number for; and other things, hence the second look.
        if (b"null" in data or b"NaN" in data or b"Infinity" in data) and (fault := paths.nonfinite(value)):
            raise self._refusal(what, fault)
        try:
            back = self._decode(data)
            fault = paths.lost(value, back)
        except Exception as error:
            why = f"does not read back as {_readable(self.hint)}: {paths.brief(error)}"
            raise self._refusal(what, paths.Fault("$", why, kind.__qualname__)) from error
        if fault:
            raise self._refusal(what, fault)
        return data, back

    def _fault(self, value: T, error: Exception) -> paths.Fault:
        try:
            _encoder.encode(value)
        except Exception:
            return paths.unencodable(value, _encoder.encode)
        why = f"is not {_readable(self.hint)}: {paths.brief(error)}"
        return paths.Fault("$", why, type(value).__qualname__)

    def _refusal(self, what: str, fault: paths.Fault) -> NotEncodable:
        mend = f"Make the value and its annotation {_readable(self.hint)} agree."
        return paths.refusal(what, fault, _ANNOTATE if self.hint is Any else mend)


@overload
def shape_of(hint: type[T]) -> Shape[T]: ...
@overload
def shape_of(hint: Any = ...) -> Shape[Any]: ...
def shape_of(hint: Any = Any) -> Shape[Any]:
    """Give the one Shape of a type annotation. Raises DefinitionError if there can be none."""
    try:
        hash(hint)
    except TypeError:  # Annotated[int, []] and its like
        return Shape(hint)
    return _kept_shape(hint)


@lru_cache(maxsize=1024)  # building one takes up to a millisecond
def _kept_shape(hint: Any) -> Shape[Any]:
    return Shape(hint)


def _msgspec_coder(hint: Any) -> Coder:
    return _encoder.encode, msgspec.json.Decoder(hint, dec_hook=_read_foreign).decode


def _write_foreign(value: Any) -> Any:
    """Write, for msgspec, what it does not know itself."""
    if isinstance(value, (str, int, float)):
        return bare(value)
    if is_foreign(type(value)):
        return msgspec.Raw(foreign_coder(type(value))[0](value))
    raise TypeError


def _read_foreign(kind: Any, value: Any) -> Any:
    if kind is object:
        return value
    if is_foreign(kind):
        return foreign_coder(kind)[1](_encoder.encode(value))
    raise TypeError(f"nothing tells how to make a {_readable(kind)} of JSON")


_encoder = msgspec.json.Encoder(enc_hook=_write_foreign)


def _kept_scalars(hint: Any) -> frozenset[type]:
    """List the types whose values this annotation certainly gives back as they are."""
    if hint is Any:
        return _SCALARS
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    kept = frozenset(each for each in members if isinstance(each, type) and each in _SCALARS)
    return kept if len(kept) == len(members) else kept & {NoneType}


def _is_kept(value: Any) -> bool:
    if type(value) is float:
        return math.isfinite(value)
    return type(value) is not int or -_SMALL <= value < _SMALL


def _readable(hint: Any) -> str:
    return hint.__qualname__ if isinstance(hint, type) else str(hint).replace("typing.", "")
