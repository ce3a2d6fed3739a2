"""Callers of KMS, at a moment that tests move."""

import pytest


@pytest.fixture
def kms(client, moment):
    return client("kms", clock=moment)


@pytest.fixture
def ask(kms):
    return kms


@pytest.fixture
async def key(kms):
    """A customer's key; returns its ARN."""
    return (await kms("CreateKey"))["KeyMetadata"]["Arn"]
