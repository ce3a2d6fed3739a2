"""Which host runs a Fargate task: any with an agent may; the least loaded is chosen."""

from collections.abc import Mapping, Sequence

from ecsd.records.host import Host


def choose_host(hosts: Sequence[Host], tasks_on: Mapping[str, int]) -> str | None:
    """Return the connected host with the fewest tasks, or None while there is none."""
    connected = [one.name for one in hosts if one.connected]
    return min(connected, key=lambda name: (tasks_on.get(name, 0), name), default=None)
