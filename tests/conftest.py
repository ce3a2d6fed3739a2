"""What tests of several rooms share: a store in memory, virtual time, seeded ids."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

from ecsd.clock import VirtualClock, VirtualLoop
from ecsd.ids import SeededIds
from ecsd.store.scope import Scope
from ecsd.store.store import Store
from tests.integration.instance import group_of

# How fast a machine draws examples decides no test.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

SCOPE = Scope("000000000000", "us-east-1")


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in its own
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file of real parts on one worker."""
    for item in items:
        if item.get_closest_marker("integration"):
            item.add_marker(group_of(item.path.name))


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
