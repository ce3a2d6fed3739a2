"""Transforms of rules: kinds, limits, expressions, and only where something is forwarded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.balancers.rule_transforms import CONFIGS, check_transforms

FORWARD = [{"Type": "forward", "TargetGroupArn": "arn"}]
FIXED = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]


def url(regex="^/a(.*)", replace="/b$1"):
    rewrites = [{"Regex": regex, "Replace": replace}]
    return {"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": rewrites}}


def host(regex="^a$", replace="b"):
    rewrites = [{"Regex": regex, "Replace": replace}]
    return {"Type": "host-header-rewrite", "HostHeaderRewriteConfig": {"Rewrites": rewrites}}


@pytest.mark.parametrize("transforms", [[], [url()], [host()], [host(), url()], [url("a", "")]])
def test_what_a_rule_may_rewrite(transforms):
    assert list(check_transforms(transforms, FORWARD)) == []


@pytest.mark.parametrize(
    ("transforms", "words"),
    [
        ([url(), url()], "only have one 'url-rewrite' transform"),
        ([{"Type": "body-rewrite"}], "must be one of 'host-header-rewrite,url-rewrite'"),
        ([url() | {"Type": "host-header-rewrite"}], "UrlRewriteConfig cannot be specified"),
        ([{"Type": "url-rewrite"}], "UrlRewriteConfig: exactly one rewrite"),
        ([url("")], "Regex must be specified"),
        ([url("x" * 1025)], "Regex may have at most 1024"),
        ([url(replace="x" * 1025)], "Replace may have at most 1024"),
        ([url(replace="a\nb")], "contains a character that is not valid"),
        ([host("(")], "The regular expression '(' is not valid"),
        ([url("^/a", "/$1")], "refers to a group that is not there: $1"),
    ],
)
def test_what_it_may_not(transforms, words):
    found = list(check_transforms(transforms, FORWARD))
    assert any(words in one for one in found), found


def test_what_is_not_forwarded_is_not_rewritten():
    assert "a rule that forwards" in next(check_transforms([url()], FIXED))


texts = st.text(max_size=20)
rewrites = st.lists(
    st.fixed_dictionaries({}, optional={"Regex": texts, "Replace": texts}), max_size=2
)
anything = st.fixed_dictionaries(
    {},
    optional={
        "Type": st.sampled_from([*CONFIGS, "x", ""]),
        **dict.fromkeys(
            CONFIGS.values(), st.fixed_dictionaries({}, optional={"Rewrites": rewrites})
        ),
    },
)


@given(st.lists(anything, max_size=3))
def test_no_transform_is_too_strange_to_be_judged(transforms):
    assert all(isinstance(one, str) for one in check_transforms(transforms, FORWARD))
