"""Registering EC2 operations: what they all have in common before their own work begins."""

from collections.abc import Awaitable, Callable
from typing import Any

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation

Request = dict[str, Any]
Answer = dict[str, Any]
Handler = Callable[[Call, Request], Awaitable[Answer]]

DESCRIBING = ("Filters", "MaxResults", "NextToken")


def action(name: str, *members: str) -> Callable[[Handler], Handler]:
    """Register an EC2 operation that gives effect to these request members.

    Any other member is refused by name, unless it says nothing (clients send False, "" and empty
    structures for what their user left out). ``DryRun`` is answered here.
    """
    understood = frozenset((*members, "DryRun"))

    def register(handler: Handler) -> Handler:
        async def checked(call: Call, request: Request) -> Answer:
            refuse_others(request, understood)
            if request.get("DryRun"):
                raise AwsError(
                    "DryRunOperation",
                    "Request would have succeeded, but DryRun flag is set.",
                    status=412,
                )
            return await handler(call, request)

        operation("ec2", name)(checked)
        return handler

    return register


def refuse_others(request: Request, understood: frozenset[str]) -> None:
    """Refuse the first member that would have no effect."""
    for member, value in request.items():
        if member not in understood and not says_nothing(value):
            raise AwsError("UnsupportedOperation", f"The parameter {member} is not supported.")


def says_nothing(value: object) -> bool:
    """Say whether a value is what clients send for an absent one."""
    if isinstance(value, dict):
        return all(says_nothing(one) for one in value.values())
    return not value


def arn(call: Call, resource_type: str, resource_id: str) -> str:
    """Return the ARN of an EC2 resource of the caller."""
    return f"arn:aws:ec2:{call.scope.region}:{call.scope.account}:{resource_type}/{resource_id}"
