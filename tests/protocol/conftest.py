import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from botocore_judge import FOR_TESTS, OURS, compile_into

from ecsd.protocol.wire import Wire


@pytest.fixture(scope="session")
def tables(tmp_path_factory):
    """Tables of our services and of others that speak the remaining protocols."""
    return compile_into(tmp_path_factory.mktemp("tables"), (*OURS, *FOR_TESTS))


@pytest.fixture(scope="session")
def wire(tables):
    return Wire(lambda: "token", folder=tables)
