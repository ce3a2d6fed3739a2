"""All rows, in the page's order; with what the API's own model has."""

from collections.abc import Iterator

from ecsd.protocol.table import Ref, Table, read_table
from tests.integration.fields import (
    rows_container,
    rows_elsewhere,
    rows_linux,
    rows_order,
    rows_overrides,
    rows_refused,
    rows_task,
    rows_values,
)
from tests.integration.fields.rows import Row

THEMES = (
    rows_task,
    rows_elsewhere,
    rows_container,
    rows_linux,
    rows_order,
    rows_values,
    rows_refused,
    rows_overrides,
)
ROWS: list[Row] = [row for theme in THEMES for row in theme.ROWS]


def fields() -> list[str]:
    """Return every field of RegisterTaskDefinition, then of RunTask's overrides."""
    table = read_table("ecs")
    register, run = (table.operations[one] for one in ("RegisterTaskDefinition", "RunTask"))
    overrides = [one for one in _walk(table, run.input, "") if one.startswith("overrides.")]
    return [*_walk(table, register.input, ""), *overrides]


def _walk(table: Table, of: Ref | None, path: str) -> Iterator[str]:
    shape = table.shapes[of.shape] if of else None
    for member in shape.members if shape else ():
        inner, here = member, f"{path}{member.name}"
        while (item := table.shapes[inner.shape]).type == "list" and item.item:
            inner, here = item.item, f"{here}[]"
        yield here
        if item.type == "structure":
            yield from _walk(table, inner, f"{here}.")
