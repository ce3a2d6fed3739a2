"""What a start costs: large libraries wait for their first use."""

import subprocess
import sys

HEAVY = {"asyncpg", "cryptography", "h2", "moto"}
START = """
import sys
import ecsd.processes.agent
import ecsd.processes.server
from ecsd.operations.load import load_operations
load_operations()
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_server_and_agent_start_without_libraries_that_few_need():
    done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "msgspec" in loaded
    assert loaded & HEAVY == set()
