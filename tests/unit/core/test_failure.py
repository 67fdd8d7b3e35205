from __future__ import annotations

import asyncio
import builtins
import json
import subprocess
import sys
import types
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dalsegno import errors
from dalsegno.core.failure import MAX_MESSAGE, MAX_TRACEBACK, Failure, Visible, decode, encode, rebuild
from dalsegno.errors import NotDecodable, StepFailed

LABEL = "step charge, run order-123"


class Declined(Exception):
    """Its constructor takes what args do not hold."""

    def __init__(self, order, *, reason):
        super().__init__(f"{order}: {reason}")
        self.order = order
        self.reason = reason


class Slotted(ValueError):
    __slots__ = ("code",)

    def __init__(self, code):
        self.code = code


class Guarded(Exception):
    ran: ClassVar[list[str]] = []

    def __new__(cls, *args):
        cls.ran.append("new")
        return super().__new__(cls, *args)

    def __init__(self, *args):
        self.ran.append("init")

    def __setattr__(self, name, value):
        self.ran.append(f"set {name}")
        super().__setattr__(name, value)

    @property
    def owner(self):
        return "nobody"


class Hostile(Exception):
    """Everything that is looked at raises."""

    def __str__(self):
        raise SystemExit(3)

    def __repr__(self):
        raise KeyboardInterrupt

    @property
    def args(self):
        raise SystemExit

    @property
    def __notes__(self):
        raise RuntimeError

    @property
    def __dict__(self):
        raise RuntimeError


class Wild(ValueError, KeyError):
    pass


class Fatal(ValueError, KeyboardInterrupt):
    pass


def caught(error):
    try:
        raise error
    except BaseException as raised:
        return raised


def made(what):
    try:
        what()
    except BaseException as raised:
        return raised
    raise AssertionError


def round_trip(error, *namespaces):
    return rebuild(decode(encode(Failure.of(error))), namespaces or [globals()], LABEL)


ORDINARY = [
    ValueError("no"),
    ValueError(),
    ValueError("a", 1),
    ValueError((1, 2)),
    ValueError({"k": [1, None]}),
    KeyError("sku"),
    KeyError(("a", 1)),
    KeyError(object),
    LookupError("\x00 🛒"),
    TimeoutError("late"),
    RecursionError("deep"),
    MemoryError(),
    UnicodeEncodeError("ascii", "é", 0, 1, "ordinal not in range(128)"),
    made(lambda: {}["sku"]),
    made(lambda: open("/nowhere/at all")),  # noqa: SIM115
    made(lambda: int("x")),
    made(lambda: 1 / 0),
    made(lambda: [].nothing),
    made(lambda: __import__("nowhere")),
    made(lambda: compile("1 +", "<text>", "exec")),
    made(lambda: json.loads("{")),
    Declined("order-1", reason="funds"),
    Slotted(7),
    errors.StepTimeout("w", "m", "d", seconds=5),
    errors.ResultTimeout("w"),
    errors.NotEncodable("w", path="$", type="Decimal"),
    errors.RunFailed("w", error=object()),
]


@pytest.mark.parametrize("error", ORDINARY, ids=lambda error: repr(error)[:40])
def test_an_exception_comes_back_as_its_class_and_with_its_message(error):
    back = round_trip(error)
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert back.__notes__ == [f"raised by {LABEL}"]


def test_args_and_attributes_come_back():
    back = round_trip(caught(Declined("order-1", reason="funds")))
    assert (back.args, back.order, back.reason) == (("order-1: funds",), "order-1", "funds")
    assert round_trip(Slotted(7)).code == 7


def test_what_the_operating_system_said_comes_back():
    back = round_trip(FileNotFoundError(2, "No such file", "a.txt"))
    assert (back.errno, back.strerror, back.filename) == (2, "No such file", "a.txt")
    assert str(back) == "[Errno 2] No such file: 'a.txt'"


def test_attributes_that_json_cannot_hold_are_left_out():
    error = Declined("order-1", reason=object())
    error.__dict__.update({"items": (1, 2), "\ud800": 1, "nan": float("nan"), "huge": "x" * 10**5})
    assert Failure.of(error).attributes == {"order": "order-1", "items": [1, 2]}


def test_of_many_attributes_only_some_are_kept():
    error = ValueError()
    error.__dict__.update({f"a{n}": n for n in range(10_000)})
    assert len(Failure.of(error).attributes) == 32


def test_notes_come_back_before_ours():
    error = ValueError("no")
    error.add_note("look at the till")
    assert round_trip(error).__notes__ == ["look at the till", f"raised by {LABEL}"]


def test_a_message_that_a_builtin_class_cannot_show_any_more_becomes_a_note():
    back = round_trip(made(b"\xff".decode))
    assert isinstance(back, UnicodeDecodeError)
    assert back.__notes__[0].startswith("'utf-8' codec can't decode byte 0xff")
    assert back.reason == "invalid start byte"


def test_none_of_the_classs_own_code_runs():
    failure = Failure.of(Guarded("a", "b"))
    stored = replace(failure, attributes={"owner": 1, "x": 2})
    Guarded.ran.clear()
    back = rebuild(stored, [globals()], LABEL)
    assert type(back) is Guarded
    assert back.args == ("a", "b")
    assert back.x == 2
    assert Guarded.ran == []


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        asyncio.CancelledError("x"),
        StopIteration(1),
        StopAsyncIteration(),
        Fatal("x"),
        ExceptionGroup("several", [ValueError("one")]),
        BaseExceptionGroup("several", [SystemExit()]),
        Exception("plain"),
        BaseException("bare"),
        type("Unseen", (Exception,), {})("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_must_not_be_raised_or_is_not_visible_comes_back_as_a_failed_step(error):
    failure = decode(encode(Failure.of(caught(error))))
    back = rebuild(failure, [globals()], LABEL)
    assert type(back) is StepFailed
    assert (back.type, back.message) == (failure.type, str(error))
    assert "Traceback" in back.traceback
    kind = failure.type.removeprefix("builtins.")
    assert str(back).startswith(f"Step charge, run order-123 failed with {kind}: ")


def test_the_parts_of_a_group_are_told_in_its_traceback():
    failure = Failure.of(ExceptionGroup("several", [ValueError("one"), KeyError("two")]))
    assert "ValueError: one" in failure.traceback
    assert "KeyError: 'two'" in failure.traceback


def test_the_most_specific_visible_base_is_taken():
    class Hidden(Declined):
        pass

    back = round_trip(Hidden("order-1", reason="funds"))
    assert type(back) is Declined
    assert type(round_trip(Hidden("order-1", reason="funds"), {})) is StepFailed


def test_classes_are_visible_in_namespaces_and_in_the_modules_there_one_level_deep():
    outer, inner = types.ModuleType("outer"), types.ModuleType("inner")
    error = type("Far", (Exception,), {"__module__": "outer"})
    outer.inner, inner.Far = inner, error
    assert type(round_trip(error("x"), {"Far": error})) is error
    assert type(round_trip(error("x"), {"inner": inner})) is error
    assert type(round_trip(error("x"), {"outer": outer})) is StepFailed


def test_two_classes_of_one_name_are_told_apart_by_their_modules():
    ours = type("Timeout", (Exception,), {"__module__": "ours"})
    theirs = type("Timeout", (Exception,), {"__module__": "theirs"})
    namespace = {"Timeout": ours}
    assert type(round_trip(ours("x"), namespace)) is ours
    assert type(round_trip(theirs("x"), namespace)) is StepFailed


def test_namespaces_may_hold_proxies_that_raise_when_asked_what_they_are():
    class Proxy:
        @property
        def __class__(self):
            raise RuntimeError("working outside of request context")

    assert type(round_trip(Declined("a", reason="b"), {"request": Proxy(), "Declined": Declined})) is Declined


def test_a_stored_name_imports_nothing(tmp_path, monkeypatch):
    (tmp_path / "bomb.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    failure = Failure("bomb.Error", "boom", ("bomb.Error", "os.system", "builtins.eval"))
    assert type(rebuild(failure, [globals(), {"os": sys.modules["os"]}], LABEL)) is StepFailed
    assert "bomb" not in sys.modules


def test_namespaces_are_read_once_for_many_failures():
    namespace = {"Declined": Declined}
    visible = Visible([namespace])
    failure = Failure.of(Declined("a", reason="b"))
    assert type(visible.rebuild(failure, LABEL)) is Declined
    namespace.clear()
    assert type(rebuild(failure, visible, LABEL)) is Declined


def test_an_error_of_the_main_program_is_known_where_the_program_is_a_module(tmp_path):
    (tmp_path / "orders.py").write_text(
        "from dalsegno.core.failure import Failure, encode\n"
        "class Declined(Exception): pass\n"
        "if __name__ == '__main__': print(encode(Failure.of(Declined('no'))).decode())\n"
    )
    command = [sys.executable, "orders.py"]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)
    failure = decode(done.stdout)
    orders = types.ModuleType("orders")
    exec((tmp_path / "orders.py").read_text(), vars(orders))
    assert failure.type == "orders.Declined"
    assert type(rebuild(failure, [vars(orders)], LABEL)) is orders.Declined


def test_hostile_exceptions_are_written_down_all_the_same():
    failure = Failure.of(caught(Hostile("x")))
    assert failure.message == "(its message cannot be shown)"
    assert failure.type.endswith("Hostile")
    assert decode(encode(failure)) == failure
    assert type(rebuild(failure, [globals()], LABEL)) is Hostile


def test_every_builtin_exception_class_can_be_written_down_and_rebuilt():
    for kind in vars(builtins).values():
        if isinstance(kind, type) and issubclass(kind, BaseException):
            args = ("several", [ValueError()]) if issubclass(kind, BaseExceptionGroup) else ()
            assert isinstance(round_trip(kind.__new__(kind, *args)), (kind, StepFailed))


def test_long_texts_keep_their_head_and_their_tail():
    failure = Failure.of(caught(ValueError("head" + "x" * 10**6 + "tail")))
    assert len(failure.message) <= MAX_MESSAGE
    assert failure.message.startswith("headx")
    assert failure.message.endswith("xtail")
    assert "characters left out" in failure.message
    assert len(failure.traceback) <= MAX_TRACEBACK
    assert failure.args is None
    assert str(rebuild(failure, [], LABEL)) == failure.message


def test_a_chain_of_causes_a_thousand_long_is_bounded():
    error = ValueError("first")
    for n in range(1000):
        error = caught_from(ValueError(n), error)
    assert len(encode(Failure.of(error))) < 20_000


def caught_from(error, cause):
    try:
        raise error from cause
    except ValueError as raised:
        return raised


def test_a_recursion_without_end_is_written_down():
    def again():
        again()

    failure = Failure.of(made(again))
    assert failure.type == "builtins.RecursionError"
    assert "more times" in failure.traceback or "left out" in failure.traceback


def test_lone_surrogates_are_shown_escaped():
    assert Failure.of(ValueError("a\ud800")).message == "a\\ud800"


@given(st.lists(st.text(st.characters()) | st.integers() | st.floats() | st.binary() | st.none(), max_size=3))
def test_whatever_an_exception_holds_it_is_written_down_and_rebuilt(args):
    failure = Failure.of(Wild(*args))
    assert repr(decode(encode(failure))) == repr(failure)
    assert type(round_trip(Wild(*args))) is Wild


json_values: Any = st.none() | st.integers() | st.text() | st.lists(st.integers(), max_size=2)


@example("builtins.UnicodeDecodeError", None, {"start": 2**63})  # more than its slot holds
@given(
    st.sampled_from(
        ["builtins.OSError", "builtins.UnicodeDecodeError", "builtins.SyntaxError", f"{__name__}.Slotted"]
    ),
    st.none() | st.lists(json_values, max_size=6).map(tuple),
    st.dictionaries(st.sampled_from(["errno", "args", "msg", "code", "start", "__class__"]), json_values),
)
def test_whatever_is_stored_rebuilding_it_gives_an_exception(name, args, attributes):
    failure = Failure(name, "m", (name, "builtins.ValueError"), args, attributes)
    back = rebuild(failure, [globals()], LABEL)
    assert isinstance(back, Exception)
    assert isinstance(str(back), str)


def test_a_title_names_builtin_classes_as_people_do():
    assert Failure.of(ValueError("no funds")).title == "ValueError: no funds"
    assert Failure.of(Wild()).title.startswith(f"{Wild.__module__}.Wild: ")


def test_an_unknown_outcome_is_remembered():
    assert decode(encode(Failure.of(TimeoutError(), unknown=True))).unknown
    assert not Failure.of(TimeoutError()).unknown


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"type": 5}'])
def test_bytes_that_hold_no_failure_are_refused(data):
    with pytest.raises(NotDecodable, match="The failure is not stored as Failure"):
        decode(data)
