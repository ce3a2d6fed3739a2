"""Describing: by id, through filters, in pages. One mechanism for every Describe operation."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from ecsd.decisions.network.described_filter import MAX_VALUES, matches, unknown_filter
from ecsd.errors import AwsError
from ecsd.operations.ec2.action import Answer, Request
from ecsd.records.record import Record
from ecsd.store.finders.ec2 import require
from ecsd.store.store import View

R = TypeVar("R", bound=Record)
Document = dict[str, Any]


class Listing(NamedTuple):
    """How one Describe operation answers.

    Attributes:
        member: the answer's list, such as ``Vpcs``.
        identifier: the member of a document that tells it from the others, such as ``VpcId``.
        filters: filter name → path of members in a document.
    """

    member: str
    identifier: str
    filters: Mapping[str, str]


def chosen(view: View, kind: type[R], ids: Sequence[str] | None) -> list[R]:
    """Return the records with these ids, each of which must exist; without ids, all."""
    if not ids:
        return view.select(kind)
    return [require(view, kind, one) for one in dict.fromkeys(ids)]


def listed(request: Request, listing: Listing, documents: Sequence[Document]) -> Answer:
    """Return the documents that pass the request's filters, one page of them if it asks so."""
    filters = checked_filters(request, listing.filters)
    passing = [one for one in documents if matches(one, filters, listing.filters)]
    return page(request, listing.member, passing, lambda one: str(one[listing.identifier]))


def checked_filters(request: Request, known: Mapping[str, str]) -> list[Document]:
    """Return the request's filters; an unknown one is refused."""
    filters = request.get("Filters") or request.get("Filter") or []
    unknown = unknown_filter(filters, known)
    if unknown is not None:
        raise AwsError("InvalidParameterValue", f"The filter '{unknown}' is invalid")
    for one in filters:
        if not one.get("Values"):
            raise AwsError(
                "InvalidParameterValue", f"The filter '{one['Name']}' must have at least one value"
            )
    if sum(len(one["Values"]) for one in filters) > MAX_VALUES:
        raise AwsError(
            "FilterLimitExceeded",
            f"The maximum number of filter values specified on a single call is {MAX_VALUES}",
        )
    return list(filters)


def page(
    request: Request,
    member: str,
    documents: Sequence[Document],
    identify: Callable[[Document], str],
) -> Answer:
    """Return a page: documents in the order of their ids, those behind the token's id.

    Removal and birth between two pages neither repeat nor skip what was there all the time.
    """
    size = request.get("MaxResults")
    token = request.get("NextToken")
    if not size and not token:
        return {member: list(documents)}
    behind = _decode(token) if token else ""
    ordered = sorted((one for one in documents if identify(one) > behind), key=identify)
    size = size or len(ordered)
    shown = ordered[:size]
    answer: Answer = {member: shown}
    if len(ordered) > size:
        answer["NextToken"] = base64.urlsafe_b64encode(identify(shown[-1]).encode()).decode()
    return answer


def _decode(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise AwsError("InvalidNextToken", "The specified NextToken is not valid.") from error
