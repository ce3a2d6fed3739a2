"""What a valueFrom points at, in every form."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.containers.secret_reference import (
    Reference,
    json_value,
    parse_credentials,
    parse_reference,
)

HOME = "us-east-1"
SECRET = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:app/db-AbCdEf"
PARAMETER = "arn:aws:ssm:eu-west-1:000000000000:parameter/app/db"
parts = st.from_regex(r"[a-zA-Z0-9/_+=.@-]{1,12}", fullmatch=True)


@pytest.mark.parametrize(
    ("value_from", "reference"),
    [
        ("db", Reference("ssm", HOME, "db")),
        ("/app/db", Reference("ssm", HOME, "/app/db")),
        ("/app/db:3", Reference("ssm", HOME, "/app/db:3")),
        (PARAMETER, Reference("ssm", "eu-west-1", PARAMETER)),
        (f"{PARAMETER}:live", Reference("ssm", "eu-west-1", f"{PARAMETER}:live")),
        (SECRET, Reference("secretsmanager", "eu-west-1", SECRET)),
        (f"{SECRET}:key::", Reference("secretsmanager", "eu-west-1", SECRET, "key")),
        (
            f"{SECRET}:::v1",
            Reference("secretsmanager", "eu-west-1", SECRET, version="v1"),
        ),
        (
            f"{SECRET}::AWSPREVIOUS:",
            Reference("secretsmanager", "eu-west-1", SECRET, stage="AWSPREVIOUS"),
        ),
        ("", None),
        ("a b", None),
        (f"{SECRET}:key", None),
        (f"{SECRET}:a:b:c:d", None),
        ("arn:aws:secretsmanager:eu-west-1:000000000000:secret:", None),
        ("arn:aws:s3:::bucket/key", None),
        ("arn:aws:ssm:eu-west-1:000000000000:document/x", None),
    ],
)
def test_forms(value_from, reference):
    assert parse_reference(value_from, HOME) == reference


@given(parts, st.text("ab", max_size=3), st.text("ab", max_size=3), st.text("ab", max_size=3))
def test_a_secrets_parts_come_back(name, key, stage, version):
    head = f"arn:aws:secretsmanager:us-west-2:111122223333:secret:{name}"
    found = parse_reference(f"{head}:{key}:{stage}:{version}", HOME)
    assert found == Reference("secretsmanager", "us-west-2", head, key, stage, version)


def test_registry_credentials_are_secrets_alone():
    assert parse_credentials("registry", HOME).identifier == "registry"
    assert parse_credentials(SECRET, HOME).identifier == SECRET
    assert parse_credentials(PARAMETER, HOME) is None
    assert parse_credentials("", HOME) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (5432, "5432"),
        (1.5, "1.5"),
        (2.0, "2"),
        (True, "true"),
        (None, "<nil>"),
        ([1, "a"], "[1 a]"),
        ({"b": 1, "a": "x"}, "map[a:x b:1]"),
    ],
)
def test_json_is_written_as_the_agent_writes_it(value, text):
    assert json_value(json.dumps({"key": value}), "key") == text


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5)), st.text(max_size=5))
def test_a_key_is_there_or_not(document, key):
    assert json_value(json.dumps(document), key) == document.get(key)


@pytest.mark.parametrize("text", ["", "hunter2", "[1]", "{", '"x"'])
def test_what_is_no_object_is_told_without_it(text):
    with pytest.raises(ValueError, match="no JSON object") as caught:
        json_value(text, "key")
    assert str(caught.value) == "the secret is no JSON object"
