"""Scalars written as text: in forms, in XML, in headers and query strings."""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ecsd.protocol.constraints import FLOATS, INTEGER_BITS
from ecsd.protocol.findings import refused
from ecsd.protocol.table import TableError
from ecsd.protocol.timestamps import from_text

INTEGER = re.compile(r"[+-]?[0-9]{1,30}")
FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?|NaN|-?Infinity")
BOOLEANS = {"true": True, "false": False, "True": True, "False": False, "TRUE": True}
# What XML 1.0 cannot carry, so no answer could repeat it.
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

ReadText = Callable[[str], Any]


def text_reader(kind: str) -> ReadText:
    """Return the reader of a scalar type from text."""
    if kind in INTEGER_BITS:
        return _read_integer
    if kind in FLOATS:
        return _read_float
    try:
        return _READERS[kind]
    except KeyError as error:
        raise TableError(f"no text form of {kind}") from error


def _malformed(wanted: str, text: str) -> Exception:
    return refused("type", f"the value is no valid {wanted}", text)


def _read_string(text: str) -> str:
    if NOT_XML.search(text):
        raise _malformed("string: it has characters that XML cannot carry", ascii(text))
    return text


def _read_integer(text: str) -> int:
    if not INTEGER.fullmatch(text):
        raise _malformed("integer", text)
    return int(text)


def _read_float(text: str) -> float:
    if len(text) > 400 or not FLOAT.fullmatch(text):  # noqa: PLR2004 - longer than any double
        raise _malformed("number", text)
    return float(text)


def _read_boolean(text: str) -> bool:
    value = BOOLEANS.get(text)
    if value is None:
        raise _malformed("boolean", text)
    return value


def _read_timestamp(text: str) -> datetime:
    try:
        return from_text(text)
    except ValueError as error:
        raise _malformed("timestamp", text) from error


def _read_blob(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed("base64", text) from error


_READERS: dict[str, ReadText] = {
    "string": _read_string,
    "character": _read_string,
    "boolean": _read_boolean,
    "timestamp": _read_timestamp,
    "blob": _read_blob,
}
