"""Pull through cache rules: whose images ECR fetches by itself.

Source: Amazon ECR API Reference, CreatePullThroughCacheRule and its kin; Amazon ECR User Guide,
storing your upstream repository credentials.
"""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.ecr.pull_through import MOST_RULES, upstream_of
from ecsd.errors import AwsError, UpstreamError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecr.paging import page
from ecsd.operations.ecr.refusal import invalid, unsupported
from ecsd.operations.ecr.registry import put_in_use
from ecsd.operations.ecr.upstream import reach, secret_content
from ecsd.records.ecr.pull_through import PullThroughCacheRule
from ecsd.store.store import View


@operation("ecr", "CreatePullThroughCacheRule")
async def create_pull_through_cache_rule(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Have repositories below a prefix hold another registry's images."""
    _refuse(call, request)
    prefix, host = _prefix(request["ecrRepositoryPrefix"]), _host(request["upstreamRegistryUrl"])
    upstream = upstream_of(host)
    if upstream is None:
        raise AwsError(
            "UnsupportedUpstreamRegistryException",
            f"The upstream registry '{host}' isn't supported.",
        )
    told = request.get("upstreamRegistry") or upstream.name
    if told != upstream.name:
        raise invalid("upstreamRegistry", f"{host} is {upstream.name}, not {told}")
    if upstream.secret and request.get("credentialArn") is None:
        raise invalid("credentialArn", f"the upstream registry {host} requires authentication")
    now, below = call.clock.now(), request.get("upstreamRepositoryPrefix")
    rule = PullThroughCacheRule(
        prefix=prefix,
        upstream_url=host,
        upstream_registry=upstream.name,
        upstream_prefix=_prefix(below) if below is not None else None,
        credential_arn=request.get("credentialArn"),
        created_at=now,
        updated_at=now,
    )
    if rule.credential_arn is not None:
        secret_content(call, call.view, rule.credential_arn)
    async with call.transaction() as change:
        if change.get(PullThroughCacheRule, prefix) is not None:
            raise AwsError(
                "PullThroughCacheRuleAlreadyExistsException",
                f"A pull through cache rule with prefix '{prefix}' already exists in the registry "
                f"with id '{call.scope.account}'",
            )
        if len(change.select(PullThroughCacheRule)) >= MOST_RULES:
            words = f"A registry may have at most {MOST_RULES} pull through cache rules."
            raise AwsError("LimitExceededException", words)
        change.put(rule)
    await put_in_use(call)
    shown = _shown(call, rule)
    del shown["updatedAt"]
    return shown


@operation("ecr", "UpdatePullThroughCacheRule")
async def update_pull_through_cache_rule(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Give a rule other credentials."""
    _refuse(call, request)
    if request.get("credentialArn") is None:
        raise invalid("credentialArn", "it must be given")
    async with call.transaction() as change:
        known = _require(change, request["ecrRepositoryPrefix"])
        arn, now = request["credentialArn"], call.clock.now()
        rule = replace(known, credential_arn=arn, updated_at=now)
        secret_content(call, change, arn)
        change.put(rule)
    members = ("ecrRepositoryPrefix", "registryId", "updatedAt", "credentialArn")
    shown = _shown(call, rule)
    return {name: shown[name] for name in (*members, "upstreamRepositoryPrefix")}


@operation("ecr", "DeletePullThroughCacheRule")
async def delete_pull_through_cache_rule(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Fetch nothing any more; repositories and images stay."""
    _refuse(call, request)
    async with call.transaction() as change:
        rule = _require(change, request["ecrRepositoryPrefix"])
        change.remove(rule)
    shown = _shown(call, rule)
    return {name: shown[name] for name in shown if name not in ("updatedAt", "upstreamRegistry")}


@operation("ecr", "DescribePullThroughCacheRules")
async def describe_pull_through_cache_rules(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return rules by prefix, or all."""
    _refuse(call, request)
    wanted = request.get("ecrRepositoryPrefixes")
    if wanted:
        rules = [_require(call.view, one) for one in dict.fromkeys(wanted)]
        return {"pullThroughCacheRules": [_shown(call, one) for one in rules]}
    shown, rest = page(call.view.select(PullThroughCacheRule), request, lambda one: one.prefix)
    return {"pullThroughCacheRules": [_shown(call, one) for one in shown], **rest}


@operation("ecr", "ValidatePullThroughCacheRule")
async def validate_pull_through_cache_rule(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Ask the upstream whether it lets us in."""
    _refuse(call, request)
    rule = _require(call.view, request["ecrRepositoryPrefix"])
    failure = None
    try:
        await reach(call, rule)
    except UpstreamError as error:
        failure = str(error)
    shown = _shown(call, rule)
    for name in ("createdAt", "updatedAt", "upstreamRegistry"):
        del shown[name]
    return {**shown, "isValid": failure is None, "failure": failure}


def _shown(call: Call, rule: PullThroughCacheRule) -> dict[str, Any]:
    return {
        "ecrRepositoryPrefix": rule.prefix,
        "upstreamRegistryUrl": rule.upstream_url,
        "upstreamRegistry": rule.upstream_registry,
        "upstreamRepositoryPrefix": rule.upstream_prefix,
        "credentialArn": rule.credential_arn,
        "registryId": call.scope.account,
        "createdAt": rule.created_at,
        "updatedAt": rule.updated_at,
    }


def _require(view: View, given: str) -> PullThroughCacheRule:
    found = view.get(PullThroughCacheRule, _prefix(given))
    if found is None:
        raise AwsError(
            "PullThroughCacheRuleNotFoundException",
            f"The pull through cache rule with prefix '{given}' does not exist in the registry "
            f"with id '{view.scope.account}'",
        )
    return found


def _refuse(call: Call, request: Mapping[str, Any]) -> None:
    if request.get("registryId", call.scope.account) != call.scope.account:
        raise invalid("registryId", "rules are those of the caller's own registry")
    if request.get("customRoleArn") is not None:
        raise unsupported("customRoleArn")


def _prefix(given: str) -> str:
    return given.removesuffix("/")


def _host(given: str) -> str:
    return given.removeprefix("https://").removesuffix("/").lower()
