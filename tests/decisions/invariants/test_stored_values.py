"""Each contradiction between keys, parameters and secrets is found, and nothing else."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from ecsd.decisions.invariants.stored_values import StoredValues, check_stored_values
from ecsd.records.kms.key import Alias, BackingKey, Key
from ecsd.records.secretsmanager.secret import Secret, SecretVersion
from ecsd.records.ssm.parameter import Parameter, ParameterVersion

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BACKING = BackingKey(sealed_material="x", material_id="0" * 64, made_at=NOW)
KEY = Key(arn="arn:key", key_id="k", backing_keys=(BACKING,), policy="{}", created_at=NOW)
ALIAS = Alias(name="alias/a", arn="arn:alias", key_arn="arn:key", created_at=NOW, updated_at=NOW)
PARAMETER = Parameter(name="p", arn="arn:p", version=2)
VERSION = ParameterVersion(
    name="p",
    version=2,
    type="String",
    kept_value="x",
    labels=("live",),
    modified_at=NOW,
    modified_by="me",
)
SECRET = Secret(arn="arn:s", name="s", created_at=NOW, changed_at=NOW, stages={"AWSCURRENT": "v1"})
VALUE = SecretVersion(
    secret_arn="arn:s", version_id="v1", kept_value="x", key_id="k", created_at=NOW
)
SOUND = StoredValues([KEY], [ALIAS], [PARAMETER], [VERSION], [SECRET], [VALUE])


def test_what_is_sound_is_not_found():
    assert list(check_stored_values(SOUND)) == []


@pytest.mark.parametrize(
    ("change", "subject", "words"),
    [
        ({"keys": []}, "arn:alias", "names the key arn:key, which is gone"),
        ({"parameters": []}, "p:2", "outlived its parameter"),
        (
            {"parameters": [replace(PARAMETER, version=3)]},
            "arn:p",
            "has lost its newest version 3",
        ),
        (
            {"parameter_versions": [VERSION, replace(VERSION, version=1)]},
            "p:1",
            "has the label live, as p:2 has",
        ),
        ({"secrets": []}, "arn:s|v1", "outlived its secret"),
        (
            {"secrets": [replace(SECRET, stages={"AWSCURRENT": "v1", "mine": "v2"})]},
            "arn:s",
            "has mine on version v2, which is gone",
        ),
    ],
)
def test_a_contradiction_is_found(change, subject, words):
    [found] = check_stored_values(SOUND._replace(**change))
    assert (found.severity, found.subject, found.words) == ("fatal", subject, words)
