"""A hint for people whether a run's code has changed since it was started; nothing decides by it.

Algorithm 1: the source tokens, without comments and layout, of the workflow and of the plain
functions of its own package that it names, directly or through one another. Bodies of steps are left
out: they may change freely.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import io
import tokenize
from types import FunctionType
from typing import Any

from dalsegno.engine.definitions import Workflow

ALGORITHM = 1
_LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}


@functools.lru_cache(maxsize=1024)
def fingerprint(workflow: Workflow[Any, Any]) -> str:
    """Return "1:" and 12 hex digits; the empty text where the source is not to be had."""
    seen: dict[str, str] = {}
    _collect(workflow.function, seen)
    if not all(seen.values()):
        return ""
    text = "\0".join(f"{name}\1{source}" for name, source in sorted(seen.items()))
    return f"{ALGORITHM}:{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _collect(function: Any, seen: dict[str, str]) -> None:
    name = f"{function.__module__}.{function.__qualname__}"
    if name in seen:
        return
    seen[name] = _tokens(function)
    package = function.__module__.split(".")[0]
    for named in function.__code__.co_names:
        other = function.__globals__.get(named)
        if isinstance(other, Workflow):
            other = other.function
        if isinstance(other, FunctionType) and other.__module__.split(".")[0] == package:
            _collect(other, seen)


def _tokens(function: Any) -> str:
    try:
        source = inspect.getsource(function)
        readline = io.StringIO(inspect.cleandoc(source) + "\n").readline
        return " ".join(t.string for t in tokenize.generate_tokens(readline) if t.type not in _LAYOUT)
    except (OSError, TypeError, tokenize.TokenError, SyntaxError):
        return ""
