"""Policies of advanced parameters: when one expires.

Source: AWS Systems Manager User Guide, Assigning parameter policies.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

EXPIRATION = "Expiration"
NOTIFICATIONS = ("ExpirationNotification", "NoChangeNotification")
MOST = 10


class PolicyFault(NamedTuple):
    """Why policies are refused: code and sentence."""

    code: str
    message: str


class ParameterPolicies(NamedTuple):
    """What a parameter's policies say. texts: each as JSON."""

    texts: tuple[str, ...] = ()
    expires_at: datetime | None = None


def parse_policies(document: str, now: datetime) -> ParameterPolicies | PolicyFault:
    """Return the policies of a PutParameter request, or what is wrong with them."""
    try:
        given = msgspec.json.decode(document)
    except (msgspec.DecodeError, RecursionError) as error:
        return PolicyFault("ValidationException", f"Policies is no JSON: {error}")
    if given in ({}, []):
        return ParameterPolicies()
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        return PolicyFault("ValidationException", "Policies has to be a list of policies.")
    if len(given) > MOST:
        return PolicyFault(
            "PoliciesLimitExceededException", f"A parameter has at most {MOST} policies."
        )
    fault = next(_faults(given), None)
    if fault is not None:
        return fault
    when = _timestamp(given[0])
    if when is None:
        return PolicyFault(
            "InvalidPolicyAttributeException",
            "Expiration needs a Timestamp in ISO 8601, such as 2026-12-02T21:34:33.000Z.",
        )
    if when <= now:
        return PolicyFault(
            "InvalidPolicyAttributeException", "The Timestamp of Expiration lies in the past."
        )
    return ParameterPolicies((msgspec.json.encode(given[0]).decode(),), when)


def _faults(given: list[dict[str, Any]]) -> Iterator[PolicyFault]:
    for one in given:
        kind = one.get("Type")
        if kind in NOTIFICATIONS:
            yield PolicyFault(
                "InvalidPolicyTypeException",
                f"Policies: {kind} is not supported by ecsd yet: there is no EventBridge",
            )
        elif kind != EXPIRATION:
            yield PolicyFault("InvalidPolicyTypeException", f"There is no policy type {kind}.")
        elif one.get("Version") != "1.0" or set(one) - {"Type", "Version", "Attributes"}:
            yield PolicyFault("InvalidPolicyAttributeException", "A policy has Version 1.0.")
    if len(given) > 1:
        yield PolicyFault(
            "IncompatiblePolicyException", "A parameter has at most one Expiration policy."
        )


def _timestamp(policy: dict[str, Any]) -> datetime | None:
    attributes = policy.get("Attributes")
    text = attributes.get("Timestamp") if isinstance(attributes, dict) else None
    try:
        when = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None  # the caller says what it has to be
    return when.replace(tzinfo=UTC) if when is not None and when.tzinfo is None else when
