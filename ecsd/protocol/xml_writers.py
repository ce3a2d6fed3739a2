"""Writers of XML answers (query, ec2, rest-xml): closures that append text."""

import base64
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ecsd.protocol.answers import check_required, scalar_check, unknown, wrong
from ecsd.protocol.constraints import FLOATS
from ecsd.protocol.table import Ref, Shape, Table, TableError
from ecsd.protocol.text_values import NOT_XML
from ecsd.protocol.timestamps import to_text

Parts = list[str]
Write = Callable[[Parts, Any], None]
ToText = Callable[[Any], str]

SPECIAL = re.compile('[&<>"\r]')
ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#xD;"}


class Element(NamedTuple):
    """A structure's member as its writer needs it."""

    tag: str
    namespace: str  # attributes of the start tag, with a leading space
    write: Write
    repeats: bool  # flattened lists and maps write their own tags
    attributes: Mapping[str, str]  # members that are attributes of this element, to their names


class XmlWriters:
    """The writers of one service."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._structures: dict[str, Write] = {}

    def writer(self, ref: Ref) -> Write:
        """Return the writer of an element's content; AnswerError on what does not fit."""
        shape = self._table.shapes[ref.shape]
        if ref.event_stream:
            raise TableError(f"{ref.shape} is an event stream, not a value")
        if shape.type == "structure":
            return self._structure(ref.shape, shape)
        if shape.type == "list":
            return self._list(ref, shape)
        if shape.type == "map":
            return self._map(ref, shape)
        return _scalar_writer(ref, shape.type)

    def structure_of(self, where: str, members: Iterable[Ref], required: Iterable[str]) -> Write:
        """Return the writer of some members of a structure (the body of a REST operation)."""
        return _structure_writer(where, self._elements(members), tuple(required), ())

    def _structure(self, name: str, shape: Shape) -> Write:
        known = self._structures.get(name)
        if known is not None:
            return known
        elements: dict[str, Element] = {}
        attributes = tuple(ref.name for ref in shape.members if ref.attribute)
        write = _structure_writer(name, elements, shape.required, attributes)
        self._structures[name] = write
        content = [ref for ref in shape.members if not ref.attribute]
        elements.update(self._elements(content))  # after: a shape may contain itself
        return write

    def _elements(self, members: Iterable[Ref]) -> dict[str, Element]:
        return {ref.name: self._element(ref) for ref in members if not ref.event_stream}

    def _element(self, ref: Ref) -> Element:
        shape = self._table.shapes[ref.shape]
        attributes = {use.name: use.wire or use.name for use in shape.members if use.attribute}
        return Element(
            tag=element_name(ref, shape),
            namespace=namespace_attribute(ref),
            write=self.writer(ref),
            repeats=ref.flattened and shape.type in ("list", "map"),
            attributes=attributes,
        )

    def _list(self, ref: Ref, shape: Shape) -> Write:
        if shape.item is None:
            raise TableError(f"{ref.shape} has no items")
        tag = element_name(ref, shape) if ref.flattened else shape.item.wire or "member"
        item = self._element(shape.item)._replace(tag=tag, repeats=False)

        def write(parts: Parts, value: Any) -> None:
            if not isinstance(value, list | tuple):
                wrong(ref.shape, "list", value)
            for entry in value:
                _write_element(parts, item, entry)

        return write

    def _map(self, ref: Ref, shape: Shape) -> Write:
        if shape.item is None or shape.key is None:
            raise TableError(f"{ref.shape} has no entries")
        tag = element_name(ref, shape) if ref.flattened else "entry"
        key = shape.key.wire or "key"
        item = self._element(shape.item)
        item = item._replace(tag=shape.item.wire or "value")

        def write(parts: Parts, value: Any) -> None:
            if not isinstance(value, Mapping):
                wrong(ref.shape, "map", value)
            for name, entry in value.items():
                parts.append(f"<{tag}><{key}>{escape(name)}</{key}>")
                _write_element(parts, item, entry)
                parts.append(f"</{tag}>")

        return write


def element_name(ref: Ref, shape: Shape) -> str:
    """Return the member's element; a flattened list takes its items' name."""
    if shape.type == "list" and ref.flattened and shape.item and shape.item.wire:
        return shape.item.wire
    return ref.wire or ref.name


def namespace_attribute(ref: Ref) -> str:
    """Return the xmlns attribute of a use of a shape, with a leading space, or nothing."""
    if not ref.namespace:
        return ""
    prefix = f":{ref.namespace_prefix}" if ref.namespace_prefix else ""
    return f' xmlns{prefix}="{escape(ref.namespace)}"'


def escape(text: str) -> str:
    """Return text that XML carries unchanged, but for characters that XML 1.0 does not have."""
    if NOT_XML.search(text):
        text = NOT_XML.sub("\ufffd", text)
    if SPECIAL.search(text):
        return SPECIAL.sub(lambda match: ESCAPES[match[0]], text)
    return text


def _structure_writer(
    where: str,
    elements: Mapping[str, Element],
    required: tuple[str, ...],
    attributes: tuple[str, ...],
) -> Write:
    def write(parts: Parts, value: Any) -> None:
        if not isinstance(value, Mapping):
            wrong(where, "structure", value)
        for name, item in value.items():
            element = elements.get(name)
            if element is not None:
                if item is not None:
                    _write_element(parts, element, item)
            elif name not in attributes:
                unknown(where, name)
        if required:
            check_required(where, required, value)

    return write


def _write_element(parts: Parts, element: Element, value: Any) -> None:
    if element.repeats:
        element.write(parts, value)
        return
    extra = element.namespace
    for name, written in element.attributes.items():
        if value.get(name) is not None:
            extra += f' {written}="{escape(value[name])}"'
    parts.append(f"<{element.tag}{extra}>")
    element.write(parts, value)
    parts.append(f"</{element.tag}>")


def _scalar_writer(ref: Ref, kind: str) -> Write:
    check = scalar_check(kind, ref.shape)
    text = text_writer(kind, ref.timestamp_format or "iso8601")

    def write(parts: Parts, value: Any) -> None:
        check(value)
        parts.append(text(value))

    return write


def text_writer(kind: str, timestamp_format: str) -> ToText:
    """Return how a scalar is written as XML text (also fit for headers, but for strings)."""
    if kind == "boolean":
        return lambda value: "true" if value else "false"
    if kind == "timestamp":
        return lambda value: _timestamp(value, timestamp_format)
    if kind == "blob":
        return lambda value: base64.b64encode(value).decode()
    if kind in FLOATS:
        return _float
    if kind in ("string", "character"):
        return escape
    return str


def _timestamp(moment: datetime, form: str) -> str:
    return to_text(moment, form)


def _float(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
