"""The soak runs a whole ecsd of its own, which forgets what has ended after a minute."""

import tempfile
from pathlib import Path

import pytest

from tests.integration.conftest import Ecsd


@pytest.fixture
def ecsd():
    """An ecsd whose history is short, so that its memory shows leaks and not history."""
    with tempfile.TemporaryDirectory(prefix="ecsd-soak-") as folder:
        one = Ecsd(Path(folder), ECSD_ENDED_SHOWN="60")
        up = one.run("up", "-d", check=False)
        assert up.returncode == 0, up.stdout + up.stderr + one.log()
        yield one
        down = one.run("down", "--state", "--yes", check=False)
        assert down.returncode == 0, down.stdout + down.stderr
