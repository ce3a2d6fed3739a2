"""HTTP to a Lambda function and back: the event of a request, and the response of an answer.

Source: Application Load Balancers guide, Lambda functions as targets.
"""

import json
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

LARGEST_BODY = 1024 * 1024  # bytes, of a request
LARGEST_ANSWER = 1024 * 1024  # bytes, of a function's JSON
TEXTS = re.compile(r"text/.*|application/(json|javascript|xml)", re.IGNORECASE)
HOP_BY_HOP = frozenset(  # they concern one connection, or are the balancer's to say
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
HIDDEN = HOP_BY_HOP - {"content-length"}  # from a function
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
LEAST_STATUS, MOST_STATUS = 200, 599
BODILESS = frozenset({204, 304})
CHECKER = "ELB-HealthChecker/2.0"

Pairs = Sequence[tuple[str, str]]


class Asked(NamedTuple):
    """A request. target: path and query as sent; headers: in their order, names in any case."""

    method: str
    target: str
    headers: Pairs
    body: bytes = b""


class Answered(NamedTuple):
    """A response. reason: what follows the status; None: the usual words."""

    status: int
    reason: str | None = None
    headers: Pairs = ()
    body: bytes = b""


class Malformed(NamedTuple):
    """A function's answer that is no response; the client gets a 502."""

    words: str


def function_event(asked: Asked, target_group_arn: str, *, multi_value: bool) -> dict[str, Any]:
    """Return the event that a function gets.

    multi_value: lists of all values; else the last one of each name. What is percent-encoded in
    path and query stays so.
    """
    path, _, query = asked.target.partition("?")
    fields = [(name, value) for part in query.split("&") if part for name, value in [_split(part)]]
    headers = [(name.lower(), value) for name, value in asked.headers if name.lower() not in HIDDEN]
    text = _text(asked)
    event: dict[str, Any] = {
        "requestContext": {"elb": {"targetGroupArn": target_group_arn}},
        "httpMethod": asked.method,
        "path": path,
    }
    if multi_value:
        event["multiValueQueryStringParameters"] = _lists(fields)
        event["multiValueHeaders"] = _lists(headers)
    else:
        event["queryStringParameters"] = dict(fields)
        event["headers"] = dict(headers)
    event["body"] = b64encode(asked.body).decode() if text is None else text
    event["isBase64Encoded"] = text is None
    return event


def check_event(path: str, target_group_arn: str, *, multi_value: bool) -> dict[str, Any]:
    """Return the event of a health check."""
    asked = Asked("GET", path, [("user-agent", CHECKER)])
    return function_event(asked, target_group_arn, multi_value=multi_value)


def function_answer(payload: bytes, *, multi_value: bool) -> Answered | Malformed:
    """Return the response that a function's JSON stands for.

    multi_value: headers are in ``multiValueHeaders``, else in ``headers``; the other is not read.
    """
    try:
        answer = json.loads(payload)
    except ValueError:
        return Malformed("its answer is no JSON")
    if not isinstance(answer, dict):
        return Malformed("its answer is no JSON object")
    status = _status(answer.get("statusCode"))
    if status is None:
        return Malformed(f"statusCode {answer.get('statusCode')!r} is no status from 200 to 599")
    reason = _reason(answer.get("statusDescription"), status)
    if isinstance(reason, Malformed):
        return reason
    headers = _headers(answer, multi_value=multi_value)
    if isinstance(headers, Malformed):
        return headers
    body = _body(answer)
    if isinstance(body, Malformed):
        return body
    return Answered(status, reason, headers, b"" if status in BODILESS else body)


def _split(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name, value


def _lists(pairs: Pairs) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _text(asked: Asked) -> str | None:
    """Return a body that a function gets as it is; None: it has to be encoded."""
    headers = {name.lower(): value for name, value in asked.headers}
    kind = headers.get("content-type", "").partition(";")[0].strip()
    if asked.body and ("content-encoding" in headers or not TEXTS.fullmatch(kind)):
        return None
    try:
        return asked.body.decode()
    except UnicodeDecodeError:
        return None  # JSON holds Unicode only


def _status(value: object) -> int | None:
    """Return a status, given as a number or in digits."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{3}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if LEAST_STATUS <= value <= MOST_STATUS else None


def _reason(value: object, status: int) -> str | Malformed | None:
    """Return what follows the status in a description such as ``200 OK``."""
    if value is None:
        return None
    if not isinstance(value, str) or not value.isascii() or UNPRINTABLE.search(value):
        return Malformed("statusDescription is no line of text")
    return value.removeprefix(str(status)).strip() or None


def _headers(answer: Mapping[str, Any], *, multi_value: bool) -> list[tuple[str, str]] | Malformed:
    member = "multiValueHeaders" if multi_value else "headers"
    given = answer.get(member)
    if given is None:
        return []
    if not isinstance(given, dict):
        return Malformed(f"{member} is no object")
    found = []
    for name, value in given.items():
        if multi_value and not isinstance(value, list):
            return Malformed(f"{member}: {name!r} is no list")
        for one in value if multi_value else [value]:
            text = _value(one)
            if text is None or not TOKEN.fullmatch(name):
                return Malformed(f"{member}: {name!r} is no header")
            if name.lower() not in HOP_BY_HOP:
                found.append((name, text))
    return found


def _value(value: object) -> str | None:
    """Return a header's value; JSON's numbers and booleans as they are written there."""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if not isinstance(value, str) or UNPRINTABLE.search(value):
        return None
    return value.strip()


def _body(answer: Mapping[str, Any]) -> bytes | Malformed:
    body = answer.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        return Malformed("body is no string")
    if answer.get("isBase64Encoded") is True:
        try:
            return b64decode(body, validate=True)
        except (Base64Error, ValueError):
            return Malformed("body is not Base64, as isBase64Encoded says")
    try:
        return body.encode()
    except UnicodeEncodeError:
        return Malformed("body holds half a surrogate pair")
