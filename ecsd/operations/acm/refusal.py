"""Refusals in Certificate Manager's words."""

from ecsd.errors import AwsError


def invalid(message: str) -> AwsError:
    """Return the error for a request that contradicts itself."""
    return AwsError("ValidationException", message)


def unsupported(member: str) -> AwsError:
    """Return the error for what ecsd cannot do."""
    return AwsError("InvalidParameterException", f"{member} is not supported by ecsd yet")
