"""Findings in a service's own words: which error code, which sentence.

Source: shared reference control_plane 1, table of validation answers.
"""

from collections.abc import Sequence

from ecsd.errors import AwsError
from ecsd.protocol.findings import Finding
from ecsd.protocol.table import Operation, Table

MOST_LISTED = 10  # findings that one message carries
# The code of a value that breaks the model's limits, where the operation's own list of errors
# does not tell it.
CODES = {
    "ecs": "InvalidParameterException",
    "logs": "InvalidParameterException",
    "ecr": "InvalidParameterException",
    "servicediscovery": "InvalidInput",
    "route53": "InvalidInput",
    "s3": "InvalidArgument",
    "efs": "BadRequest",
}
# ECS answers these with ClientException (ecs_semantics 2.1).
ECS_CLIENT = frozenset(
    {
        "DeregisterTaskDefinition",
        "DescribeTaskDefinition",
        "ListTaskDefinitions",
        "RegisterTaskDefinition",
    }
)
COMMON_CODES = (
    "ValidationException",
    "InvalidParameterException",
    "InvalidParameterValueException",
)
MALFORMED = {"query": "MalformedInput", "ec2": "MalformedInput", "rest-xml": "MalformedXML"}


def refusal(
    table: Table, protocol: str, operation: Operation, findings: Sequence[Finding]
) -> AwsError:
    """Return the error of a request that does not fit the model."""
    if protocol == "ec2":
        return _ec2_refusal(table, findings)
    code = validation_code(table, protocol, operation)
    typed = [found for found in findings if found.kind == "type"]
    if typed:
        code = MALFORMED.get(protocol, "SerializationException")
        sentences = [f"{found.text} (member '{where(found, protocol)}')" for found in typed]
        return AwsError(code, "; ".join(sentences[:MOST_LISTED]))
    unknown = [found for found in findings if found.kind == "unknown"]
    if unknown:
        names = ", ".join(f"'{where(found, protocol)}'" for found in unknown[:MOST_LISTED])
        return AwsError(code, f"Unknown member {names}: not in the model ({table.model}).")
    sentences = [_sentence(found, protocol) for found in findings[:MOST_LISTED]]
    count = len(findings)
    plural = "error" if count == 1 else "errors"
    return AwsError(code, f"{count} validation {plural} detected: {'; '.join(sentences)}")


def malformed(protocol: str, reason: str) -> AwsError:
    """Return the error of a body that is not what its protocol says."""
    return AwsError(MALFORMED.get(protocol, "SerializationException"), reason)


def validation_code(table: Table, protocol: str, operation: Operation) -> str:
    """Return the service's error code for a value that breaks the model's limits."""
    service = table.identity.name
    if service == "ecs" and operation.name in ECS_CLIENT:
        return "ClientException"
    if service in CODES:
        return CODES[service]
    if protocol == "query":
        return "ValidationError"
    return next((code for code in COMMON_CODES if code in operation.errors), COMMON_CODES[0])


def where(found: Finding, protocol: str) -> str:
    """Return the member's path as AWS writes it: ``containerDefinitions.1.member.name``."""
    if protocol == "ec2":
        return ".".join(str(step) for step in found.path) or "request"
    steps = [f"{step}.member" if isinstance(step, int) else step for step in found.path]
    path = ".".join(steps) or "request"
    return path[:1].lower() + path[1:] if protocol == "query" else path


def _sentence(found: Finding, protocol: str) -> str:
    value = "null" if found.value is None else f"'{found.value}'"
    return f"Value {value} at '{where(found, protocol)}' failed to satisfy constraint: {found.text}"


def _ec2_refusal(table: Table, findings: Sequence[Finding]) -> AwsError:
    found = findings[0]
    name = where(found, "ec2")
    if found.kind == "missing":
        return AwsError("MissingParameter", f"The request must contain the parameter {name}")
    if found.kind == "unknown":
        return AwsError(
            "UnknownParameter", f"The parameter {name} is not recognized ({table.model})"
        )
    return AwsError(
        "InvalidParameterValue",
        f"Value ({found.value}) for parameter {name} is invalid. {found.text}.",
    )
