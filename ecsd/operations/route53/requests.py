"""What requests to Route 53 have in common: where its records live, pages, changes."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from ecsd.decisions.dns.domain_name import NameProblem, canonical
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.records.route53.hosted_zone import HostedZone
from ecsd.records.route53.zone_change import ZoneChange
from ecsd.store.store import Transaction, View

Item = TypeVar("Item")
SERVICE = "servicediscovery.amazonaws.com"  # whose zones and health checks Cloud Map has
KEPT = timedelta(days=1)  # that a change is told of


def account_view(call: Call) -> View:
    """Read what belongs to no region."""
    return call.view.globally()


def account_change(call: Call) -> Transaction:
    """Change what belongs to no region."""
    return call.store.transaction(call.scope.globally())


def invalid(message: str) -> AwsError:
    """Return Route 53's error for a wrong value."""
    return AwsError("InvalidInput", message)


def id_of(given: str) -> str:
    """Return an id as it is stored: ``/hostedzone/Z1`` and ``Z1`` are the same."""
    return given.rpartition("/")[2]


def parse_name(given: str) -> str:
    """Return a domain name as it is stored, or refuse with InvalidDomainName."""
    name = canonical(given)
    if isinstance(name, NameProblem):
        raise AwsError("InvalidDomainName", str(name))
    return name


def page_size(request: Mapping[str, Any], most: int) -> int:
    """Return MaxItems, a number in a string; more than the most is the most."""
    given = request.get("MaxItems")
    if given is None:
        return most
    if not (given.isascii() and given.isdecimal() and int(given) > 0):
        raise invalid(f"MaxItems has to be a positive number, got {given}")
    return min(int(given), most)


def cut(items: Sequence[Item], size: int) -> tuple[list[Item], Item | None]:
    """Return one page of what is left, and the first item after it."""
    return list(items[:size]), items[size] if len(items) > size else None


def note(call: Call, change: Transaction, zone: HostedZone, comment: str | None) -> dict[str, Any]:
    """Store that a zone is changed; return its ChangeInfo."""
    now = call.clock.now()
    one = ZoneChange(
        change_id=call.ids.zone_change_id(),
        zone_id=zone.zone_id,
        comment=comment,
        submitted_at=now,
        expires_at=now + KEPT,
    )
    change.put(one)
    return change_info(one)


def change_info(one: ZoneChange) -> dict[str, Any]:
    """Return a change in the API's shape."""
    return {
        "Id": f"/change/{one.change_id}",
        "Status": one.status,
        "SubmittedAt": one.submitted_at,
        "Comment": one.comment,
    }
