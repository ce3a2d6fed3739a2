"""A burst is answered at once, then as many as the steady rate lets through."""

from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.request_rate import Rate, take

RATE = Rate(40, 60)


def answered(moments, rate=RATE):
    bucket, count = None, 0
    for moment in moments:
        bucket, passed = take(bucket, rate, moment)
        count += passed
    return count


def test_a_burst_passes_and_then_the_steady_rate():
    assert answered([0.0] * 100) == 60
    assert answered([0.0] * 100 + [1.0] * 100) == 100


@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=400).map(sorted),
    st.integers(1, 50),
    st.integers(0, 50),
)
def test_never_more_than_the_burst_and_the_rate_since(moments, steady, more):
    rate = Rate(steady, steady + more)
    assert answered(moments, rate) <= rate.burst + (moments[-1] - moments[0]) * steady + 1e-6
