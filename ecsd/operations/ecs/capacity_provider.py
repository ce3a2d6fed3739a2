"""Capacity providers: AWS's own two, associated with clusters.

Source: Amazon ECS API Reference; ecs_semantics 3.4, 11.2.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecs.capacity import PROVIDERS, parse_providers, parse_strategy
from ecsd.operations.ecs.cluster import describe
from ecsd.operations.ecs.paging import page
from ecsd.store.finders.ecs import arn_prefix, live_tasks, require_cluster, short_name
from ecsd.store.store import View

PAGE = 10


@operation("ecs", "DescribeCapacityProviders")
async def describe_capacity_providers(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe providers by name or ARN, a cluster's, or all."""
    view = call.view
    references = request.get("capacityProviders")
    wanted = list(references or PROVIDERS)
    if request.get("cluster"):
        associated = require_cluster(view, request["cluster"]).capacity_providers
        wanted = [one for one in references or associated if _name(view, one) in associated]
    found, failures = [], []
    for reference in wanted:
        name = _name(view, reference)
        if name in PROVIDERS:
            found.append(_show(view, name))
        else:
            failures.append({"arn": _as_arn(view, reference), "reason": "MISSING"})
    chosen, token = page(found, request, key=lambda one: one["name"], limit=PAGE, maximum=PAGE)
    return {"capacityProviders": chosen, "failures": failures, "nextToken": token}


@operation("ecs", "PutClusterCapacityProviders")
async def put_cluster_capacity_providers(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Replace a cluster's providers and its default strategy."""
    providers = parse_providers(request["capacityProviders"])
    strategy = parse_strategy(request["defaultCapacityProviderStrategy"], providers)
    async with call.transaction() as change:
        cluster = require_cluster(change, request["cluster"])
        used = {one.capacity_provider_name for one in live_tasks(change, cluster)} - {None}
        if used - set(providers):
            raise AwsError(
                "ResourceInUseException",
                "The specified capacity provider is in use and cannot be removed: "
                f"{', '.join(sorted(filter(None, used - set(providers))))}.",
            )
        cluster = replace(
            cluster,
            capacity_providers=providers,
            default_capacity_provider_strategy=strategy,
        )
        change.put(cluster)
        shown = describe(change, cluster, frozenset({"TAGS", "SETTINGS"}))
    return {"cluster": shown}


def _name(view: View, reference: str) -> str | None:
    return short_name(reference, "capacity-provider", view)


def _as_arn(view: View, reference: str) -> str:
    if reference.startswith("arn:"):
        return reference
    return f"{arn_prefix(view)}:capacity-provider/{reference}"


def _show(view: View, name: str) -> dict[str, Any]:
    return {
        "capacityProviderArn": _as_arn(view, name),
        "name": name,
        "status": "ACTIVE",
        "tags": [],
    }
