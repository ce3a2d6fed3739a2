"""Conditions of rules: limits, characters, both forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.balancers.condition_checks import CONFIGS, check_conditions, complete_condition


def host(*values):
    return {"Field": "host-header", "HostHeaderConfig": {"Values": list(values)}}


def path(*values):
    return {"Field": "path-pattern", "Values": list(values)}


def regex(*values):
    return {"Field": "path-pattern", "PathPatternConfig": {"RegexValues": list(values)}}


def header(name, *values):
    config = {"HttpHeaderName": name, "Values": list(values)}
    return {"Field": "http-header", "HttpHeaderConfig": config}


def method(*values):
    return {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": list(values)}}


def query(*values):
    return {"Field": "query-string", "QueryStringConfig": {"Values": list(values)}}


def source(*values):
    return {"Field": "source-ip", "SourceIpConfig": {"Values": list(values)}}


@pytest.mark.parametrize(
    "conditions",
    [
        [host("example.com", "*.example.com")],
        [path("/api/*", "/a?c", "/literal\\*")],
        [header("X-Env", "dev*"), header("User-Agent", "*Chrome*", "a b")],
        [method("GET", "M-SEARCH")],
        [query({"Key": "v", "Value": "1"}, {"Value": "*x*"})],
        [source("10.0.0.0/8", "192.0.2.1/32")],
        [path("/" + "x" * 127)],
        [regex("^/api/v[0-9]+", "x*" * 60)],
        [{"Field": "host-header", "RegexValues": ["^a[.]b$"]}],
        [path("/*******".replace("*", "\\*"))],
        [host("a"), path("/b"), method("GET"), source("10.0.0.0/8"), query({"Value": "x"})],
        [path("/a") | {"PathPatternConfig": {"Values": ["/a"]}}],
        [source("10.0.0.0/8") | {"RegexValues": [], "HostHeaderConfig": {}}],
    ],
)
def test_what_a_rule_may_ask(conditions):
    assert list(check_conditions(conditions)) == []


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ([], "A condition must be specified"),
        ([{"Values": ["/a"]}], "A condition field must be specified"),
        ([{"Field": "cookie", "Values": ["a"]}], "Condition field 'cookie' must be one of"),
        ([path()], "A condition value must be specified"),
        ([path("")], "contains a character that is not valid"),
        ([path("/a"), path("/b")], "A rule can only have one 'path-pattern' condition"),
        ([host("a"), host("b")], "A rule can only have one 'host-header' condition"),
        ([method("GET"), method("PUT")], "only have one 'http-request-method' condition"),
        ([source("10.0.0.0/8"), source("10.0.0.0/9")], "only have one 'source-ip' condition"),
        ([path(*"123456")], "A rule can only have '5' condition values"),
        ([host(*"abc"), path(*"abc")], "A rule can only have '5' condition values"),
        ([path("*" * 4), host("?.*.*")], "A rule can only have '6' condition wildcards"),
        ([path("/" + "x" * 128)], "at most 128 characters"),
        ([path("/a b")], "'/a b' contains a character that is not valid"),
        ([path("/a\n")], "contains a character that is not valid"),
        ([path("/é")], "contains a character that is not valid"),
        ([host("a b")], "contains a character that is not valid"),
        ([host("a{b}")], "contains a character that is not valid"),
        ([header("X-Env", "a\r\nb")], "contains a character that is not valid"),
        ([method("get")], "contains a character that is not valid"),
        ([header("Host", "a")], "HttpHeaderName"),
        ([header("a b", "a")], "HttpHeaderName"),
        ([header("x" * 41, "a")], "HttpHeaderName"),
        ([header("", "a")], "HttpHeaderName"),
        ([query({"Key": "v"})], "must have a Value"),
        ([query({"Key": "a\n", "Value": "x"})], "contains a character that is not valid"),
        ([source("10.0.0.1/8")], "not a valid IPv4 CIDR block"),
        ([source("10.0.0.1")], "must be a CIDR block, such as 10.0.0.1/32"),
        ([source("::/0")], "not a valid IPv4 CIDR block"),
        ([source("any")], "not a valid IPv4 CIDR block"),
        ([path("/a") | {"RegexValues": ["^/a"]}], "Values and RegexValues cannot both"),
        ([regex("(?=a)")], "The regular expression '(?=a)' is not valid"),
        ([regex("a" * 129)], "at most 128 characters"),
        ([regex("é")], "contains a character that is not valid"),
        ([regex("a", "b", "c", "d", "e", "f")], "'5' condition values"),
        ([regex("a") | {"RegexValues": ["b"]}], "with different values"),
        ([source() | {"RegexValues": ["10.*"]}], "RegexValues cannot be specified for"),
        ([{"Field": "source-ip", "Values": ["10.0.0.0/8"]}], "use SourceIpConfig"),
        ([{"Field": "query-string", "Values": ["a"]}], "use QueryStringConfig"),
        ([path("/a") | {"HostHeaderConfig": {"Values": ["a"]}}], "HostHeaderConfig cannot"),
        ([path("/a") | {"PathPatternConfig": {"Values": ["/b"]}}], "with different values"),
        (
            [
                {
                    "Field": "source-ip",
                    "SourceIpConfig": {"Values": ["::/0"], "IpAddressType": "ipv6"},
                }
            ],
            "IpAddressType",
        ),
    ],
)
def test_what_a_rule_may_not_ask(conditions, words):
    found = list(check_conditions(conditions))
    assert any(words in one for one in found), found


texts = st.text(max_size=130)
pairs = st.fixed_dictionaries({}, optional={"Key": texts, "Value": texts})
configs = st.fixed_dictionaries(
    {},
    optional={
        "HttpHeaderName": texts,
        "Values": st.lists(texts, max_size=6),
        "RegexValues": st.lists(texts, max_size=1),
    },
)
anything = st.fixed_dictionaries(
    {},
    optional={
        "Field": st.sampled_from([*CONFIGS, "cookie", ""]),
        "Values": st.lists(texts, max_size=6),
        "RegexValues": st.lists(texts, max_size=1),
        "QueryStringConfig": st.fixed_dictionaries({}, optional={"Values": st.lists(pairs)}),
        **{name: configs for name in CONFIGS.values() if name != "QueryStringConfig"},
    },
)


@given(st.lists(anything, max_size=4))
def test_no_condition_is_too_strange_to_be_judged(conditions):
    assert all(isinstance(one, str) for one in check_conditions(conditions))


letters = st.text("abz019._-", min_size=1, max_size=20)
wild = st.one_of(letters, letters.map("*{}".format))
networks = st.integers(0, 32).map("0.0.0.0/{}".format)
some = st.fixed_dictionaries({"Value": wild}, optional={"Key": letters})
sound = st.one_of(
    wild.map(host),
    wild.map(path),
    wild.map(host).map(lambda one: {"Field": one["Field"], **one["HostHeaderConfig"]}),
    st.builds(header, letters, wild),
    st.text("ABZ_-", min_size=1, max_size=40).map(method),
    some.map(query),
    networks.map(source),
)


@given(st.lists(sound, min_size=1, max_size=3, unique_by=lambda one: one["Field"]))
def test_what_is_accepted_is_accepted_again_as_it_is_shown(conditions):
    assert list(check_conditions(conditions)) == []
    shown = [complete_condition(one) for one in conditions]
    assert list(check_conditions(shown)) == []
    assert [complete_condition(one) for one in shown] == shown
