"""Parameters are made and changed. Source: AWS Systems Manager API Reference, PutParameter."""

from typing import Any, NamedTuple

from msgspec.structs import replace

from ecsd.decisions.logs.regex import RegexFault, query_regex
from ecsd.decisions.ssm.parameter_name import name_fault, parameter_arn
from ecsd.decisions.ssm.parameter_policies import (
    ParameterPolicies,
    PolicyFault,
    parse_policies,
)
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ssm.requests import invalid, unsupported
from ecsd.operations.ssm.tag import merged
from ecsd.operations.ssm.values import DEFAULT_KEY, seal_value
from ecsd.records.ssm.parameter import (
    ADVANCED,
    INTELLIGENT,
    SECURE_STRING,
    STANDARD,
    Parameter,
    ParameterVersion,
)
from ecsd.store.finders.ssm import arn_head, newest, versions_of
from ecsd.store.store import Transaction

LENGTHS = {STANDARD: 4096, ADVANCED: 8192}  # characters
NUMBERS = {STANDARD: 10_000, ADVANCED: 100_000}  # parameters of an account in a region
VERSIONS = 100


class _Wanted(NamedTuple):
    """A request against what is there. known: the newest version so far."""

    request: dict[str, Any]
    known: ParameterVersion | None
    policies: ParameterPolicies | None  # None: nothing is said

    @property
    def type(self) -> str:
        given = self.request.get("Type") or (self.known.type if self.known else None)
        if given is None:
            raise invalid("A parameter type is required when you create a parameter.")
        return str(given)


@operation("ssm", "PutParameter")
async def put_parameter(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a parameter, or another version of one."""
    _check(call, request)
    policies = _policies(call, request)
    async with call.transaction() as change:
        known = change.get(Parameter, request["Name"])
        if known is not None and not request.get("Overwrite"):
            raise AwsError(
                "ParameterAlreadyExists",
                "The parameter already exists. To overwrite this value, set the overwrite option "
                "in the request to true.",
            )
        wanted = _Wanted(request, newest(change, known) if known else None, policies)
        version = _version(call, wanted, known.version + 1 if known else 1)
        arn = parameter_arn(arn_head(change), version.name)
        parameter = known or _new(change, request, arn, version.tier)
        _make_room(change, version)
        expires_at = policies.expires_at if policies is not None else parameter.expires_at
        kept = seal_value(call, change, version, arn, request["Value"])
        change.put(
            replace(version, kept_value=kept),
            replace(parameter, version=version.version, expires_at=expires_at),
        )
    return {"Version": version.version, "Tier": version.tier}


def _check(call: Call, request: dict[str, Any]) -> None:
    fault = name_fault(request["Name"], arn_head(call.view))
    if fault is not None:
        raise AwsError(fault.code, fault.message)
    if request.get("Overwrite") and request.get("Tags"):
        raise invalid(
            "Invalid request: tags and overwrite can't be used together. To create a parameter "
            "with tags, please remove overwrite flag. To update tags for an existing parameter, "
            "please use AddTagsToResource or RemoveTagsFromResource."
        )
    if not request["Value"]:
        raise invalid("Value must have at least 1 character.")
    data_type = request.get("DataType") or "text"
    if data_type != "text":
        raise unsupported(f"DataType {data_type}")


def _policies(call: Call, request: dict[str, Any]) -> ParameterPolicies | None:
    if not request.get("Policies"):
        return None
    found = parse_policies(request["Policies"], call.clock.now())
    if isinstance(found, PolicyFault):
        raise AwsError(found.code, found.message)
    return found


def _version(call: Call, wanted: _Wanted, number: int) -> ParameterVersion:
    """Return a version whose value is not sealed yet."""
    request, known = wanted.request, wanted.known
    if request.get("KeyId") and wanted.type != SECURE_STRING:
        raise invalid("KeyId is required for SecureString type parameter only.")
    pattern = request.get("AllowedPattern")
    if pattern:
        _check_pattern(pattern, request["Value"])
    policies = wanted.policies.texts if wanted.policies else known.policies if known else ()
    tier = _tier(wanted, policies)
    key_id = None
    if wanted.type == SECURE_STRING:
        key_id = request.get("KeyId") or (known.key_id if known else None) or DEFAULT_KEY
    return ParameterVersion(
        name=request["Name"],
        version=number,
        type=wanted.type,
        kept_value="",
        key_id=key_id,
        tier=tier,
        description=request.get("Description") or (known.description if known else None),
        allowed_pattern=pattern or None,
        policies=policies,
        modified_at=call.clock.now(),
        modified_by=call.caller.arn,
    )


def _check_pattern(pattern: str, value: str) -> None:
    regex = query_regex(pattern)
    if isinstance(regex, RegexFault):
        raise AwsError(
            "InvalidAllowedPatternException",
            f"The request does not meet the regular expression requirement: {regex.words}",
        )
    if regex.search(value) is None:
        raise AwsError(
            "ParameterPatternMismatchException",
            f"Parameter value, cannot be validated against allowedPattern: {pattern}",
        )


def _tier(wanted: _Wanted, policies: tuple[str, ...]) -> str:
    """Return the tier that a version gets: an advanced parameter stays one."""
    value, known = wanted.request["Value"], wanted.known
    held = known.tier if known is not None else STANDARD
    tier = wanted.request.get("Tier") or held
    if tier == INTELLIGENT:
        needs_more = len(value) > LENGTHS[STANDARD] or bool(policies)
        tier = ADVANCED if needs_more or held == ADVANCED else STANDARD
    if tier == STANDARD and held == ADVANCED:
        raise invalid(
            "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from "
            "the advanced-parameter tier to the standard-parameter tier. If necessary, you can "
            "delete the advanced parameter and recreate it as a standard parameter."
        )
    if policies and tier == STANDARD:
        raise invalid("Policies need a parameter of the advanced-parameter tier.")
    if len(value) > LENGTHS[tier]:
        raise invalid(
            f"{tier} tier parameters support a maximum parameter value of {LENGTHS[tier]} "
            "characters."
        )
    return str(tier)


def _new(change: Transaction, request: dict[str, Any], arn: str, tier: str) -> Parameter:
    if len(change.select(Parameter)) >= NUMBERS[tier]:
        raise AwsError(
            "ParameterLimitExceeded", f"At most {NUMBERS[tier]} {tier} parameters in a region."
        )
    return Parameter(name=request["Name"], arn=arn, version=0, tags=merged((), request.get("Tags")))


def _make_room(change: Transaction, version: ParameterVersion) -> None:
    """Let the oldest version go when there are too many; one with a label may not."""
    held = versions_of(change, version.name)
    if len(held) < VERSIONS:
        return
    if held[0].labels:
        raise AwsError(
            "ParameterMaxVersionLimitExceeded",
            f"You attempted to create a new version of {version.name} by calling the PutParameter "
            f"API with the overwrite flag. Version {held[0].version}, the oldest version, can't be "
            "deleted because it has a label associated with it. Move the label to another version "
            "of the parameter, and try again.",
        )
    change.remove(held[0])
