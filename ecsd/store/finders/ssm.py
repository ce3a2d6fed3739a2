"""Look-ups in Parameter Store: ``require`` refuses in its own words."""

from ecsd.decisions.ssm.parameter_name import Pointer, pointer
from ecsd.errors import AwsError
from ecsd.records.ssm.parameter import Parameter, ParameterVersion, version_key
from ecsd.store.store import View


def arn_head(view: View) -> str:
    """Return how ARNs of parameters begin."""
    return f"arn:aws:ssm:{view.scope.region}:{view.scope.account}:parameter"


def find_parameter(view: View, reference: str) -> tuple[Parameter, str] | None:
    """Return a parameter by name or ARN, and the selector that came with it."""
    given = pointer(reference, arn_head(view))
    if given is None:
        return None
    found = _by_name(view, given)
    return None if found is None else (found, given.selector)


def require_parameter(view: View, reference: str) -> tuple[Parameter, str]:
    """Return a parameter by name or ARN and the selector, or refuse."""
    found = find_parameter(view, reference)
    if found is None:
        raise AwsError("ParameterNotFound", f"Parameter {reference} not found.")
    return found


def newest(view: View, parameter: Parameter) -> ParameterVersion:
    """Return a parameter's newest version: there is always one."""
    found = view.get(ParameterVersion, version_key(parameter.name, parameter.version))
    if found is None:
        raise LookupError(f"version {parameter.version} of {parameter.name} is gone")
    return found


def versions_of(view: View, name: str) -> list[ParameterVersion]:
    """Return a parameter's versions, oldest first."""
    return sorted(view.select(ParameterVersion, name=name), key=lambda one: one.version)


def require_version(view: View, parameter: Parameter, selector: str) -> ParameterVersion:
    """Return the version that a selector means, or refuse with ParameterVersionNotFound."""
    if not selector:
        return newest(view, parameter)
    if selector.isascii() and selector.isdecimal():
        found = view.get(ParameterVersion, version_key(parameter.name, int(selector)))
        words = "version"
    else:
        labelled = view.select(ParameterVersion, name=parameter.name)
        found = next((one for one in labelled if selector in one.labels), None)
        words = "label"
    if found is None:
        raise AwsError(
            "ParameterVersionNotFound",
            f"Systems Manager could not find {words} {selector} of {parameter.name}. "
            f"Verify the {words} and try again.",
        )
    return found


def _by_name(view: View, given: Pointer) -> Parameter | None:
    found = view.get(Parameter, given.name)
    if found is None and given.is_arn:
        return view.get(Parameter, given.name.removeprefix("/"))
    return found
