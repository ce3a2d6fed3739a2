"""Readers: closures that turn a parsed body into an operation's request, or say what is wrong.

One engine for every protocol. A *dialect* knows how a protocol writes structures, lists, maps and
scalars; this module knows the model. Readers are built when an operation gets its first request.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from ecsd.protocol.constraints import Read, constrain
from ecsd.protocol.findings import Finding, InvalidMemberError, unknown_member
from ecsd.protocol.table import Ref, Shape, Table, TableError


class Dialect(Protocol):
    """How a protocol writes values. A *node* is its parsed form of one."""

    def wire_name(self, ref: Ref, shape: Shape) -> str:
        """Return the name of a structure's member on the wire."""
        ...

    def fields(self, node: Any) -> Mapping[str, Any]:
        """Return a structure's members by wire name."""
        ...

    def items(self, ref: Ref, shape: Shape) -> Callable[[Any], Iterable[Any]]:
        """Return how to take a list apart."""
        ...

    def entries(self, ref: Ref, shape: Shape) -> Callable[[Any], Iterable[tuple[Any, Any]]]:
        """Return how to take a map apart."""
        ...

    def scalar(self, kind: str, ref: Ref) -> Read:
        """Return the reader of a scalar type."""
        ...

    def document(self, node: Any) -> Any:
        """Return a value without a model."""
        ...


class Field(NamedTuple):
    """A member of a structure as its reader needs it."""

    name: str
    read: Read
    blank_is_absent: bool  # "" for an enumeration: what clients send for a member left out


class Readers:
    """The readers of one service in one dialect."""

    def __init__(self, table: Table, dialect: Dialect, *, refuse_unknown: bool = True) -> None:
        self._table = table
        self._dialect = dialect
        self._refuse_unknown = refuse_unknown
        self._structures: dict[str, Read] = {}

    def reader(self, ref: Ref) -> Read:
        """Return the reader of a use of a shape. It raises InvalidMemberError with all findings."""
        shape = self._table.shapes[ref.shape]
        if shape.document:
            return self._dialect.document
        if shape.type == "structure":
            return self._structure(ref.shape, shape)
        if shape.type == "list":
            return constrain(self._list(ref, shape), shape)
        if shape.type == "map":
            return constrain(self._map(ref, shape), shape)
        return constrain(self._dialect.scalar(shape.type, ref), shape)

    def structure_of(self, members: Iterable[Ref], required: Iterable[str]) -> Read:
        """Return the reader of some members of a structure (the body of a REST operation)."""
        return self._read_structure(self._fields(members), tuple(required))

    def _structure(self, name: str, shape: Shape) -> Read:
        known = self._structures.get(name)
        if known is not None:
            return known
        fields: dict[str, Field] = {}
        tokens = {ref.name for ref in shape.members if ref.idempotency_token}  # filled in later
        required = tuple(member for member in shape.required if member not in tokens)
        read = self._structures[name] = self._read_structure(fields, required)
        fields.update(self._fields(shape.members))  # after: a shape may contain itself
        return read

    def _fields(self, members: Iterable[Ref]) -> dict[str, Field]:
        fields = {}
        for ref in members:
            shape = self._table.shapes[ref.shape]
            blank = bool(shape.enum) and "" not in shape.enum
            wire = self._dialect.wire_name(ref, shape)
            fields[wire] = Field(ref.name, self.reader(ref), blank)
        return fields

    def _read_structure(self, fields: dict[str, Field], required: tuple[str, ...]) -> Read:
        split = self._dialect.fields
        refuse_unknown = self._refuse_unknown

        def read(node: Any) -> dict[str, Any]:
            out: dict[str, Any] = {}
            findings: list[Finding] = []
            for wire, child in split(node).items():
                field = fields.get(wire)
                if field is None:
                    if refuse_unknown:
                        findings += unknown_member(wire)
                elif child is not None and not (field.blank_is_absent and child == ""):
                    try:
                        out[field.name] = field.read(child)
                    except InvalidMemberError as error:
                        findings += error.below(field.name)
            if required:
                findings += missing_members(required, out, findings)
            if findings:
                raise InvalidMemberError(findings)
            return out

        return read

    def _list(self, ref: Ref, shape: Shape) -> Read:
        read_item = self.reader(_item(shape))
        items = self._dialect.items(ref, shape)

        def read(node: Any) -> list[Any]:
            out = []
            findings: list[Finding] = []
            for position, item in enumerate(items(node), 1):
                try:
                    out.append(read_item(item))
                except InvalidMemberError as error:
                    findings += error.below(position)
            if findings:
                raise InvalidMemberError(findings)
            return out

        return read

    def _map(self, ref: Ref, shape: Shape) -> Read:
        read_value = self.reader(_item(shape))
        read_key = self.reader(_key(shape))
        entries = self._dialect.entries(ref, shape)

        def read(node: Any) -> dict[str, Any]:
            out = {}
            findings: list[Finding] = []
            for name, item in entries(node):
                try:
                    out[read_key(name)] = read_value(item)
                except InvalidMemberError as error:
                    findings += error.below(name if isinstance(name, str) else "key")
            if findings:
                raise InvalidMemberError(findings)
            return out

        return read


def missing_members(
    required: Iterable[str], present: Mapping[str, Any], findings: list[Finding]
) -> list[Finding]:
    """Return a finding per required member that is absent, unless it is there and wrong."""
    wrong = {found.path[0] for found in findings if found.path}
    return [
        Finding("missing", (name,), "Member must not be null")
        for name in required
        if name not in present and name not in wrong
    ]


def _item(shape: Shape) -> Ref:
    if shape.item is None:
        raise TableError(f"a {shape.type} without items")
    return shape.item


def _key(shape: Shape) -> Ref:
    if shape.key is None:
        raise TableError(f"a {shape.type} without keys")
    return shape.key
