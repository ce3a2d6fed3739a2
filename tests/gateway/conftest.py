import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "protocol")]

from gateway_client import Client  # noqa: E402


@pytest.fixture
def client(store):
    return Client(store)
