"""Secrets in lists. Source: AWS Secrets Manager API Reference, ListSecrets."""

from typing import Any

from ecsd.decisions.secretsmanager.secret_filter import fits
from ecsd.decisions.secretsmanager.stages import by_version
from ecsd.operations.call import Call, operation
from ecsd.operations.secretsmanager.requests import page
from ecsd.operations.secretsmanager.secret import described
from ecsd.records.secretsmanager.secret import Secret

PAGE = 100
SORTED_BY = {
    "created-date": "created_at",
    "last-accessed-date": "accessed_on",
    "last-changed-date": "changed_at",
}


@operation("secretsmanager", "ListSecrets")
async def list_secrets(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List secrets, without their values."""
    filters = request.get("Filters") or ()
    found = [
        one
        for one in call.view.select(Secret)
        if (one.deletion_at is None or request.get("IncludePlannedDeletion"))
        and fits(filters, one, call.scope.region)
    ]
    now = call.clock.now()
    places = {one.arn: f"{place:08}" for place, one in enumerate(_sorted(found, request))}
    shown, token = page(found, request, lambda one: places[one.arn], PAGE)
    return {
        "SecretList": [
            {**described(one, now), "SecretVersionsToStages": by_version(one.stages) or None}
            for one in shown
        ],
        "NextToken": token,
    }


def _sorted(found: list[Secret], request: dict[str, Any]) -> list[Secret]:
    """The newest first unless the request says otherwise; by name the other way round."""
    by_name = request.get("SortBy") == "name"
    member = "name" if by_name else SORTED_BY[request.get("SortBy") or "created-date"]
    order = request.get("SortOrder") or ("asc" if by_name else "desc")
    return sorted(
        found, key=lambda one: (str(getattr(one, member)), one.arn), reverse=order == "desc"
    )
