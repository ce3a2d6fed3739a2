"""Prints every figure with its goal; ``docs/benchmarks.md`` keeps the last table.

Run on a quiet machine: everything is a ratio of one run, but neighbours disturb both sides.
``python -m bench NAME…`` prints some groups of figures alone.
"""

import sys
import tempfile
from pathlib import Path

import boto3

from bench import (
    connect,
    figures,
    flows,
    iam,
    images,
    isolation,
    logs,
    machine,
    names,
    rivals,
    scale,
    turns,
    web,
)
from bench.table import Measured, measured, table
from tests.integration.conftest import Ecsd
from tests.integration.sample import Account

ACCOUNT = "777777777777"


GROUPS = {
    "web": web.GROUP,
    "flows": flows.GROUP,
    "turns-alb": turns.APPLICATION,
    "turns-nlb": turns.NETWORK,
    "scale": scale.GROUP,
    "checks": scale.CHECKS,
    "names": names.GROUP,
    "connect": connect.GROUP,
    "iam": iam.GROUP,
    "logs": logs.GROUP,
    "images": images.GROUP,
    "isolation": isolation.GROUP,
}


def main(wanted):
    """Measure and print. wanted: names of groups; without any, everything, which is then kept."""
    about = machine.describe()
    lines = []
    for line in chosen(wanted) if wanted else everything():
        print(f"{line.figure} | {line.value} | {line.goal}", flush=True)
        lines.append(line)
    if not wanted:
        Path("docs/benchmarks.md").write_text(
            f"# Benchmarks\n\nThe last `make bench`: {about}.\n\n{table(lines)}\n"
        )
    return any(line.failed for line in lines)


def everything():
    """Yield every line."""
    with tempfile.TemporaryDirectory(prefix="ecsd-bench-") as folder:
        ecsd = Ecsd(Path(folder))
        ecsd.run("up", "-d")
        try:
            idle = figures.idle(ecsd, 5)
            memory = sum(pss for _, pss in idle.values())
            for row in measure(ecsd):
                yield Measured(*row)
            yield Measured("server + agent idle memory (PSS)", f"{memory:.0f} MB", "≤ 90 MB")
        finally:
            ecsd.run("down", "--state", "--yes", check=False)
    for operation, by_name in rivals.rates():
        stored = f"{rivals.TASKS:,} tasks stored"
        name = f"{operation} requests/s against {' and '.join(rivals.RIVALS)}, {stored}"
        yield Measured(name, *_factors(by_name))
    taken = figures.start_up(Ecsd)
    yield Measured("`ecsd up` → first answer, 1,000 tasks on disk", f"{taken:.2f} s", "≤ 1 s")
    yield from chosen(GROUPS)


def chosen(wanted):
    """Yield the lines of groups."""
    for name in wanted:
        yield from measured(name, GROUPS[name])


def measure(ecsd):
    """Yield the rows that need a running ecsd."""
    account = Account(lambda service: client(ecsd, service), ACCOUNT)
    account.network()
    definition = account.register()
    yield ratio(
        "RunTask → RUNNING, against the Engine's pair",
        figures.launch(account, definition),
        "≤ 1.15",
    )
    taken, raw = figures.scale_out(account, definition)
    yield ratio("20 tasks scale-out, against the Engine's best", (taken, raw), "≤ 1.2")
    account.steady()
    yield ratio(
        "deployment of 20 tasks, against the Engine's best and settling",
        figures.deployment(account),
        "≤ 1.2",
    )
    yield (
        "rollout decision for 1,000 tasks",
        f"{figures.decision() * 1000:.1f} ms",
        "≤ 2 ms",
    )
    shares = figures.idle(ecsd)
    words = ", ".join(f"{name} {share:.1f} %" for name, (share, _) in shares.items())
    yield ("CPU of one core with 20 idle tasks", words, "≈ 0")
    account.tear_down()
    account.network()
    account.load_balancer(delay=2)
    account.service(account.register())
    account.steady()
    yield (
        "container killed → replacement RUNNING",
        f"{figures.replacement(account):.2f} s",
        "≤ 1 s + one start",
    )
    account.steady()
    failed, done, updates = figures.rolling(account)
    yield (
        "failed requests during rolling updates",
        f"{failed} of {done} in {updates} updates",
        "0",
    )
    account.tear_down()


def _factors(by_name):
    """Return how many times faster than each rival, with the rates, and the goal."""
    ours = by_name.pop("ecsd")
    factors = ", ".join(f"{ours / rate:.1f}" for rate in by_name.values())
    return f"{factors} ({ours:.0f} / {' / '.join(f'{one:.0f}' for one in by_name.values())})", "≥ 3"


def ratio(name, measured, goal):
    """Return a row of a ratio of seconds."""
    ours, other = measured
    return name, f"{ours / other:.2f} ({ours:.3f} s / {other:.3f} s)", goal


def client(ecsd, service):
    """Return a boto3 client of the benchmark's account."""
    return boto3.client(
        service,
        endpoint_url=ecsd.endpoint,
        region_name="us-east-1",
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="test",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
