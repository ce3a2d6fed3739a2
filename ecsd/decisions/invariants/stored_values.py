"""What must always hold between keys, parameters, secrets and their versions."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ecsd.decisions.invariants.finding import Finding, fatal
from ecsd.decisions.secretsmanager.stages import PENDING
from ecsd.records.kms.key import Alias, Key
from ecsd.records.secretsmanager.secret import Secret, SecretVersion, version_key
from ecsd.records.ssm import parameter
from ecsd.records.ssm.parameter import Parameter, ParameterVersion


class StoredValues(NamedTuple):
    """Every such record of one account and region."""

    keys: Sequence[Key] = ()
    aliases: Sequence[Alias] = ()
    parameters: Sequence[Parameter] = ()
    parameter_versions: Sequence[ParameterVersion] = ()
    secrets: Sequence[Secret] = ()
    secret_versions: Sequence[SecretVersion] = ()


def check_stored_values(values: StoredValues) -> Iterator[Finding]:
    """Yield names of what is gone, versions without an owner, labels that two versions have."""
    keys = {one.arn for one in values.keys}
    for alias in values.aliases:
        if alias.key_arn not in keys:
            yield fatal(alias.arn, f"names the key {alias.key_arn}, which is gone")
    yield from _parameters(values)
    yield from _secrets(values)


def _parameters(values: StoredValues) -> Iterator[Finding]:
    held = {one.name for one in values.parameters}
    places = {one.place for one in values.parameter_versions}
    labels: dict[tuple[str, str], str] = {}
    for one in values.parameters:
        if parameter.version_key(one.name, one.version) not in places:
            yield fatal(one.arn, f"has lost its newest version {one.version}")
    for version in values.parameter_versions:
        if version.name not in held:
            yield fatal(version.place, "outlived its parameter")
        for label in version.labels:
            owner = labels.setdefault((version.name, label), version.place)
            if owner != version.place:
                yield fatal(version.place, f"has the label {label}, as {owner} has")


def _secrets(values: StoredValues) -> Iterator[Finding]:
    held = {one.arn for one in values.secrets}
    places = {one.place for one in values.secret_versions}
    for secret in values.secrets:
        for label, version_id in secret.stages.items():
            if label == PENDING and secret.rotation is not None:
                continue  # a rotation's version has it before it has a value
            if version_key(secret.arn, version_id) not in places:
                yield fatal(secret.arn, f"has {label} on version {version_id}, which is gone")
    for version in values.secret_versions:
        if version.secret_arn not in held:
            yield fatal(version.place, "outlived its secret")
