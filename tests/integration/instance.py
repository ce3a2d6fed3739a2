"""Which ecsd of this machine a test run uses: 1; the second of two workers 0.

Files that begin ecsds 2 and 3 are ``SPARE``: one worker runs them, one after the other. All other
tests of a file stay together too, so that what they share is made once.
"""

import os

import pytest

OF_WORKERS = {"gw1": "0"}
INSTANCE = int(
    os.environ.get("TEST_INSTANCE")
    or OF_WORKERS.get(os.environ.get("PYTEST_XDIST_WORKER", ""), "1")
)
ALONE = 2  # of agents in tests: nobody else's ports
SPARE = frozenset(
    {
        "test_balancer.py",
        "test_cli.py",
        "test_faults.py",
        "test_http2_targets.py",
        "test_https_listener.py",
        "test_networks.py",
        "test_security_groups.py",
        "test_task_adoption.py",
        "test_tasks.py",
    }
)


def group_of(file: str) -> pytest.MarkDecorator:
    """Return the mark that keeps a file's tests on one worker."""
    return pytest.mark.xdist_group("spare" if file in SPARE else file)
