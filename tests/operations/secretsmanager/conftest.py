"""Callers of Secrets Manager, at a moment that tests move."""

import pytest


@pytest.fixture
def secrets(client, moment):
    return client("secretsmanager", clock=moment)


@pytest.fixture
def ask(secrets):
    return secrets


@pytest.fixture
async def secret(secrets):
    """A secret with a value; returns its ARN."""
    return (await secrets("CreateSecret", Name="app/db", SecretString="one"))["ARN"]
