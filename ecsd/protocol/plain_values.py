"""The dialects of bodies that parse to plain values: JSON and CBOR."""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from ecsd.protocol.constraints import FLOATS, INTEGER_BITS, Read
from ecsd.protocol.findings import InvalidMemberError, MalformedBodyError, refused, wrong_type
from ecsd.protocol.table import Ref, Shape
from ecsd.protocol.timestamps import from_epoch, from_text

SPECIAL_FLOATS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


class JsonValues:
    """How JSON bodies write values: base64 blobs, timestamps in epoch seconds."""

    def wire_name(self, ref: Ref, _shape: Shape) -> str:
        """Return the member's name on the wire."""
        return ref.wire or ref.name

    def fields(self, node: Any) -> Mapping[str, Any]:
        """Return the members of an object; ``__type`` is no member (Smithy, AWS JSON 1.1)."""
        if not isinstance(node, dict):
            raise wrong_type(node, "a structure")
        if "__type" in node:
            return {name: value for name, value in node.items() if name != "__type"}
        return node

    def items(self, _ref: Ref, _shape: Shape) -> Callable[[Any], Iterable[Any]]:
        """Return how to take a list apart."""
        return _items

    def entries(self, _ref: Ref, _shape: Shape) -> Callable[[Any], Iterable[tuple[Any, Any]]]:
        """Return how to take a map apart."""
        return _entries

    def scalar(self, kind: str, ref: Ref) -> Read:
        """Return the reader of a scalar type."""
        if kind in INTEGER_BITS:
            return _read_integer
        if kind in FLOATS:
            return _read_float
        if kind == "timestamp":
            return self.timestamp(ref)
        if kind == "blob":
            return self.blob
        return _SCALARS[kind]

    def timestamp(self, ref: Ref) -> Read:
        """Return the reader of a timestamp."""
        if ref.timestamp_format in ("iso8601", "rfc822"):
            return _read_timestamp_text
        return _read_timestamp_number

    @staticmethod
    def blob(node: Any) -> bytes:
        """Read base64."""
        if not isinstance(node, str):
            raise wrong_type(node, "a blob")
        try:
            return base64.b64decode(node, validate=True)
        except (binascii.Error, ValueError) as error:
            raise refused("type", "the value is no valid base64", node) from error

    def document(self, node: Any) -> Any:
        """Return a value without a model."""
        return node


class CborValues(JsonValues):
    """How CBOR bodies write values: byte strings, timestamps under tag 1 (decoded already)."""

    def timestamp(self, _ref: Ref) -> Read:
        """Return the reader of a timestamp."""
        return _read_cbor_timestamp

    @staticmethod
    def blob(node: Any) -> bytes:
        """Read a byte string."""
        if not isinstance(node, bytes):
            raise wrong_type(node, "a blob")
        return node


def parse_json(body: bytes) -> Any:
    """Return a JSON body's plain value; MalformedBodyError, or RecursionError when too deep."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError) as error:
        raise MalformedBodyError(f"the body is not valid JSON: {error}") from error


def parse_cbor(body: bytes) -> Any:
    """Return the plain value of a CBOR body; MalformedBodyError on anything else."""
    import cbor2

    try:
        return cbor2.loads(body)
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise MalformedBodyError(f"the body is not valid CBOR: {str(error)[:200]}") from error


def _items(node: Any) -> Iterable[Any]:
    if not isinstance(node, list):
        raise wrong_type(node, "a list")
    return node


def _entries(node: Any) -> Iterable[tuple[Any, Any]]:
    if not isinstance(node, dict):
        raise wrong_type(node, "a map")
    return node.items()


def _read_string(node: Any) -> str:
    if not isinstance(node, str):
        raise wrong_type(node, "String")
    return node


def _read_boolean(node: Any) -> bool:
    if not isinstance(node, bool):
        raise wrong_type(node, "Boolean")
    return node


def _read_integer(node: Any) -> int:
    if isinstance(node, bool) or not isinstance(node, int | float):
        raise wrong_type(node, "Integer")
    if isinstance(node, float):
        if not node.is_integer():
            raise wrong_type(node, "Integer")
        return int(node)
    return node


def _read_float(node: Any) -> float:
    if isinstance(node, str) and node in SPECIAL_FLOATS:
        return SPECIAL_FLOATS[node]
    if isinstance(node, bool) or not isinstance(node, int | float):
        raise wrong_type(node, "Double")
    try:
        return float(node)
    except OverflowError as error:
        raise refused("range", "Member must fit in a double") from error


def _read_timestamp_number(node: Any) -> datetime:
    if isinstance(node, bool) or not isinstance(node, int | float):
        raise wrong_type(node, "a timestamp in epoch seconds")
    return _moment(lambda: from_epoch(node), node)


def _read_timestamp_text(node: Any) -> datetime:
    if not isinstance(node, str):
        raise wrong_type(node, "a timestamp")
    return _moment(lambda: from_text(node), node)


def _read_cbor_timestamp(node: Any) -> datetime:
    if isinstance(node, datetime) and node.tzinfo is not None:
        return _moment(lambda: node.astimezone(UTC), node)
    return _read_timestamp_number(node)


def _moment(read: Callable[[], datetime], node: Any) -> datetime:
    try:
        return read()
    except (ValueError, OverflowError) as error:
        raise _no_timestamp(node) from error


def _no_timestamp(node: Any) -> InvalidMemberError:
    return refused("type", "the value is no valid timestamp", node)


_SCALARS: dict[str, Read] = {
    "string": _read_string,
    "character": _read_string,
    "boolean": _read_boolean,
}
