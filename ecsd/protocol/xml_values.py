"""XML bodies and their dialect (rest-xml). No document types, no entities: expat is told so."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from xml.parsers import expat

from ecsd.protocol.constraints import Read
from ecsd.protocol.findings import MalformedBodyError, refused
from ecsd.protocol.table import Ref, Shape
from ecsd.protocol.text_values import text_reader

DEEPEST = 100


class XmlNode:
    """One element: local name, attributes as written, text, children."""

    __slots__ = ("attributes", "children", "name", "texts")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.children: list[XmlNode] = []
        self.texts: list[str] = []

    @property
    def text(self) -> str:
        """The element's own text."""
        return "".join(self.texts)


def parse_xml(body: bytes) -> XmlNode:
    """Return the root element; MalformedBodyError if there is none."""
    top = XmlNode("", {})
    open_nodes = [top]

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(open_nodes) > DEEPEST:
            raise MalformedBodyError("the body is nested too deeply")
        node = XmlNode(name.rpartition(":")[2], attributes)
        open_nodes[-1].children.append(node)
        open_nodes.append(node)

    def end(_name: str) -> None:
        open_nodes.pop()

    def text(piece: str) -> None:
        open_nodes[-1].texts.append(piece)

    def doctype(*_: object) -> None:
        raise MalformedBodyError("the body has a document type")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise MalformedBodyError(f"the body is not valid XML: {error}") from error
    return top.children[0]


class XmlValues:
    """How XML bodies write values. A node is the list of elements of one name, or text."""

    def wire_name(self, ref: Ref, shape: Shape) -> str:
        """Return the element's name; a flattened list takes its items' name."""
        if shape.type == "list" and ref.flattened and shape.item and shape.item.wire:
            return shape.item.wire
        return ref.wire or ref.name

    def fields(self, node: Any) -> Mapping[str, Any]:
        """Return the children of an element by name, and its attributes."""
        element = _one(node)
        grouped: dict[str, Any] = {
            name: value for name, value in element.attributes.items() if name[:5] != "xmlns"
        }
        for child in element.children:
            grouped.setdefault(child.name, []).append(child)
        return grouped

    def items(self, ref: Ref, shape: Shape) -> Callable[[Any], Iterable[Any]]:
        """Return how to take a list apart."""
        if ref.flattened:
            return _each
        name = shape.item.wire if shape.item and shape.item.wire else "member"

        def items(node: Any) -> list[list[XmlNode]]:
            return [[child] for child in _one(node).children if child.name == name]

        return items

    def entries(self, ref: Ref, shape: Shape) -> Callable[[Any], Iterable[tuple[Any, Any]]]:
        """Return how to take a map apart."""
        key = shape.key.wire if shape.key and shape.key.wire else "key"
        value = shape.item.wire if shape.item and shape.item.wire else "value"
        flattened = ref.flattened

        def entries(node: Any) -> list[tuple[Any, Any]]:
            found = node if flattened else _one(node).children
            fields = [self.fields([entry]) for entry in found]
            return [(field.get(key, ""), field.get(value, "")) for field in fields]

        return entries

    def scalar(self, kind: str, _ref: Ref) -> Read:
        """Return the reader of a scalar type."""
        read_text = text_reader(kind)

        def read(node: Any) -> Any:
            if isinstance(node, str):
                return read_text(node)
            element = _one(node)
            if element.children:
                raise refused("type", f"the element must hold a single {kind}")
            return read_text(element.text)

        return read

    def document(self, node: Any) -> Any:
        """Return a value without a model."""
        return _one(node).text


def _one(node: Any) -> XmlNode:
    if isinstance(node, str):
        raise refused("type", "the value must be an element", node)
    element: XmlNode = node[-1]
    return element


def _each(node: Any) -> list[list[XmlNode]]:
    return [[child] for child in node]
