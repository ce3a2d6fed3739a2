"""The fast way for JSON requests: msgspec types generated from the model.

They accept a subset of what the readers accept, and refuse without saying why in AWS's words; the
readers then say it, or accept what the types cannot express (``null`` for absent). Measured in
shared reference control_plane 1: 4.7 times faster than interpreting the tables.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Union

import msgspec

from ecsd.protocol.constraints import INTEGER_BITS, length_bounds, number_bounds, whole
from ecsd.protocol.table import Ref, Shape, Table

Parse = Callable[[bytes], dict[str, Any]]
PLAIN_BYTES = (bytes,)


class NotExpressibleError(Exception):
    """The model has something that the types cannot express; the readers read it alone."""


def fast_parser(table: Table, ref: Ref) -> Parse | None:
    """Return a parser that raises msgspec.MsgspecError on anything doubtful; None if impossible.

    Floats and timestamps are left to the readers: the protocol writes some of them as strings.
    """
    try:
        kind = _Types(table).type_of(ref)
    except NotExpressibleError:
        return None  # no loss but speed
    decode = msgspec.json.Decoder(kind).decode
    to_builtins = msgspec.to_builtins

    def parse(body: bytes) -> dict[str, Any]:
        request: dict[str, Any] = to_builtins(decode(body), builtin_types=PLAIN_BYTES)
        return request

    return parse


class _Types:
    """Types of one operation's request."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._open: set[str] = set()
        self._made: dict[str, Any] = {}

    def type_of(self, ref: Ref) -> Any:
        shape = self._table.shapes[ref.shape]
        if ref.wire not in ("", ref.name) or ref.location or ref.json_value or shape.document:
            raise NotExpressibleError(ref.shape)
        if ref.shape not in self._made:
            if ref.shape in self._open:
                raise NotExpressibleError(ref.shape)  # contains itself
            self._open.add(ref.shape)
            self._made[ref.shape] = self._make(ref.shape, shape)
            self._open.discard(ref.shape)
        return self._made[ref.shape]

    def _make(self, name: str, shape: Shape) -> Any:
        if shape.type == "structure":
            return self._structure(name, shape)
        if shape.item is not None and shape.type == "list":
            return _bounded(list[self.type_of(shape.item)], shape)  # type: ignore[misc]
        if shape.item is not None and shape.key is not None and shape.type == "map":
            names, values = self.type_of(shape.key), self.type_of(shape.item)
            return _bounded(dict[names, values], shape)  # type: ignore[valid-type]
        return _scalar(shape)

    def _structure(self, name: str, shape: Shape) -> Any:
        fields: list[Any] = []
        rename = {}
        for position, ref in enumerate(shape.members):
            field = f"m{position}"
            rename[field] = ref.name
            kind = self.type_of(ref)
            if ref.name in shape.required and not ref.idempotency_token:
                fields.append((field, kind))
            else:
                optional: Any = Union[kind, msgspec.UnsetType]  # noqa: UP007 - kind is a value
                fields.append((field, optional, msgspec.UNSET))
        return msgspec.defstruct(
            name, fields, kw_only=True, forbid_unknown_fields=True, rename=rename, gc=False
        )


def _scalar(shape: Shape) -> Any:
    if shape.enum:
        return Literal[shape.enum]
    if shape.type in INTEGER_BITS:
        least, most = number_bounds(shape)
        return Annotated[int, msgspec.Meta(ge=least, le=most)]
    if shape.type == "string":
        kind = _bounded(str, shape)
        return (
            Annotated[kind, msgspec.Meta(pattern=whole(shape.pattern))] if shape.pattern else kind
        )
    if shape.type == "boolean":
        return bool
    if shape.type == "blob":
        return _bounded(bytes, shape)
    raise NotExpressibleError(shape.type)


def _bounded(kind: Any, shape: Shape) -> Any:
    least, most = length_bounds(shape)
    if least is None and most is None:
        return kind
    return Annotated[kind, msgspec.Meta(min_length=least, max_length=most)]
