"""Aliases of keys. Source: AWS Key Management Service API Reference, CreateAlias."""

import re
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.kms.key_policy import MANAGED_ALIASES
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.kms.requests import customer_key, page
from ecsd.records.kms.key import Alias
from ecsd.store.finders.kms import aliases_of, check_kept, kms_arn, require_named_key
from ecsd.store.kms_keys import new_alias
from ecsd.store.store import View

NAME = re.compile(r"alias/[a-zA-Z0-9/_-]{1,250}")
RESERVED = "alias/aws/"
MOST = 50  # aliases of one key
PAGE = 50


@operation("kms", "CreateAlias")
async def create_alias(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Give a key another name."""
    name = request["AliasName"]
    _check_name(name)
    async with call.transaction() as change:
        if change.get(Alias, name) is not None:
            arn = kms_arn(change, name)
            raise AwsError("AlreadyExistsException", f"An alias with the name {arn} already exists")
        key = customer_key(call, change, request["TargetKeyId"], "CreateAlias")
        check_kept(key)
        if len(aliases_of(change, key)) >= MOST:
            raise AwsError("LimitExceededException", f"A key may have at most {MOST} aliases.")
        change.put(new_alias(change, name, key, call.clock.now()))
    return {}


@operation("kms", "UpdateAlias")
async def update_alias(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Let an alias mean another key."""
    _check_name(request["AliasName"])
    async with call.transaction() as change:
        alias = _require_alias(change, request["AliasName"])
        key = customer_key(call, change, request["TargetKeyId"], "UpdateAlias")
        check_kept(key)
        change.put(replace(alias, key_arn=key.arn, updated_at=call.clock.now()))
    return {}


@operation("kms", "DeleteAlias")
async def delete_alias(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take a name away from a key."""
    _check_name(request["AliasName"])
    async with call.transaction() as change:
        change.remove(_require_alias(change, request["AliasName"]))
    return {}


@operation("kms", "ListAliases")
async def list_aliases(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List the aliases of account and region, or of one key.

    Those of AWS managed keys are there before their keys are; they name none then.
    """
    if request.get("KeyId"):
        key = require_named_key(call.view, request["KeyId"])
        listed = [_listed(one) for one in aliases_of(call.view, key)]
    else:
        made = {one.name: _listed(one) for one in call.view.select(Alias)}
        waiting = {
            name: {"AliasName": name, "AliasArn": kms_arn(call.view, name)}
            for name in MANAGED_ALIASES
        }
        listed = list({**waiting, **made}.values())
    shown, rest = page(listed, request, lambda one: str(one["AliasName"]), PAGE)
    return {"Aliases": shown, **rest}


def _listed(alias: Alias) -> dict[str, Any]:
    return {
        "AliasName": alias.name,
        "AliasArn": alias.arn,
        "TargetKeyId": alias.key_arn.rpartition("/")[2],
        "CreationDate": alias.created_at,
        "LastUpdatedDate": alias.updated_at,
    }


def _require_alias(view: View, name: str) -> Alias:
    alias = view.get(Alias, name)
    if alias is None:
        raise AwsError("NotFoundException", f"Alias {kms_arn(view, name)} is not found.")
    return alias


def _check_name(name: str) -> None:
    if NAME.fullmatch(name) is None:
        raise AwsError(
            "ValidationException",
            f"{name}: an alias is alias/ and 1 to 250 letters, digits, /, _ and -.",
        )
    if name.startswith(RESERVED):
        raise AwsError(
            "NotAuthorizedException", f"{name}: aliases that begin with {RESERVED} are AWS's."
        )
