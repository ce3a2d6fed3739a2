"""What makes secrets, environment files and registry credentials of a container wrong.

Source: Amazon ECS API Reference, Secret, EnvironmentFile, RepositoryCredentials; captured errors of
RegisterTaskDefinition.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ecsd.decisions.containers.environment_file import ENDING, MOST, parse_place
from ecsd.decisions.containers.secret_reference import parse_credentials, parse_reference
from ecsd.decisions.containers.startup_values import registry_of, wanted

NOWHERE = "us-east-1"  # a region for references that name none: only their form is looked at


def check_values(container: Mapping[str, Any], task: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the values that a container gets at start."""
    yield from _execution_role(container, task)
    yield from _secrets(container)
    yield from check_files(container)
    parameter = registry_of(container)
    if container.get("repositoryCredentials") and not parse_credentials(parameter, NOWHERE):
        yield (
            "repositoryCredentials.credentialsParameter must be the ARN or the name of a secret, "
            f"got {parameter!r}."
        )


def check_files(container: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a container's, or an override's, environmentFiles."""
    files = container.get("environmentFiles") or ()
    if len(files) > MOST:
        yield f"environmentFiles: at most {MOST} are allowed."
    for one in files:
        if one.get("type") != "s3":
            yield f"environmentFiles: type must be s3, got {one.get('type')!r}."
        value = one.get("value") or ""
        if parse_place(value) is None or not value.endswith(ENDING):
            yield f"environmentFiles: value must be the ARN of an S3 object *.env, got {value!r}."


def check_secret_names(container: Mapping[str, Any]) -> Iterator[str]:
    """Yield secrets that are called like each other or like a variable."""
    names = [one.get("name") for one in container.get("secrets") or ()]
    taken = {one.get("name") for one in container.get("environment") or ()}
    for number, name in enumerate(names):
        if name in taken or name in names[:number]:
            yield (
                "The secret name must be unique and not shared with any new or existing "
                f"environment variables set on the container, such as '{name}'."
            )


def _secrets(container: Mapping[str, Any]) -> Iterator[str]:
    logging = container.get("logConfiguration") or {}
    for member, given in (
        ("secrets", container.get("secrets")),
        ("logConfiguration.secretOptions", logging.get("secretOptions")),
    ):
        for one in given or ():
            name, value_from = one.get("name") or "", one.get("valueFrom") or ""
            if not name or "=" in name or "\0" in name:
                yield f"{member}: a secret needs a name without '=', got {name!r}."
            if parse_reference(value_from, NOWHERE) is None:
                yield (
                    f"{member}: valueFrom of {name!r} must be the name or the ARN of a parameter, "
                    "or the ARN of a secret, with :json-key:version-stage:version-id after it or "
                    f"nothing, got {value_from!r}."
                )
    yield from check_secret_names(container)


def _execution_role(container: Mapping[str, Any], task: Mapping[str, Any]) -> Iterator[str]:
    if task.get("executionRoleArn"):
        return
    asked = wanted([container])
    for given, words in (
        (asked.secrets, "container secrets"),
        (asked.files, "environment files"),
        (asked.registries, "repository credentials"),
    ):
        if given:
            yield (
                f"When you are specifying {words}, you must also specify a value for "
                "'executionRoleArn'."
            )
