"""The soak runs a whole ecsd of its own, which forgets what has ended after a minute."""

import pytest

from tests.integration.conftest import running


@pytest.fixture
def ecsd():
    """An ecsd whose history is short, so that its memory shows leaks and not history."""
    with running(ECSD_ENDED_SHOWN="60") as one:
        yield one
