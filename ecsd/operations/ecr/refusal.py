"""Refusals in ECR's words."""

from ecsd.errors import AwsError


def invalid(parameter: str, words: str) -> AwsError:
    """Return the error for a parameter that is wrong in itself."""
    return AwsError(
        "InvalidParameterException",
        f"Invalid parameter at '{parameter}' failed to satisfy constraint: '{words}'",
    )


def unsupported(what: str) -> AwsError:
    """Return the error for what ecsd cannot do."""
    return AwsError("InvalidParameterException", f"{what} is not supported by this ecsd")
