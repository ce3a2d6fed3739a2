"""Which ecsd of this machine a test run uses: 1; of three workers the second 0, the third 4.
TEST_INSTANCE says another, for a run without workers.

Files that begin ecsds 2 and 3, or fix addresses, are ``SPARE``: they run one after the other, when
the workers are done.
"""

import os

OF_WORKERS = {"gw1": "0", "gw2": "4"}
INSTANCE = int(
    os.environ.get("TEST_INSTANCE")
    or OF_WORKERS.get(os.environ.get("PYTEST_XDIST_WORKER", ""), "1")
)
UPSTREAM = f"http://127.0.0.1:{4790 + INSTANCE}"  # where tests run somebody else's registry
REGISTRY = f"http://localhost:{4769 + INSTANCE}"  # ecsd's own
ALONE = 2  # of agents in tests: nobody else's ports
SPARE = frozenset(
    {
        "test_balancer.py",
        "test_cli.py",
        "test_faults.py",
        "test_http2_targets.py",
        "test_https_listener.py",
        "test_networks.py",
        "test_rude_peers.py",
        "test_security_groups.py",
        "test_task_adoption.py",
        "test_tasks.py",
    }
)
