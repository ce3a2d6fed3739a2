"""Documents that IAM's tests share, and the callers of its operations."""

import json

import pytest

DOCUMENT = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
    }
)
EXECUTION = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"


@pytest.fixture
def document():
    return DOCUMENT


@pytest.fixture
def execution_policy():
    return EXECUTION


@pytest.fixture
def ask(client):
    return client("iam")
