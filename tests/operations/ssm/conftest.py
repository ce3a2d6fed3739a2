"""Callers of Parameter Store, at a moment that tests move."""

import pytest


@pytest.fixture
def ssm(client, moment):
    return client("ssm", clock=moment)


@pytest.fixture
def ask(ssm):
    return ssm


@pytest.fixture
def put(ssm):
    """Put a parameter; return its version."""

    async def call(name, value="v", kind="String", **more):
        answer = await ssm("PutParameter", Name=name, Value=value, Type=kind, **more)
        return answer["Version"]

    return call
