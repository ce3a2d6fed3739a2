"""The dialects of form bodies: AWS query and EC2 query.

``A.member.1.B=x`` is read into a tree by its dots; the model then says what each branch is.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from ecsd.protocol.constraints import Read
from ecsd.protocol.findings import (
    InvalidMemberError,
    MalformedBodyError,
    refused,
    unknown_member,
)
from ecsd.protocol.table import Ref, Shape
from ecsd.protocol.text_values import text_reader

MOST_STEPS = 40  # dots in a name; the deepest model has less than half
MOST_PARAMETERS = 100_000

Tree = dict[str, Any]


def parse_form(body: bytes) -> dict[str, str]:
    """Return the parameters of a form; MalformedBodyError if it is none."""
    pairs = body.split(b"&")
    if len(pairs) > MOST_PARAMETERS:
        raise MalformedBodyError(f"the form has more than {MOST_PARAMETERS} parameters")
    form = {}
    try:
        for pair in pairs:
            if pair:
                name, _, value = pair.partition(b"=")
                form[_text(name)] = _text(value)
    except UnicodeDecodeError as error:
        raise MalformedBodyError("the form is not valid UTF-8") from error
    return form


def _text(quoted: bytes) -> str:
    if b"+" in quoted:
        quoted = quoted.replace(b"+", b" ")
    if b"%" in quoted:
        quoted = unquote_to_bytes(quoted)
    return quoted.decode()


def grow(form: Mapping[str, str]) -> Tree:
    """Return the tree of a form's parameters, branching at dots."""
    tree: Tree = {}
    for name, value in form.items():
        if "." not in name:
            _put(tree, name, value)
            continue
        *path, last = name.split(".", MOST_STEPS)
        branch = tree
        for step in path:
            child = branch.get(step)
            if not isinstance(child, dict):
                child = branch[step] = {} if child is None else {"": child}
            branch = child
        _put(branch, last, value)
    return tree


def _put(branch: Tree, name: str, value: str) -> None:
    if isinstance(branch.get(name), dict):
        branch[name][""] = value
    else:
        branch[name] = value


class QueryValues:
    """How AWS query writes values: ``List.member.N``, ``Map.entry.N.key``, or flattened."""

    def wire_name(self, ref: Ref, shape: Shape) -> str:
        """Return the member's name; a flattened list takes its items' name."""
        if shape.type == "list" and ref.flattened and shape.item and shape.item.wire:
            return shape.item.wire
        return ref.wire or ref.name

    def fields(self, node: Any) -> Mapping[str, Any]:
        """Return the branches of a structure."""
        return _branches(node, "a structure")

    def items(self, ref: Ref, shape: Shape) -> Callable[[Any], Iterable[Any]]:
        """Return how to take a list apart."""
        if ref.flattened:
            return _numbered
        name = shape.item.wire if shape.item and shape.item.wire else "member"

        def items(node: Any) -> list[Any]:
            branches = _branches(node, "a list")
            strange = [key for key in branches if key not in (name, "member")]
            if strange:
                raise InvalidMemberError(unknown_member(strange[0]))
            return _numbered(branches.get(name, branches.get("member", "")))

        return items

    def entries(self, ref: Ref, shape: Shape) -> Callable[[Any], Iterable[tuple[Any, Any]]]:
        """Return how to take a map apart."""
        key = shape.key.wire if shape.key and shape.key.wire else "key"
        value = shape.item.wire if shape.item and shape.item.wire else "value"
        flattened = ref.flattened

        def entries(node: Any) -> list[tuple[Any, Any]]:
            if not flattened:
                node = _branches(node, "a map").get("entry", "")
            pairs = [_branches(entry, "a map's entry") for entry in _numbered(node)]
            return [(pair.get(key, ""), pair.get(value, "")) for pair in pairs]

        return entries

    def scalar(self, kind: str, _ref: Ref) -> Read:
        """Return the reader of a scalar type."""
        read_text = text_reader(kind)

        def read(node: Any) -> Any:
            if not isinstance(node, str):
                raise refused("type", f"the value must be a single {kind}")
            return read_text(node)

        return read

    def document(self, node: Any) -> Any:
        """Return a value without a model."""
        return node


class Ec2Values(QueryValues):
    """How EC2 writes values: its own member names, and lists always flat."""

    def wire_name(self, ref: Ref, _shape: Shape) -> str:
        """Return ``queryName``, or ``locationName`` capitalised, or the member's name."""
        if ref.query_name:
            return ref.query_name
        return ref.wire[:1].upper() + ref.wire[1:] if ref.wire else ref.name

    def items(self, _ref: Ref, _shape: Shape) -> Callable[[Any], Iterable[Any]]:
        """Return how to take a list apart."""
        return _numbered


def _branches(node: Any, wanted: str) -> Tree:
    if isinstance(node, str):
        if node:
            raise refused("type", f"the value must be {wanted}", node)
        return {}
    tree: Tree = node
    if "" in tree:  # the name also came alone: "Tags=" beside "Tags.1.Key=x"
        return {name: branch for name, branch in tree.items() if name}
    return tree


def _numbered(node: Any) -> list[Any]:
    branches = _branches(node, "a list")
    for name in branches:
        if not (name.isascii() and name.isdigit() and len(name) < 10):  # noqa: PLR2004
            raise InvalidMemberError(unknown_member(name))
    return [branches[name] for name in sorted(branches, key=int)]
