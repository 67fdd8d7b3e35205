from __future__ import annotations

import dataclasses
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dalsegno.core.clock import MILLISECOND, MINUTE, SECOND
from dalsegno.core.retry import SHORTEST, Retry
from dalsegno.errors import DefinitionError

RNG = random.Random(0)
FAILURE = ConnectionError("no route")


def delays(policy, count):
    return [policy.next(attempt, FAILURE, RNG) for attempt in range(1, count + 1)]


def test_delays_grow_by_the_factor_up_to_the_longest():
    policy = Retry(attempts=None, first="1s", factor=3, max="10s", jitter=0)
    assert delays(policy, 5) == [SECOND, 3 * SECOND, 9 * SECOND, 10 * SECOND, 10 * SECOND]


def test_attempts_count_the_first_one():
    assert [delay is None for delay in delays(Retry(attempts=3), 4)] == [False, False, True, True]
    assert delays(Retry(attempts=1), 1) == [None]


def test_without_a_limit_of_attempts_there_is_always_another():
    policy = Retry(attempts=None, jitter=0)
    assert policy.next(10**6, FAILURE, RNG) == MINUTE
    assert policy.next(10**400, FAILURE, RNG) == MINUTE


def test_retrying_is_never_a_hot_loop():
    assert delays(Retry(attempts=None, first=0, max=0), 3) == [SHORTEST] * 3
    assert SHORTEST == 10 * MILLISECOND


def test_only_errors_of_the_given_kinds_are_retried():
    policy = Retry(on=(OSError,), non_retryable=PermissionError)
    assert policy.next(1, ConnectionError(), RNG) is not None
    assert policy.next(1, PermissionError(), RNG) is None
    assert policy.next(1, ValueError(), RNG) is None
    assert Retry().next(1, SystemExit(), RNG) is None


@given(
    st.integers(1, 10**6),
    st.floats(1, 1e6),
    st.floats(0, 1),
    st.integers(0, 10**4),
    st.integers(0, 10**6),
    st.integers(),
)
def test_every_delay_keeps_its_bounds(attempt, factor, jitter, first, more, seed):
    policy = Retry(attempts=None, first=first, factor=factor, max=first + more, jitter=jitter)
    delay = policy.next(attempt, FAILURE, random.Random(seed))
    assert SHORTEST <= delay <= max(SHORTEST, (first + more) * SECOND)
    assert delay == policy.next(attempt, FAILURE, random.Random(seed))


def test_jitter_takes_at_most_its_share_off():
    policy = Retry(attempts=None, first="10s", factor=1, jitter=0.5)
    spread = [policy.next(1, FAILURE, random.Random(seed)) for seed in range(200)]
    assert 5 * SECOND <= min(spread) < 6 * SECOND < 9 * SECOND < max(spread) <= 10 * SECOND


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"attempts": 0}, r"attempts=0.*from 1 up"),
        ({"attempts": 2.0}, r"attempts=2.0.*whole number"),
        ({"attempts": True}, r"attempts=True.*whole number"),
        ({"factor": 0.5}, r"factor=0.5.*from 1 up"),
        ({"factor": math.nan}, r"factor=nan.*finite"),
        ({"factor": math.inf}, r"factor=inf.*finite"),
        ({"factor": "2"}, r"factor='2'"),
        ({"jitter": 1.1}, r"jitter=1.1.*from 0 to 1"),
        ({"jitter": math.nan}, r"jitter=nan"),
        ({"first": "soon"}, r"first= of a Retry 'soon' cannot be read"),
        ({"max": -1}, r"max= of a Retry -1 is negative"),
        ({"first": "5m"}, r"first='5m'.*not be longer than max, which is 1m"),
        ({"on": ValueError("x")}, r"on=.*exception classes"),
        ({"on": (int,)}, r"on=.*<class 'int'> is none"),
        ({"non_retryable": "ValueError"}, r"non_retryable='ValueError'"),
    ],
)
def test_a_policy_that_cannot_work_is_refused_where_it_is_declared(arguments, message):
    with pytest.raises(DefinitionError, match=message):
        Retry(**arguments)


def test_a_policy_is_a_value():
    assert Retry(attempts=5) == Retry(attempts=5)
    assert len({Retry(), Retry()}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        Retry().attempts = 9
