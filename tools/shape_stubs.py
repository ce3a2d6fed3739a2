"""TypedDict stubs of a service's requests and answers, for type checkers only."""

import keyword
from collections.abc import Iterator

from ecsd.protocol.table import Ref, Shape, Table

HEADER = '''"""{model}: requests and answers. Written by tools/compile_models.py."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Required, TypedDict

'''
EMPTY = "    pass\n"
SCALARS = {
    "string": "str",
    "character": "str",
    "integer": "int",
    "long": "int",
    "short": "int",
    "byte": "int",
    "float": "float",
    "double": "float",
    "boolean": "bool",
    "timestamp": "datetime",
    "blob": "bytes",
}


def stub(table: Table) -> str:
    """Return the text of ``shapes/<service>.pyi``.

    ``<Operation>Request`` and ``<Operation>Response`` exist for every operation, whatever the
    model calls its shapes. Members that only answers have may be None: the codecs leave them out.
    """
    asked = _reached(table, [op.input for op in table.operations.values()])
    lines = [HEADER.format(model=table.model)]
    for name, shape in table.shapes.items():
        if shape.type == "structure":
            lines.append(_structure(table, name, shape, name in asked))
    lines.extend(_aliases(table))
    return "".join(lines)


def _reached(table: Table, roots: list[Ref | None]) -> set[str]:
    seen: set[str] = set()
    waiting = [ref.shape for ref in roots if ref]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            shape = table.shapes[name]
            refs = (*shape.members, *(ref for ref in (shape.item, shape.key) if ref))
            waiting += [ref.shape for ref in refs]
    return seen


def _structure(table: Table, name: str, shape: Shape, asked: bool) -> str:
    members = [(ref.name, _member(table, shape, ref, asked)) for ref in shape.members]
    if all(member.isidentifier() and not keyword.iskeyword(member) for member, _ in members):
        body = "".join(f"    {member}: {kind}\n" for member, kind in members)
        return f"class {name}(TypedDict, total=False):\n{body or EMPTY}\n"
    body = "".join(f"    {member!r}: {kind},\n" for member, kind in members)
    return f"{name} = TypedDict({name!r}, {{\n{body}}}, total=False)\n\n"


def _member(table: Table, shape: Shape, ref: Ref, asked: bool) -> str:
    kind = _type(table, ref, asked)
    if ref.name in shape.required:
        return f"Required[{kind}]"
    return kind if asked or kind == "Any" else f"{kind} | None"


def _type(table: Table, ref: Ref, asked: bool) -> str:
    shape = table.shapes[ref.shape]
    if shape.document or ref.event_stream:
        return "Any"
    if shape.type == "structure":
        return f'"{ref.shape}"' if keyword.iskeyword(ref.shape) else ref.shape
    if shape.item and shape.type == "list":
        return f"{'list' if asked else 'Sequence'}[{_type(table, shape.item, asked)}]"
    if shape.item and shape.type == "map":
        return f"{'dict' if asked else 'Mapping'}[str, {_type(table, shape.item, asked)}]"
    return SCALARS[shape.type]


def _aliases(table: Table) -> Iterator[str]:
    for operation in table.operations.values():
        for suffix, ref in (("Request", operation.input), ("Response", operation.output)):
            name = f"{operation.name}{suffix}"
            if ref is None and name not in table.shapes:
                yield f"class {name}(TypedDict, total=False):\n    pass\n\n"
            elif ref is not None and ref.shape != name:
                if name in table.shapes:
                    raise SystemExit(f"shape_stubs: {table.identity.name} uses {name} twice")
                yield f"{name} = {ref.shape}\n"
