"""Account settings. Source: Amazon ECS API Reference, PutAccountSetting; ecs_semantics 12.

Only values that ecsd acts on, or that describe how it is anyway, are accepted.
"""

from typing import Any

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecs.paging import page
from ecsd.records.ecs.cluster import AccountSetting
from ecsd.records.plan import NON_BLOCKING
from ecsd.store.finders.ecs import LOG_DRIVER_MODE, account_setting
from ecsd.store.store import View

LONG_ARNS = ("serviceLongArnFormat", "taskLongArnFormat", "containerInstanceLongArnFormat")
DEFAULTS = {
    **dict.fromkeys(LONG_ARNS, "enabled"),
    "awsvpcTrunking": "disabled",
    "containerInsights": "disabled",
    "fargateFIPSMode": "disabled",
    "tagResourceAuthorization": "off",
    "fargateTaskRetirementWaitPeriod": "7",
    "guardDutyActivate": "off",
    LOG_DRIVER_MODE: NON_BLOCKING,
}
ACCEPTED = {
    **dict.fromkeys(LONG_ARNS, ("enabled",)),
    "awsvpcTrunking": ("disabled",),
    "containerInsights": ("enabled", "disabled", "enhanced"),
    "fargateFIPSMode": ("disabled",),
    "tagResourceAuthorization": ("off",),
    "fargateTaskRetirementWaitPeriod": ("0", "7", "14"),
    LOG_DRIVER_MODE: ("blocking", "non-blocking"),
}


@operation("ecs", "PutAccountSetting")
async def put_account_setting(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set a value for one principal (the caller if none is named)."""
    principal = request.get("principalArn") or call.caller.arn
    return await _put(call, request, principal)


@operation("ecs", "PutAccountSettingDefault")
async def put_account_setting_default(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set a value for everybody in the account who has none of their own."""
    return await _put(call, request, "")


@operation("ecs", "DeleteAccountSetting")
async def delete_account_setting(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take a principal's own value back."""
    name = _name(request)
    principal = request.get("principalArn") or call.caller.arn
    async with call.transaction() as change:
        known = change.get(AccountSetting, f"{name}|{principal}")
        if known is not None:
            change.remove(known)
        value = _effective(change, name, principal)
    return {"setting": _show(name, value, principal)}


@operation("ecs", "ListAccountSettings")
async def list_account_settings(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List set values, or with effectiveSettings all that hold for a principal."""
    principal = request.get("principalArn") or call.caller.arn
    view = call.view
    wanted = [_name(request)] if request.get("name") else list(DEFAULTS)
    if request.get("effectiveSettings"):
        values = {name: _effective(view, name, principal) for name in wanted}
    else:
        own = (view.get(AccountSetting, f"{name}|{principal}") for name in wanted)
        values = {one.name: one.value for one in own if one is not None}
    shown = [
        _show(name, value, principal)
        for name, value in sorted(values.items())
        if request.get("value") in {None, "", value}
    ]
    chosen, token = page(shown, request, key=lambda one: one["name"], limit=10, maximum=10)
    return {"settings": chosen, "nextToken": token}


async def _put(call: Call, request: dict[str, Any], principal: str) -> dict[str, Any]:
    name, value = _name(request), request["value"]
    if name in LONG_ARNS and value == "disabled":
        raise AwsError(
            "InvalidParameterException", f"You can no longer disable the {name} setting."
        )
    if value not in ACCEPTED.get(name, ()):
        raise AwsError(
            "InvalidParameterException",
            f"value: {value!r} of {name} is not supported by ecsd; it accepts "
            f"{list(ACCEPTED.get(name, ()))}.",
        )
    async with call.transaction() as change:
        change.put(
            AccountSetting(place=f"{name}|{principal}", name=name, principal=principal, value=value)
        )
    return {"setting": _show(name, value, principal or call.caller.arn)}


def _effective(view: View, name: str, principal: str) -> str:
    """Return the value that holds: the principal's own, the account's default, AWS's."""
    return account_setting(view, name, principal) or DEFAULTS[name]


def _name(request: dict[str, Any]) -> str:
    name = request["name"]
    if name not in DEFAULTS:
        raise AwsError(
            "InvalidParameterException", f"{name} should be one of [{','.join(DEFAULTS)}]"
        )
    return str(name)


def _show(name: str, value: str, principal: str) -> dict[str, Any]:
    managed = "aws_managed" if name == "guardDutyActivate" else "user"
    return {"name": name, "value": value, "principalArn": principal, "type": managed}
