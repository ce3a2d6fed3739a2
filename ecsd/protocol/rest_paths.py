"""Which operation a method and path mean, in REST protocols."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import unquote

from ecsd.protocol.message import HttpRequest
from ecsd.protocol.table import Operation, Shape

LABEL = re.compile(r"\{([^}]+)\}")


class Found(NamedTuple):
    """An operation and what its path's labels are, percent-decoded."""

    operation: Operation
    labels: Mapping[str, str]
    like: tuple[re.Pattern[str], Mapping[str, str]]  # what its template has in common with others


class Template(NamedTuple):
    """A path template, ready to match."""

    method: str
    pattern: re.Pattern[str]
    names: tuple[str, ...]
    query: Mapping[str, str]  # literal parameters that must be there
    needed_query: frozenset[str]  # parameters and headers that the operation requires: they tell
    needed_headers: frozenset[str]  # UploadPart from PutObject, whose paths are the same
    operation: Operation


class RestPaths:
    """The path templates of one service, the most specific first."""

    def __init__(self, operations: Iterable[Operation], shapes: Mapping[str, Shape]) -> None:
        templates = [_template(operation, shapes) for operation in operations]
        self._templates = sorted(templates, key=_specificity, reverse=True)

    def find(self, request: HttpRequest) -> Found | None:
        """Return the operation of a request, or None.

        Of several with the same path it is the one whose required parameters and headers are
        there; where that is none of them, the one that requires least, which says what lacks.
        """
        query = dict(query_pairs(request.query))
        found: Found | None = None
        for template in self._templates:
            if template.method != request.method:
                continue
            match = template.pattern.fullmatch(request.path)
            if match and all(query.get(key) == value for key, value in template.query.items()):
                if found is not None and found.like != (template.pattern, template.query):
                    break
                values = (unquote(value) for value in match.groups())
                labels = dict(zip(template.names, values, strict=True))
                found = Found(template.operation, labels, (template.pattern, template.query))
                if template.needed_query <= query.keys() and (
                    template.needed_headers <= request.headers.keys()
                ):
                    break
        return found


def literal_query(path: str) -> dict[str, str]:
    """Return the parameters that a template spells out (``/{Bucket}?uploads``)."""
    return dict(query_pairs(path.partition("?")[2]))


def query_pairs(query: str) -> list[tuple[str, str]]:
    """Return the parameters of a query string, decoded."""
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return [(unquote(name), unquote(value.replace("+", " "))) for name, _, value in pairs]


def _template(operation: Operation, shapes: Mapping[str, Shape]) -> Template:
    path = operation.path.partition("?")[0].rstrip("/") or "/"
    names: list[str] = []
    pattern = ""
    for position, piece in enumerate(LABEL.split(path)):
        if position % 2 == 0:
            pattern += re.escape(piece)
        else:
            names.append(piece.removesuffix("+"))
            pattern += "(.+)" if piece.endswith("+") else "([^/]+)"
    if not pattern.endswith("(.+)"):
        pattern = "/+" if pattern == "/" else f"{pattern}/*"
    return Template(
        operation.method,
        re.compile(pattern),
        tuple(names),
        literal_query(operation.path),
        _needed(operation, shapes, "querystring"),
        frozenset(name.lower() for name in _needed(operation, shapes, "header")),
        operation,
    )


def _needed(operation: Operation, shapes: Mapping[str, Shape], location: str) -> frozenset[str]:
    shape = shapes[operation.input.shape] if operation.input else Shape("structure")
    return frozenset(
        ref.wire or ref.name
        for ref in shape.members
        if ref.location == location and ref.name in shape.required
    )


def _specificity(template: Template) -> tuple[int, int, int, int]:
    path = template.operation.path.partition("?")[0]
    needed = len(template.needed_query) + len(template.needed_headers)
    return len(template.query), path.count("/"), len(LABEL.sub("", path)), needed
