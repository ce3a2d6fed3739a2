"""Members of REST requests and answers that travel outside the body: path, query, headers."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ecsd.protocol.constraints import Read, constrain
from ecsd.protocol.findings import Finding, InvalidMemberError, refused, unknown_member
from ecsd.protocol.message import HttpRequest
from ecsd.protocol.rest_paths import literal_query, query_pairs
from ecsd.protocol.table import Operation, Ref, Shape, Table, TableError
from ecsd.protocol.text_values import text_reader
from ecsd.protocol.xml_writers import ToText, text_writer

OUTSIDE = ("uri", "querystring", "header", "headers", "statusCode")
IGNORED_QUERY = frozenset({"x-id", "Action", "Version"})  # names of operations, for people


class OutsideReader:
    """Reads one operation's members in path, query and headers."""

    def __init__(self, table: Table, operation: Operation, *, refuse_unknown: bool) -> None:
        self._shapes = table.shapes
        self._refuse_unknown = refuse_unknown
        self._known = set(literal_query(operation.path)) | IGNORED_QUERY
        shape = table.shapes[operation.input.shape] if operation.input else Shape("structure")
        outside = [ref for ref in shape.members if ref.location in OUTSIDE]
        self._members = [(ref, self._reader(ref)) for ref in outside]
        named = {ref.wire or ref.name for ref in outside if ref.location == "querystring"}
        self._known |= named
        self._open_query = any(
            ref.location == "querystring" and self._shapes[ref.shape].type == "map"
            for ref in outside
        )

    def read(
        self, request: HttpRequest, labels: Mapping[str, str], out: dict[str, Any]
    ) -> list[Finding]:
        """Put the members into ``out``; return what is wrong with them."""
        query: dict[str, list[str]] = {}
        for name, value in query_pairs(request.query):
            query.setdefault(name, []).append(value)
        findings: list[Finding] = []
        for ref, read in self._members:
            node = self._node(ref, request, labels, query)
            if node is not None:
                try:
                    out[ref.name] = read(node)
                except InvalidMemberError as error:
                    findings += error.below(ref.name)
        if self._refuse_unknown and not self._open_query:
            for name in query:
                if name not in self._known and not name.startswith("X-Amz-"):
                    findings += unknown_member(name)
        return findings

    def _node(
        self,
        ref: Ref,
        request: HttpRequest,
        labels: Mapping[str, str],
        query: Mapping[str, list[str]],
    ) -> Any:
        wire = ref.wire or ref.name
        if ref.location == "uri":
            return labels.get(wire)
        if ref.location == "header":
            return request.headers.get(wire.lower())
        if ref.location == "headers":
            prefix = wire.lower()
            names = [name for name in request.headers if name.startswith(prefix)]
            return {name[len(prefix) :]: request.headers[name] for name in names} or None
        if self._shapes[ref.shape].type == "map":
            return {name: value for name, value in query.items() if name not in self._known} or None
        return query.get(wire)

    def _reader(self, ref: Ref) -> Read:
        shape = self._shapes[ref.shape]
        if ref.json_value:
            return _read_json_value
        if shape.item is not None and shape.type == "list":
            return constrain(self._list_reader(ref, shape.item), shape)
        if shape.item is not None and shape.type == "map":
            return constrain(self._map_reader(shape.item), shape)
        read = constrain(text_reader(shape.type), shape)
        if ref.location == "querystring":
            return lambda values: read(values[-1])
        return read

    def _list_reader(self, ref: Ref, item: Ref) -> Read:
        shape = self._shapes[item.shape]
        read = constrain(text_reader(shape.type), shape)
        in_header = ref.location == "header"

        def read_list(node: Any) -> list[Any]:
            texts = [text.strip() for text in node.split(",")] if in_header else node
            return [read(text) for text in texts]

        return read_list

    def _map_reader(self, item: Ref) -> Read:
        shape = self._shapes[item.shape]
        if shape.type == "list":
            return lambda node: node  # map of lists of strings: every other parameter
        read = constrain(text_reader(shape.type), shape)

        def read_map(node: Any) -> dict[str, Any]:
            return {
                name: read(value[-1] if isinstance(value, list) else value)
                for name, value in node.items()
            }

        return read_map


def outside_headers(
    shapes: Mapping[str, Shape], members: Iterable[Ref], output: Mapping[str, Any]
) -> dict[str, str]:
    """Return the headers that an answer's members travel in."""
    headers: dict[str, str] = {}
    for ref in members:
        value = output.get(ref.name)
        if value is None or ref.location not in ("header", "headers"):
            continue
        shape = shapes[ref.shape]
        wire = (ref.wire or ref.name).lower()
        if ref.location == "headers":
            headers.update({wire + name: text for name, text in value.items()})
        elif ref.json_value:
            headers[wire] = base64.b64encode(msgspec.json.encode(value)).decode()
        elif shape.item is not None:
            text = _header_text(shapes[shape.item.shape], ref)
            headers[wire] = ",".join(text(item) for item in value)
        else:
            headers[wire] = _header_text(shape, ref)(value)
    return headers


def _header_text(shape: Shape, ref: Ref) -> ToText:
    if shape.type == "string":
        return str
    if shape.members:
        raise TableError(f"{ref.name} cannot be a header")
    return text_writer(shape.type, ref.timestamp_format or "rfc822")


def _read_json_value(text: str) -> Any:
    try:
        return msgspec.json.decode(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise refused("type", "the value is no base64 of JSON", text) from error
