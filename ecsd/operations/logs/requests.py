"""What requests to CloudWatch Logs have in common: how they name a group, and how they page."""

import base64
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from ecsd.decisions.logs.filter_pattern import LogFilter, compile_filter
from ecsd.errors import AwsError
from ecsd.records.logs.log_group import LogGroup
from ecsd.store.finders.logs import require_log_group, require_log_group_by_identifier
from ecsd.store.store import View

Item = TypeVar("Item")
Kind = TypeVar("Kind")


def invalid(message: str) -> AwsError:
    """Return CloudWatch Logs' error for a wrong parameter."""
    return AwsError("InvalidParameterException", message)


def refuse_unsupported(request: dict[str, Any], *names: str) -> None:
    """Refuse members that could not have their effect, by name."""
    for name in names:
        if request.get(name):
            raise invalid(f"{name} is not supported.")


def compiled_pattern(pattern: str) -> LogFilter:
    """Return what a filter pattern means, or refuse it."""
    compiled = compile_filter(pattern)
    if not isinstance(compiled, LogFilter):
        raise invalid(compiled.words)
    return compiled


def group_of(view: View, request: dict[str, Any]) -> LogGroup:
    """Return the group that logGroupName or logGroupIdentifier (exactly one) means."""
    name, identifier = request.get("logGroupName"), request.get("logGroupIdentifier")
    if name is not None and identifier is not None:
        raise invalid("logGroupName and logGroupIdentifier cannot be both specified.")
    if name is not None:
        return require_log_group(view, name)
    if identifier is None:
        raise invalid("Either logGroupName or logGroupIdentifier must be specified.")
    return require_log_group_by_identifier(view, identifier)


def refuse_other_language(request: dict[str, Any]) -> None:
    """Refuse query languages other than Logs Insights' own."""
    if request.get("queryLanguage", "CWLI") != "CWLI":
        raise invalid(f"queryLanguage {request['queryLanguage']} is not supported; CWLI is.")


def refuse_infrequent(group: LogGroup, what: str) -> None:
    """Refuse what a group of the class INFREQUENT_ACCESS does not have on AWS either."""
    if group.log_group_class == "INFREQUENT_ACCESS":
        raise invalid(
            f"{what} is not supported for log groups of the class {group.log_group_class}."
        )


def next_token(value: object) -> str:
    """Return a paging token that holds a plain value."""
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode()


def read_next_token(token: str, kind: type[Kind]) -> Kind:
    """Return what a token holds, or refuse it."""
    try:
        content = base64.b64decode(token, altchars=b"-_", validate=True)
        return msgspec.json.decode(content, type=kind)
    except ValueError as error:  # not base64, or not what such a token holds
        raise invalid("The specified nextToken is invalid.") from error


def page(
    request: dict[str, Any], items: Sequence[tuple[str, Item]], limit: int
) -> tuple[list[Item], dict[str, str]]:
    """Return one page of named items, and the token that leads on; by name, ascending."""
    ordered = sorted(items, key=lambda one: one[0])
    if "nextToken" in request:
        last = read_next_token(request["nextToken"], str)
        ordered = [one for one in ordered if one[0] > last]
    shown = ordered[: request.get("limit", limit)]
    rest = {"nextToken": next_token(shown[-1][0])} if len(shown) < len(ordered) else {}
    return [item for _, item in shown], rest


def newest_first(
    request: dict[str, Any], items: Sequence[tuple[int, str, Item]], limit: int
) -> tuple[list[Item], dict[str, str]]:
    """Return one page of items with a time and an id, and the token that leads on."""
    ordered = sorted(items, key=lambda one: one[:2], reverse=True)
    if "nextToken" in request:
        last = read_next_token(request["nextToken"], tuple[int, str])
        ordered = [one for one in ordered if one[:2] < last]
    shown = ordered[:limit]
    rest = {"nextToken": next_token(shown[-1][:2])} if len(shown) < len(ordered) else {}
    return [item for _, _, item in shown], rest
