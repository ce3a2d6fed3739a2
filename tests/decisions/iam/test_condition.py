"""Condition operators, by AWS's documentation."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from iam_worlds import condition, outcome, request, statement

ARN = "arn:aws:sns:us-east-1:111122223333:topic"


@pytest.mark.parametrize(
    ("operator", "wanted", "given", "holds"),
    [
        ("StringEquals", "Admin", "Admin", True),
        ("StringEquals", "Admin", "admin", False),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a*", "abc", False),  # no wildcards but in Like
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", ["a", "b"], "c", True),
        ("StringNotEquals", "a", ["a", "b"], False),  # several values: none may match
        ("StringEquals", "a", ["a", "b"], True),
        ("StringEqualsIgnoreCase", "ADMIN", "admin", True),
        ("StringNotEqualsIgnoreCase", "ADMIN", "admin", False),
        ("StringLike", "a*c?", "abbcd", True),
        ("StringLike", "a*", "Abc", False),
        ("StringLike", "repo:me/app:*", "repo:me/app:ref:refs/heads/main", True),
        ("StringNotLike", "a*", "abc", False),
        ("NumericEquals", "10", "10.0", True),
        ("NumericEquals", 10, "10", True),
        ("NumericNotEquals", "10", "11", True),
        ("NumericLessThan", "10", "9", True),
        ("NumericLessThan", "10", "10", False),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericGreaterThan", "10", "9", False),
        ("NumericGreaterThanEquals", "10", "10", True),
        ("NumericEquals", "10", "ten", False),
        ("DateEquals", "2026-01-01T00:00:00Z", "1767225600", True),
        ("DateNotEquals", "2026-01-01T00:00:00Z", "1767225600", False),
        ("DateLessThan", "2026-01-02", "2026-01-01T23:00:00Z", True),
        ("DateLessThanEquals", "2026-01", "2026-01-01", True),
        ("DateGreaterThan", "2018-08-16T12:00:00Z", "2019-04-25T11:00:00Z", True),
        ("DateGreaterThanEquals", "2018-08-16T12:00:00Z", "2014-04-25T11:00:00Z", False),
        ("DateEquals", "never", "2026-01-01", False),
        ("Bool", "true", "True", True),
        ("Bool", True, "true", True),
        ("Bool", "true", "false", False),
        ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", True),
        ("BinaryEquals", "QmluYXJ5", "QmluYXJ6", False),
        ("IpAddress", "203.0.113.0/24", "203.0.113.9", True),
        ("IpAddress", ["203.0.113.0/24", "2001:DB8:1234:5678::/64"], "2001:db8:1234:5678::1", True),
        ("IpAddress", "203.0.113.0/24", "203.0.114.9", False),
        ("IpAddress", "203.0.113.7", "203.0.113.7", True),
        ("IpAddress", "0.0.0.0/0", "::1", False),
        ("IpAddress", "0.0.0.0/0", "nonsense", False),
        ("NotIpAddress", "203.0.113.0/24", "203.0.113.9", False),
        ("NotIpAddress", "203.0.113.0/24", "198.51.100.1", True),
        ("ArnEquals", ARN, ARN, True),
        ("ArnEquals", "arn:aws:sns:*:111122223333:*", ARN, True),  # as ArnLike
        ("ArnLike", "arn:aws:sns:*:*:to*c", ARN, True),
        ("ArnLike", "arn:aws:sns:*:topic", ARN, False),  # a part's * stays in it
        ("ArnLike", "arn:aws:s?s:us-east-1:111122223333:topic", ARN, True),
        ("ArnNotEquals", ARN, ARN, False),
        ("ArnNotLike", "arn:aws:sns:*:*:other", ARN, True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
        ("ForAllValues:StringNotEquals", ["a"], ["b", "a"], False),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c", "b"], True),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c"], False),
        ("ForAnyValue:StringNotEquals", ["a"], ["a", "b"], True),
        ("ForAnyValue:StringLike", ["a*"], ["x", "ab"], True),
        ("Null", "true", "here", False),
        ("Null", "false", "here", True),
        ("stringequals", "a", "a", True),  # operators' case does not count
    ],
)
def test_an_operator_compares_as_documented(operator, wanted, given, holds):
    assert condition(operator, "aws:Key", wanted, given) is holds


@pytest.mark.parametrize(
    ("operator", "holds"),
    [
        ("StringEquals", False),
        ("StringNotEquals", True),
        ("StringLikeIfExists", True),
        ("ArnNotLike", True),
        ("NumericLessThan", False),
        ("NumericLessThanIfExists", True),
        ("BoolIfExists", True),
        ("IpAddress", False),
        ("NotIpAddress", True),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("ForAnyValue:StringEqualsIfExists", True),
    ],
)
def test_an_absent_key_is_judged_by_the_operator(operator, holds):
    assert condition(operator, "aws:Key", "1") is holds


def test_null_asks_whether_a_key_is_absent():
    assert condition("Null", "aws:Key", "true")
    assert not condition("Null", "aws:Key", "false")
    assert not condition("Null", "aws:Key", "false", ())


def test_keys_are_not_case_sensitive():
    assert condition("StringEquals", "AWS:userNAME", "x", aws__username="x")


def test_all_keys_and_operators_of_a_block_have_to_hold():
    block = {
        "StringEquals": {"aws:A": "1", "aws:B": "2"},
        "NumericLessThan": {"aws:C": "3"},
    }
    allow = statement(Condition=block)
    assert outcome(request(aws__a="1", aws__b="2", aws__c="2"), allow) == "allowed"
    assert outcome(request(aws__a="1", aws__b="x", aws__c="2"), allow) == "implicitDeny"
    assert outcome(request(aws__a="1", aws__b="2", aws__c="4"), allow) == "implicitDeny"


def test_variables_stand_for_what_the_request_has():
    like = ("StringLike", "s3:prefix", "home/${aws:username}/*")
    assert condition(*like, "home/bob/x", aws__username="bob")
    assert not condition(*like, "home/eve/x", aws__username="bob")
    assert not condition(*like, "home/bob/x")
    assert not condition(*like, "home/bob/x", aws__username=["bob", "eve"])
    assert condition("StringEquals", "aws:K", "${aws:username, 'nobody'}", "nobody")
    assert condition("StringEquals", "aws:K", "${aws:username, 'nobody'}", "b", aws__username="b")
    assert condition("StringEquals", "aws:K", "a${*}b${?}c${$}", "a*b?c$")
    assert not condition("StringLike", "aws:K", "a${*}", "ab")


def test_a_variables_value_has_no_wildcards():
    like = ("StringLike", "s3:prefix", "home/${aws:username}/*")
    assert not condition(*like, "home/eve/x", aws__username="*")
    assert condition(*like, "home/*/x", aws__username="*")
