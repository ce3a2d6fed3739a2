"""Whether a bucket's policy is public.

Source: S3 User Guide, Blocking public access to your Amazon S3 storage, The meaning of "public".
"""

import ipaddress
from collections.abc import Mapping
from typing import Any

import msgspec

from ecsd.decisions.iam.statement import statements_of

# Condition keys whose fixed values keep a statement from being public.
FIXING = frozenset(
    {
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:userid",
        "s3:dataaccesspointarn",
        "s3:dataaccesspointaccount",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
    }
)
OPERATORS = ("stringequals", "stringlike", "arnequals", "arnlike", "stringequalsignorecase")
WIDEST_IPV4 = 8  # bits: a range of addresses that is larger counts as everybody
WIDEST_IPV6 = 32


def is_public(document: str) -> bool:
    """Say whether a policy allows something to everybody."""
    policy = msgspec.json.decode(document)
    return any(
        statement.get("Effect") == "Allow"
        and _names_everybody(statement)
        and not _is_narrowed(statement.get("Condition") or {})
        for statement in statements_of(policy)
    )


def _names_everybody(statement: Mapping[str, Any]) -> bool:
    if "NotPrincipal" in statement:
        return True
    principal = statement.get("Principal")
    if isinstance(principal, Mapping):
        aws = principal.get("AWS", [])
        return "*" in ([aws] if isinstance(aws, str) else aws)
    return principal == "*"


def _is_narrowed(condition: Mapping[str, Any]) -> bool:
    for operator, keys in condition.items():
        name = operator.lower().removeprefix("foranyvalue:").removeprefix("forallvalues:")
        for key, given in keys.items():
            values = [str(one) for one in (given if isinstance(given, list) else [given])]
            if name == "ipaddress" and key.lower() == "aws:sourceip" and all(map(_few, values)):
                return True
            fixed = all("*" not in one and "?" not in one and "${" not in one for one in values)
            if name in OPERATORS and key.lower() in FIXING and values and fixed:
                return True
    return False


def _few(text: str) -> bool:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    least = WIDEST_IPV4 if network.version == 4 else WIDEST_IPV6  # noqa: PLR2004 - IPv4
    return network.prefixlen >= least
