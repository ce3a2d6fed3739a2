"""Values that a task's containers get at start: which are asked for, and where they go.

They are in no plan: the host asks for them when a task starts, and they live in its memory and in
the Engine. Source: Amazon ECS API Reference, ContainerDefinition (secrets, environmentFiles,
repositoryCredentials), LogConfiguration (secretOptions); amazon-ecs-agent for what wins.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ecsd.decisions.containers.environment_file import merged

Container = Mapping[str, Any]
RESOURCE = "ResourceInitializationError"
RETRIEVAL = f"{RESOURCE}: unable to pull secrets or registry auth: execution resource retrieval"


class Wanted(NamedTuple):
    """What a task asks for, each once, in the order of its definition.

    Attributes:
        secrets: ``valueFrom`` of secrets and of log options.
        files: ARNs of objects.
        registries: ``credentialsParameter`` of images' registries.
    """

    secrets: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    registries: tuple[str, ...] = ()


class Login(NamedTuple):
    """How the Engine logs in at a registry."""

    username: str
    password: str


class Values(NamedTuple):
    """What was asked for, by what was asked for. Never logged, never stored."""

    secrets: Mapping[str, str] = {}
    files: Mapping[str, Mapping[str, str]] = {}
    registries: Mapping[str, Login] = {}


def wanted(containers: Sequence[Container]) -> Wanted:
    """Return what the containers of a task ask for."""
    return Wanted(
        secrets=tuple(dict.fromkeys(one["valueFrom"] for c in containers for one in _secrets(c))),
        files=tuple(dict.fromkeys(one["value"] for c in containers for one in _files(c))),
        registries=tuple(dict.fromkeys(one for c in containers if (one := registry_of(c)))),
    )


def with_values(container: Container, values: Values) -> dict[str, Any]:
    """Return a container's definition with its values in place, for the Engine alone.

    Files come first, then ``environment`` with overrides, then ``secrets``.
    """
    variables = merged(values.files[one["value"]] for one in _files(container))
    given = container.get("environment") or ()
    variables |= {one["name"]: one.get("value", "") for one in given}
    for one in container.get("secrets") or ():
        variables[one["name"]] = values.secrets[one["valueFrom"]]
    filled = dict(container)
    if variables:
        filled["environment"] = [{"name": one, "value": text} for one, text in variables.items()]
    logging = container.get("logConfiguration") or {}
    options = {one["name"]: values.secrets[one["valueFrom"]] for one in _log_secrets(container)}
    if options:
        filled["logConfiguration"] = {
            **logging,
            "options": {**(logging.get("options") or {}), **options},
        }
    return filled


def registry_of(container: Container) -> str:
    """Return the ``credentialsParameter`` of a container's image, empty if it has none."""
    return str((container.get("repositoryCredentials") or {}).get("credentialsParameter") or "")


def secret_failure(identifier: str, words: str, attempts: int) -> str:
    """Return the reason of a task whose secret could not be read.

    Source: captured stoppedReasons of Fargate 1.4.0, for this and the next ones.
    """
    fetch = f"failed to fetch secret {identifier} from secrets manager: {words}"
    return secret_refusal(fetch, attempts)


def secret_refusal(words: str, attempts: int = 1) -> str:
    """Return the reason of a task whose secret was read and does not do."""
    return (
        f"{RETRIEVAL} failed: unable to retrieve secret from asm: service call has been retried "
        f"{attempts} time(s): {words}"
    )


def parameter_failure(words: str, attempts: int = 1) -> str:
    """Return the reason of a task whose parameters could not be read."""
    return (
        f"{RETRIEVAL} failed: unable to retrieve secrets from ssm: service call has been retried "
        f"{attempts} time(s): {words}"
    )


def missing_parameters(names: Sequence[str]) -> str:
    """Return the reason of a task whose parameters are not there."""
    return parameter_failure(f"invalid ssm parameters: {', '.join(names)}")


def registry_failure(identifier: str, words: str, attempts: int = 1) -> str:
    """Return the reason of a task whose registry credentials could not be read."""
    return (
        f"{RETRIEVAL} failed: unable to get registry auth from asm: service call has been retried "
        f"{attempts} time(s): asm fetching secret from the service for {identifier}: {words}"
    )


def no_credentials() -> str:
    """Return the reason of a task without an execution role to ask with."""
    return f"{RETRIEVAL} failed: unable to get credentials: the task has no execution role"


def file_failure(words: str) -> str:
    """Return the reason of a task whose file of variables could not be had."""
    return (
        f"{RESOURCE}: failed to download env files: file download command: non empty error "
        f"stream: {words}"
    )


def unusable(values: Values) -> Iterator[str]:
    """Yield what keeps values out of an environment; names and ARNs alone, no value."""
    for value_from, text in values.secrets.items():
        if "\0" in text:
            yield secret_refusal(f"the value of {value_from} holds a null byte")
    for arn, variables in values.files.items():
        if any("\0" in name + text for name, text in variables.items()):
            yield file_failure(f"{arn} holds a null byte")


def _secrets(container: Container) -> Iterator[Mapping[str, str]]:
    yield from container.get("secrets") or ()
    yield from _log_secrets(container)


def _log_secrets(container: Container) -> Sequence[Mapping[str, str]]:
    return (container.get("logConfiguration") or {}).get("secretOptions") or ()


def _files(container: Container) -> Sequence[Mapping[str, str]]:
    return container.get("environmentFiles") or ()
