"""What tests of several rooms share: a store in memory, virtual time, seeded ids."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

from ecsd.clock import VirtualClock, VirtualLoop
from ecsd.ids import SeededIds
from ecsd.store.scope import Scope
from ecsd.store.store import Store
from tests.integration.instance import SPARE

# How fast a machine draws examples decides no test.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

SCOPE = Scope("000000000000", "us-east-1")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark tests that need the machine's spare ecsds: one at a time, after all others."""
    if item.path.name in SPARE:
        item.add_marker(pytest.mark.spare)


@pytest.fixture
def scope() -> Scope:
    """The account and region that tests use."""
    return SCOPE


@pytest.fixture
def store() -> Store:
    """An empty store that keeps nothing."""
    return Store.in_memory()


@pytest.fixture
def ids() -> SeededIds:
    """Identifiers that are the same in every run."""
    return SeededIds(7)


@pytest.fixture
def clock() -> VirtualClock:
    """Virtual time; use it inside ``run_virtual``."""
    return VirtualClock()


@pytest.fixture
def run_virtual() -> Callable[..., object]:
    """Run a coroutine in virtual time: ``run_virtual(scenario())``."""

    def run(coroutine: object) -> object:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(coroutine)  # type: ignore[arg-type]

    return run
