"""The library's context: closed is closed, also to a thread that comes late."""

import shutil

import pytest

from ecsd.agent.drivers.nftables import Nftables
from ecsd.errors import NetworkError

pytestmark = pytest.mark.skipif(shutil.which("nft") is None, reason="nftables is not installed")


def test_a_closed_context_refuses():
    filters = Nftables()
    filters.close()
    filters.close()
    with pytest.raises(NetworkError, match="closed"):
        filters.run("list tables")
    with pytest.raises(NetworkError, match="closed"):
        filters.table("ip t")
