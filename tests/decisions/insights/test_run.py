"""Queries at work: tables, and laws against plain models."""

import math
import re
from fractions import Fraction

import pytest
from asked import START, ask, column
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.insights.budget import QueryTooLargeError
from ecsd.decisions.insights.stages import glob
from ecsd.decisions.insights.values import NUMBER, Moment, text_of

REQUESTS = (
    {"method": "GET", "status": 200, "ms": 12, "user": {"name": "ann"}},
    {"method": "GET", "status": 500, "ms": 250.5, "user": {"name": "bob"}, "error": "timeout"},
    {"method": "POST", "status": 201, "ms": 40, "ids": [7, 9]},
    "plain ERROR line user=carol, took 15ms",
)


def test_without_fields_the_time_and_the_message_come_newest_first():
    assert ask("limit 2", "a", "b", "c") == [
        {"@timestamp": "2023-11-14 22:13:22.000", "@message": "c"},
        {"@timestamp": "2023-11-14 22:13:21.000", "@message": "b"},
    ]


@pytest.mark.parametrize(
    ("condition", "matched"),
    [
        ("status = 200", 1),
        ("status != 200", 3),  # what has no status differs
        ("status >= 200 and status < 300", 2),
        ("status = '200'", 1),
        ("status in [200, 201]", 2),
        ("status not in [200, 201]", 2),
        ("method = 'GET' or status = 201", 3),
        ("not method = 'GET'", 2),
        ("user.name = 'bob'", 1),
        ("ids.1 = 9", 1),
        ("`user.name` = 'bob'", 1),
        ("@message like /ERROR|timeout/", 2),
        ("@message like 'ERROR'", 1),
        ("@message =~ /(?i)error/", 2),
        ("@message not like /(?i)error/", 2),
        ("ispresent(error)", 1),
        ("not ispresent(status)", 1),
        ("strlen(method) = 4", 1),
        ("ms / 2 > 100", 1),
        ("ms % 5 = 0", 1),
        ("2 ^ 3 = 8 and -1 < 0 and 1 + 2 * 3 = 7 and (1 + 2) * 3 = 9", 4),
        ("status = 200 or status = 500 and ms < 100", 1),
        ("strcontains(method, 'OS')", 1),
        ("tolower(method) = 'get' and toupper(method) = 'GET'", 2),
        ("isempty(error)", 3),
        ("concat(method, '-', status) = 'GET-200'", 1),
        ("substr(method, 1, 2) = 'ET'", 2),
        ("coalesce(error, 'none') = 'none'", 3),
        ("greatest(ms, 100) = 100 and least(ms, 5) = 5", 3),
        ("isIpInSubnet('10.0.1.2', '10.0.0.0/16') and isValidIpv4('1.2.3.4')", 4),
        ("isValidIp('x') or isIpv6InSubnet('10.0.0.1', '10.0.0.0/8')", 0),
        ("@logStream = 'web/1' and @log like 'g'", 4),
        ("tomillis(@timestamp) >= 1700000002000", 2),
    ],
)
def test_a_condition_keeps_what_it_is_true_of(condition, matched):
    assert len(ask(f"filter {condition}", *REQUESTS)) == matched


def test_fields_compute_and_display_chooses():
    assert ask("fields method as m, ms * 2, nothing | limit 1", REQUESTS[0]) == [
        {"m": "GET", "ms * 2": "24"}
    ]
    assert ask("fields method | fields ms + 1 as n | display n", REQUESTS[0]) == [{"n": "13"}]
    assert ask("fields method | fields status", REQUESTS[0]) == [{"method": "GET", "status": "200"}]


def test_parse_takes_parts_by_glob_and_by_regex():
    line = REQUESTS[3]
    assert ask("parse @message 'user=*, took *ms' as who, ms | display who, ms", line) == [
        {"who": "carol", "ms": "15"}
    ]
    query = r"parse @message /user=(?<who>\w+).*?(?<ms>\d+)ms/ | filter ms > 10 | display who"
    assert ask(query, line) == [{"who": "carol"}]
    assert ask("parse @message 'zzz*' as z | display z, @message", line) == [{"@message": line}]
    shown = ask("fields @message | parse @message 'plain * line' as what", line)
    assert shown == [{"@message": line, "what": "ERROR"}]


def test_stats_by_groups_and_periods():
    assert ask("stats count(*) as n, max(ms) by method | sort method", *REQUESTS) == [
        {"n": "1"},
        {"method": "GET", "n": "2", "max(ms)": "250.5"},
        {"method": "POST", "n": "1", "max(ms)": "40"},
    ]
    answer = ask("stats count(*) by bin(2s) as t | sort t", *("x" for _ in range(5)))
    assert answer == [
        {"t": "2023-11-14 22:13:20.000", "count(*)": "2"},
        {"t": "2023-11-14 22:13:22.000", "count(*)": "2"},
        {"t": "2023-11-14 22:13:24.000", "count(*)": "1"},
    ]
    assert ask("stats sum(ms) / count(*) as mean, avg(ms) as avg", *REQUESTS[:3]) == [
        {"mean": "100.8333", "avg": "100.8333"}
    ]
    assert ask("stats latest(status) as l, earliest(status) as e", *REQUESTS) == [
        {"l": "201", "e": "200"}
    ]
    two = "stats count(*) as n by method | filter ispresent(method) | stats max(n) as most"
    assert ask(two, *REQUESTS) == [{"most": "2"}]
    by_count = "stats count(*) by method | sort count(*) desc | limit 1 | display method"
    assert ask(by_count, *REQUESTS) == [{"method": "GET"}]
    assert ask("stats count_distinct(method) as d, sortsFirst(method) as f", *REQUESTS) == [
        {"d": "2", "f": "GET"}
    ]
    assert ask("stats count(*)") == []
    assert ask("stats sum(nothing) as s, count(nothing) as c", *REQUESTS) == [{"c": "0"}]


def test_dedup_keeps_the_first_of_each():
    query = "fields method | dedup method | sort @timestamp"
    assert column(query, *REQUESTS) == ["GET", "POST", None]
    assert len(ask("dedup nothing", *REQUESTS)) == 4


def test_months_and_years_begin_with_the_calendar():
    query = "fields datefloor(@timestamp, 1mo), dateceil(@timestamp, 1 year), bin(1w)"
    (row,) = ask(query, "x")
    assert [*row.values()] == [
        "2023-11-01 00:00:00.000",
        "2024-01-01 00:00:00.000",
        "2023-11-09 00:00:00.000",
    ]


def test_what_would_keep_too_much_says_so():
    for query in ("sort a | dedup a", "stats count(*) by @ptr", "stats count_distinct(@ptr)"):
        with pytest.raises(QueryTooLargeError):
            ask(query, *("x" for _ in range(50)), held=20)
    # With a limit behind it, a sort keeps little.
    assert len(ask("sort @timestamp | limit 3", *["x"] * 5000, held=1100)) == 3


def test_nothing_is_computed_from_what_is_no_number():
    query = "fields a + 1 as x, a / 0 as y, sqrt(-1) as z, log(0) as l, 5 / 0 as q, abs(a) as b"
    assert ask(f"{query} | display x, y, z, l, q, b", {"a": "text"}) == [{}]


numbers = st.integers(-1000, 1000)


@given(st.lists(st.fixed_dictionaries({"g": st.sampled_from("abc"), "v": numbers}), max_size=40))
def test_stats_are_what_a_plain_loop_says(events):
    query = (
        "stats count(*) as n, sum(v) as s, min(v) as lo, max(v) as hi, avg(v) as m, "
        "count_distinct(v) as d, pct(v, 90) as p by g"
    )
    expected = {}
    for group in {one["g"] for one in events}:
        values = [one["v"] for one in events if one["g"] == group]
        ranked = sorted(values)
        expected[group] = {
            "n": str(len(values)),
            "s": str(sum(values)),
            "lo": str(ranked[0]),
            "hi": str(ranked[-1]),
            "m": text_of(sum(values) / len(values)),
            "d": str(len(set(values))),
            "p": str(ranked[math.ceil(Fraction(90, 100) * len(ranked)) - 1]),
        }
    found = {row.pop("g"): row for row in ask(query, *events)}
    assert found == expected


@given(
    st.lists(st.tuples(numbers | st.none(), st.sampled_from("xyz")), max_size=30),
    st.booleans(),
    st.booleans(),
    st.integers(1, 12),
)
def test_sort_and_limit_are_sorted_and_a_slice(events, down, down_too, most):
    given_events = [{"n": number, "s": text, "i": i} for i, (number, text) in enumerate(events)]
    model = [*reversed(given_events)]
    model.sort(key=lambda one: one["s"], reverse=down_too)
    model.sort(
        key=lambda one: (one["n"] is not None, one["n"] if one["n"] is not None else 0),
        reverse=down,
    )
    orders = ["desc" if one else "asc" for one in (down, down_too)]
    query = f"sort n {orders[0]}, s {orders[1]} | limit {most} | display i"
    assert column(query, *given_events) == [str(one["i"]) for one in model[:most]]


expressions = st.recursive(
    st.integers(0, 9).map(str),
    lambda inner: (
        st.tuples(inner, st.sampled_from("+-*"), inner).map("({0[0]} {0[1]} {0[2]})".format)
        | st.tuples(inner, st.sampled_from("+-*"), inner).map(" ".join)
        | inner.map("-({})".format)
    ),
    max_leaves=8,
)


@given(expressions)
def test_arithmetic_is_pythons(text):
    assert column(f"fields {text} as x | display x", "m") == [str(eval(text))]


@given(st.lists(st.text("ab-", max_size=2), min_size=2, max_size=4), st.text("ab-", max_size=14))
def test_a_glob_takes_what_the_lazy_regex_takes(parts, text):
    if "" in parts[1:-1]:
        return
    lazy = "(.*?)".join(map(re.escape, parts))
    model = re.search(lazy if parts[-1] else f"{lazy.removesuffix('(.*?)')}(.*)$", text)
    found = glob(parts, text)
    assert (found is None) == (model is None)
    if model is not None:
        assert found == [*model.groups()]


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_a_number_that_is_shown_can_be_read_again(number):
    assert NUMBER.fullmatch(text_of(number))


def test_a_moment_is_shown_as_a_date_and_far_ones_as_numbers():
    assert text_of(Moment(START + 7)) == "2023-11-14 22:13:20.007"
    assert text_of(Moment(10**18)) == str(10**18)
