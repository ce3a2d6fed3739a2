"""Whether a policy document is well-formed: grammar only, not what it permits.

Source: IAM User Guide, grammar of the IAM JSON policy language; the sentences are those that IAM
answers with MalformedPolicyDocument.
"""

import re
from collections.abc import Iterator
from enum import Enum
from typing import Any, NamedTuple

import msgspec

from ecsd.decisions.iam.condition import OPERATOR
from ecsd.decisions.iam.positions import statement_spans
from ecsd.decisions.iam.statement import statements_of

VERSIONS = ("2012-10-17", "2008-10-17")
DOCUMENT_MEMBERS = {"Version", "Id", "Statement"}
STATEMENT_MEMBERS = {
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}
PRINCIPAL_TYPES = {"AWS", "Service", "Federated", "CanonicalUser"}
TRUST_ACTIONS = {
    "sts:*",
    "sts:assumerole",
    "sts:assumerolewithsaml",
    "sts:assumerolewithwebidentity",
    "sts:setsourceidentity",
    "sts:setcontext",
    "sts:tagsession",
}
_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?_-]+")
_ARN = re.compile(r"arn:([^:]*:){4}.*", re.DOTALL)
_SERVICE = re.compile(
    r"[a-z0-9-]+(\.[a-z0-9-]+)*\.(amazonaws\.com(\.cn)?|amazon\.com|aws\.internal)"
)
_AWS_PRINCIPAL = re.compile(
    r"\*|\d{12}|arn:aws[a-z-]*:(iam|sts)::(\d{12}|cloudfront):.+|A[A-Z0-9]{15,}"
)


class PolicyKind(Enum):
    """What a document is attached to, which decides the members it must have."""

    IDENTITY = "identity"  # managed and inline policies: resources, no principal
    TRUST = "trust"  # a role's trust: principals, no resource
    RESOURCE = "resource"  # attached to something else: principals, resources


def fault_in(document: str, kind: PolicyKind) -> str | None:
    """Return what is wrong in IAM's words, or None."""
    try:
        policy = msgspec.json.decode(document)
    except msgspec.DecodeError as error:
        return f"This policy contains invalid Json ({error})"
    except RecursionError:
        return "This policy contains invalid Json (it is nested too deeply)"
    fault = next(_faults(policy, kind), None)
    if fault is None or fault.statement is None:
        return fault and fault.words
    end = statement_spans(document)[fault.statement].end
    return f"{fault.words} (statement {fault.statement + 1}, which ends in line {end.line})"


def minified_size(document: str) -> int:
    """Return a document's characters as IAM counts them for its limits: white space aside."""
    return len("".join(document.split()))


class _Fault(NamedTuple):
    words: str
    statement: int | None = None  # from 0


def _faults(policy: object, kind: PolicyKind) -> Iterator[_Fault]:
    if not isinstance(policy, dict) or set(policy) - DOCUMENT_MEMBERS:
        yield _Fault("Syntax errors in policy.")
        return
    if policy.get("Version", VERSIONS[1]) not in VERSIONS:
        yield _Fault("Syntax errors in policy.")
    if not isinstance(policy.get("Id", ""), str) or "Statement" not in policy:
        yield _Fault("Syntax errors in policy.")
        return
    if kind is PolicyKind.IDENTITY and policy.get("Version") != VERSIONS[0]:
        yield _Fault("Policy document must be version 2012-10-17 or greater.")
    if not isinstance(policy["Statement"], dict | list):
        yield _Fault("Syntax errors in policy.")
        return
    statements = statements_of(policy)
    if not statements or not all(isinstance(one, dict) for one in statements):
        yield _Fault("Syntax errors in policy.")
        return
    for number, statement in enumerate(statements):
        for words in _statement_faults(statement, kind):
            yield _Fault(words, number)
    names = [one["Sid"] for one in statements if one.get("Sid")]
    if len(names) != len(set(names)):
        yield _Fault("Statement IDs (SID) in a single policy must be unique.")


def _statement_faults(statement: dict[str, Any], kind: PolicyKind) -> Iterator[str]:
    if set(statement) - STATEMENT_MEMBERS or not isinstance(statement.get("Sid", ""), str):
        yield "Syntax errors in policy."
    if "Effect" not in statement:
        yield "Missing required field Effect cannot be empty!"
    elif statement["Effect"] not in ("Allow", "Deny"):
        yield f"Invalid effect: {statement['Effect']}"
    yield from _action_faults(statement, kind)
    if kind is PolicyKind.TRUST:
        yield from _trust_faults(statement)
    else:
        yield from _resource_faults(statement)
    if kind is PolicyKind.IDENTITY and {"Principal", "NotPrincipal"} & set(statement):
        yield "Policy document should not specify a principal."
    if kind is PolicyKind.RESOURCE:
        yield from _principal_faults(statement)
    yield from _condition_faults(statement.get("Condition", {}))


def _action_faults(statement: dict[str, Any], kind: PolicyKind) -> Iterator[str]:
    present = [name for name in ("Action", "NotAction") if name in statement]
    if len(present) > 1:
        yield "Syntax errors in policy."
        return
    actions = _strings(statement[present[0]]) if present else ()
    if actions is None:
        yield "Syntax errors in policy."
    elif not actions:
        missing = "Missing required field Action"
        yield missing if kind is PolicyKind.TRUST else "Policy statement must contain actions."
    elif not all(_ACTION.fullmatch(one) for one in actions):
        yield "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."


def _trust_faults(statement: dict[str, Any]) -> Iterator[str]:
    for name in ("Resource", "NotResource"):
        if name in statement:
            yield f"Has prohibited field {name}"
    actions = _strings(statement.get("Action", [])) or ()
    if any(one.lower() not in TRUST_ACTIONS for one in actions):
        yield "AssumeRole policy may only specify STS AssumeRole actions."
    yield from _principal_faults(statement)


def _resource_faults(statement: dict[str, Any]) -> Iterator[str]:
    present = [name for name in ("Resource", "NotResource") if name in statement]
    if len(present) > 1:
        yield "Syntax errors in policy."
        return
    resources = _strings(statement[present[0]]) if present else ()
    if resources is None:
        yield "Syntax errors in policy."
    elif not resources:
        yield "Policy statement must contain resources."
    else:
        for one in resources:
            if one != "*" and not _ARN.fullmatch(one):
                yield f'Resource {one} must be in ARN format or "*".'


def _principal_faults(statement: dict[str, Any]) -> Iterator[str]:
    present = [name for name in ("Principal", "NotPrincipal") if name in statement]
    if not present:
        yield "Missing required field Principal"
        return
    principal = statement[present[0]]
    if principal == "*":
        return
    if len(present) > 1 or not isinstance(principal, dict) or not principal:
        yield "Syntax errors in policy."
        return
    for kind, value in principal.items():
        names = _strings(value)
        if kind not in PRINCIPAL_TYPES or not names:
            yield "Syntax errors in policy."
            return
        pattern = {"AWS": _AWS_PRINCIPAL, "Service": _SERVICE}.get(kind)
        for name in names:
            if pattern and not pattern.fullmatch(name):
                yield f'Invalid principal in policy: "{kind.upper()}":"{name}"'


def _condition_faults(condition: object) -> Iterator[str]:
    if not isinstance(condition, dict):
        yield "Syntax errors in policy."
        return
    for operator, keys in condition.items():
        if not OPERATOR.fullmatch(operator) or not isinstance(keys, dict):
            yield "Syntax errors in policy."
            continue
        if any(_scalars(value) is None for value in keys.values()):
            yield "Syntax errors in policy."


def _strings(value: object) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    return None


def _scalars(value: object) -> tuple[object, ...] | None:
    values = value if isinstance(value, list) else [value]
    plain = all(isinstance(one, str | int | float | bool) for one in values)
    return tuple(values) if plain else None
