"""HTTP to a function and back: nothing is lost on the way, nothing malformed gets through."""

import json
from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.balancers.function_event import (
    Answered,
    Asked,
    Malformed,
    check_event,
    function_answer,
    function_event,
)

ARN = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/f/1"


def event(target="/", headers=(), body=b"", method="GET", *, multi_value=False):
    asked = Asked(method, target, headers, body)
    return function_event(asked, ARN, multi_value=multi_value)


def answer(multi_value=False, **members):
    return function_answer(json.dumps(members).encode(), multi_value=multi_value)


def test_a_request_becomes_the_event_that_functions_know():
    headers = [("Host", "a.test"), ("Content-Type", "application/json; charset=utf-8")]
    assert event("/a%20b/?q=x%2Fy&q=z", headers, b'{"a":1}', "POST") == {
        "requestContext": {"elb": {"targetGroupArn": ARN}},
        "httpMethod": "POST",
        "path": "/a%20b/",
        "queryStringParameters": {"q": "z"},
        "headers": {"host": "a.test", "content-type": "application/json; charset=utf-8"},
        "body": '{"a":1}',
        "isBase64Encoded": False,
    }


def test_with_multi_value_headers_every_value_is_there():
    made = event("/?q=1&q=2&r", [("Cookie", "a=1"), ("cookie", "b=2")], multi_value=True)
    assert made["multiValueQueryStringParameters"] == {"q": ["1", "2"], "r": [""]}
    assert made["multiValueHeaders"] == {"cookie": ["a=1", "b=2"]}
    assert not {"headers", "queryStringParameters"} & set(made)


@pytest.mark.parametrize(
    ("kind", "more", "body", "encoded"),
    [
        ("text/html", {}, b"hi", False),
        ("TEXT/PLAIN;charset=x", {}, b"hi", False),
        ("application/javascript", {}, b"hi", False),
        ("application/xml", {}, b"hi", False),
        ("application/xhtml+xml", {}, b"hi", True),
        ("image/png", {}, b"hi", True),
        ("", {}, b"hi", True),
        ("", {}, b"", False),
        ("text/plain", {"Content-Encoding": "gzip"}, b"hi", True),
        ("text/plain", {}, b"\xff", True),
    ],
)
def test_what_is_no_text_is_encoded(kind, more, body, encoded):
    headers = [("Content-Type", kind), *more.items()] if kind else []
    made = event(headers=headers, body=body)
    assert made["isBase64Encoded"] is encoded
    assert made["body"] == (b64encode(body).decode() if encoded else body.decode())


def test_what_concerns_one_connection_stays_there():
    made = event(headers=[("Connection", "close"), ("TE", "trailers"), ("X", "1")])
    assert made["headers"] == {"x": "1"}


def test_a_health_check_is_an_event_too():
    made = check_event("/well", ARN, multi_value=False)
    assert (made["path"], made["httpMethod"], made["body"]) == ("/well", "GET", "")
    assert made["headers"] == {"user-agent": "ELB-HealthChecker/2.0"}


@given(st.binary(max_size=200), st.sampled_from(["text/plain", "image/png", ""]), st.booleans())
def test_a_function_can_always_tell_the_body_that_was_sent(body, kind, multi_value):
    made = event(headers=[("content-type", kind)], body=body, multi_value=multi_value)
    heard = json.loads(json.dumps(made))
    told = b64decode(heard["body"]) if heard["isBase64Encoded"] else heard["body"].encode()
    assert told == body


def test_an_answer_becomes_a_response():
    assert answer(
        statusCode=201,
        statusDescription="201 Made",
        headers={"Content-Type": "text/css", "X-Count": 3, "Connection": "close"},
        multiValueHeaders={"Lost": ["1"]},
        body="hé",
    ) == Answered(201, "Made", [("Content-Type", "text/css"), ("X-Count", "3")], "hé".encode())


def test_with_multi_value_headers_the_other_member_is_not_read():
    made = answer(
        multi_value=True,
        statusCode=200,
        headers={"Lost": "1"},
        multiValueHeaders={"Set-Cookie": ["a=1", "b=2"]},
    )
    assert made.headers == [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "statusCode None"),
        ({"statusCode": "ok"}, "statusCode 'ok'"),
        ({"statusCode": True}, "statusCode True"),
        ({"statusCode": 199}, "statusCode 199"),
        ({"statusCode": 600}, "statusCode 600"),
        ({"statusCode": 200, "statusDescription": "a\r\nX: 1"}, "statusDescription"),
        ({"statusCode": 200, "headers": []}, "headers is no object"),
        ({"statusCode": 200, "headers": {"a b": "1"}}, "'a b' is no header"),
        ({"statusCode": 200, "headers": {"a": "1\r\nb: 2"}}, "'a' is no header"),
        ({"statusCode": 200, "headers": {"a": ["1"]}}, "'a' is no header"),
        ({"statusCode": 200, "headers": {"a": None}}, "'a' is no header"),
        ({"statusCode": 200, "body": {"a": 1}}, "body is no string"),
        ({"statusCode": 200, "body": "\ud800"}, "surrogate"),
        ({"statusCode": 200, "body": "%", "isBase64Encoded": True}, "Base64"),
    ],
)
def test_a_malformed_answer_says_what_is_wrong(members, words):
    made = answer(**members)
    assert isinstance(made, Malformed)
    assert words in made.words


@pytest.mark.parametrize("payload", [b"", b"nonsense", b"[]", b"null", b'"200"', b"\xff"])
def test_what_is_no_json_object_is_no_answer(payload):
    assert isinstance(function_answer(payload, multi_value=False), Malformed)


def test_a_status_without_a_body_has_none():
    assert answer(statusCode="204", body="x") == Answered(204, None, [], b"")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
MEMBERS = st.fixed_dictionaries(
    {"statusCode": st.integers(190, 610) | JSON},
    optional={
        "statusDescription": JSON,
        "headers": st.dictionaries(st.text(max_size=6), st.text(max_size=8)) | JSON,
        "multiValueHeaders": st.dictionaries(st.text(max_size=6), st.lists(st.text(max_size=8))),
        "body": JSON,
        "isBase64Encoded": JSON,
    },
)


@given(MEMBERS, st.booleans())
def test_whatever_a_function_says_no_header_breaks_out_of_its_line(members, multi_value):
    made = function_answer(json.dumps(members).encode(), multi_value=multi_value)
    if isinstance(made, Answered):
        assert 200 <= made.status <= 599
        lines = [made.reason or "", *(f"{name}:{value}" for name, value in made.headers)]
        assert not any(char in line for line in lines for char in "\r\n\0")
