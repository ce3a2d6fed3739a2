"""Writers of JSON and CBOR answers: closures from what an operation answers to plain values."""

import base64
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from ecsd.protocol.answers import check_required, scalar_check, unknown, usual_type, wrong
from ecsd.protocol.constraints import FLOATS
from ecsd.protocol.table import Ref, Shape, Table, TableError
from ecsd.protocol.timestamps import to_epoch, to_text

Write = Callable[[Any], Any]


class PlainWriters:
    """The writers of one service: JSON's, and a base for CBOR's."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._structures: dict[str, Write] = {}

    def writer(self, ref: Ref) -> Write:
        """Return the writer of a use of a shape. It raises AnswerError on what does not fit."""
        shape = self._table.shapes[ref.shape]
        if ref.event_stream:
            raise TableError(f"{ref.shape} is an event stream, not a value")
        if shape.document:
            return _same
        if shape.type == "structure":
            return self._structure(ref.shape, shape)
        if shape.item is not None and shape.type == "list":
            return _list_writer(ref.shape, self.writer(shape.item))
        if shape.item is not None and shape.type == "map":
            return _map_writer(ref.shape, self.writer(shape.item))
        return self._scalar(ref, shape)

    def structure_of(self, where: str, members: Iterable[Ref], required: Iterable[str]) -> Write:
        """Return the writer of some members of a structure (the body of a REST operation)."""
        return _structure_writer(where, self._fields(members), tuple(required))

    def _structure(self, name: str, shape: Shape) -> Write:
        known = self._structures.get(name)
        if known is not None:
            return known
        fields: dict[str, tuple[str, Write]] = {}
        write = self._structures[name] = _structure_writer(name, fields, shape.required)
        fields.update(self._fields(shape.members))  # after: a shape may contain itself
        return write

    def _fields(self, members: Iterable[Ref]) -> dict[str, tuple[str, Write]]:
        return {
            ref.name: (ref.wire or ref.name, self.writer(ref))
            for ref in members
            if not ref.event_stream
        }

    def _scalar(self, ref: Ref, shape: Shape) -> Write:
        check, usual = scalar_check(shape.type, ref.shape), usual_type(shape.type)
        convert = self._conversion(ref, shape.type)

        def write(value: Any) -> Any:
            if type(value) is not usual:
                check(value)
            return value if convert is None else convert(value)

        return write

    def _conversion(self, ref: Ref, kind: str) -> Write | None:
        if kind == "timestamp":
            return _timestamp_writer(ref.timestamp_format)
        if kind == "blob":
            return _base64
        return _json_float if kind in FLOATS else None


class CborWriters(PlainWriters):
    """CBOR's writers: blobs stay bytes, timestamps are tagged."""

    def _conversion(self, _ref: Ref, kind: str) -> Write | None:
        return _tagged if kind == "timestamp" else None


def _structure_writer(
    where: str, fields: Mapping[str, tuple[str, Write]], required: tuple[str, ...]
) -> Write:
    def write(value: Any) -> dict[str, Any]:
        if type(value) is not dict and not isinstance(value, Mapping):
            wrong(where, "structure", value)
        out = {}
        for name, item in value.items():
            field = fields.get(name)
            if field is None:
                unknown(where, name)
            if item is not None:
                out[field[0]] = field[1](item)
        if required:
            check_required(where, required, value)
        return out

    return write


def _list_writer(where: str, write_item: Write) -> Write:
    def write(value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            wrong(where, "list", value)
        return [write_item(item) for item in value]

    return write


def _map_writer(where: str, write_item: Write) -> Write:
    def write(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            wrong(where, "map", value)
        return {name: write_item(item) for name, item in value.items()}

    return write


def _timestamp_writer(form: str) -> Write:
    if form in ("iso8601", "rfc822"):
        return lambda moment: to_text(moment, form)
    return to_epoch


def _same(value: Any) -> Any:
    return value


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _json_float(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _tagged(moment: datetime) -> Any:
    import cbor2

    return cbor2.CBORTag(1, to_epoch(moment))
