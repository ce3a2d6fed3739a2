"""Which operation a method and path mean, in REST protocols."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import unquote

from ecsd.protocol.message import HttpRequest
from ecsd.protocol.table import Operation

LABEL = re.compile(r"\{([^}]+)\}")


class Found(NamedTuple):
    """An operation and what its path's labels are, percent-decoded."""

    operation: Operation
    labels: Mapping[str, str]


class Template(NamedTuple):
    """A path template, ready to match."""

    method: str
    pattern: re.Pattern[str]
    names: tuple[str, ...]
    query: Mapping[str, str]  # literal parameters that must be there
    operation: Operation


class RestPaths:
    """The path templates of one service, the most specific first."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        templates = [_template(operation) for operation in operations]
        self._templates = sorted(templates, key=_specificity, reverse=True)

    def find(self, request: HttpRequest) -> Found | None:
        """Return the operation of a request, or None."""
        query = dict(query_pairs(request.query))
        path = request.path.rstrip("/") or "/"
        for template in self._templates:
            if template.method != request.method:
                continue
            match = template.pattern.fullmatch(path)
            if match and all(query.get(key) == value for key, value in template.query.items()):
                values = (unquote(value) for value in match.groups())
                return Found(template.operation, dict(zip(template.names, values, strict=True)))
        return None


def literal_query(path: str) -> dict[str, str]:
    """Return the parameters that a template spells out (``/{Bucket}?uploads``)."""
    return dict(query_pairs(path.partition("?")[2]))


def query_pairs(query: str) -> list[tuple[str, str]]:
    """Return the parameters of a query string, decoded."""
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return [(unquote(name), unquote(value.replace("+", " "))) for name, _, value in pairs]


def _template(operation: Operation) -> Template:
    path = operation.path.partition("?")[0].rstrip("/") or "/"
    names: list[str] = []
    pattern = ""
    for position, piece in enumerate(LABEL.split(path)):
        if position % 2 == 0:
            pattern += re.escape(piece)
        else:
            names.append(piece.removesuffix("+"))
            pattern += "(.+)" if piece.endswith("+") else "([^/]+)"
    return Template(
        operation.method,
        re.compile(pattern),
        tuple(names),
        literal_query(operation.path),
        operation,
    )


def _specificity(template: Template) -> tuple[int, int, int]:
    path = template.operation.path.partition("?")[0]
    return len(template.query), path.count("/"), len(LABEL.sub("", path))
