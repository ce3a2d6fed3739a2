"""A strategy fills its base first and then keeps to its weights."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.services.capacity_shares import choose, problems

weights = st.lists(st.integers(0, 20), min_size=1, max_size=4).filter(any)


def strategy(shares, base=0, base_at=0):
    items = [{"capacityProvider": f"p{n}", "weight": weight} for n, weight in enumerate(shares)]
    items[base_at]["base"] = base
    return items


def placed(wanted, number):
    counts = Counter()
    for _ in range(number):
        counts[choose(wanted, counts)] += 1
    return counts


@given(weights, st.integers(0, 10), st.data())
def test_every_provider_stays_within_one_task_of_its_share(shares, base, data):
    base_at = data.draw(st.integers(0, len(shares) - 1))
    number = data.draw(st.integers(0, 60))
    counts = placed(strategy(shares, base, base_at), number)
    assert counts[f"p{base_at}"] >= min(base, number)
    rest = max(0, number - base)
    for n, weight in enumerate(shares):
        own = counts[f"p{n}"] - (min(base, number) if n == base_at else 0)
        assert abs(own - rest * weight / sum(shares)) < len(shares)
        assert weight or own == 0


def test_one_to_four_is_one_to_four():
    assert placed(strategy([1, 4]), 10) == {"p0": 2, "p1": 8}


def test_a_base_comes_first_and_is_not_counted_again():
    assert placed(strategy([1, 1], base=4), 8) == {"p0": 6, "p1": 2}


def test_a_single_item_needs_no_weight():
    assert choose([{"capacityProvider": "FARGATE"}], {}) == "FARGATE"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([{"capacityProvider": "a"}, {"capacityProvider": "b"}], "weight greater than 0"),
        ([{"capacityProvider": "a", "weight": 0}], "weight greater than 0"),
        ([{"capacityProvider": "a", "weight": 1}] * 2, "more than once"),
        ([{"capacityProvider": "a", "weight": 1001}], "weight must be between"),
        ([{"capacityProvider": "a", "weight": 1, "base": -1}], "base must be between"),
        (
            [
                {"capacityProvider": "a", "weight": 1, "base": 1},
                {"capacityProvider": "b", "base": 1},
            ],
            "Only one",
        ),
        ([{"capacityProvider": str(n), "weight": 1} for n in range(21)], "maximum of 20"),
    ],
)
def test_what_says_nothing_is_a_problem(given, words):
    assert words in next(problems(given))


def test_a_good_strategy_has_no_problem():
    assert list(problems(strategy([0, 3], base=2))) == []
    assert list(problems([])) == []
