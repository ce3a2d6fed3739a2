"""What keeps a task definition off external and managed instances.

Source: Amazon ECS Developer Guide, Amazon ECS Anywhere; task definition differences for Amazon ECS
Managed Instances; API Reference, LogConfiguration.
"""

from collections.abc import Iterator, Mapping
from typing import Any

MANAGED_REFUSES = (
    "disableNetworking",
    "dnsSearchDomains",
    "dnsServers",
    "dockerLabels",
    "dockerSecurityOptions",
    "extraHosts",
    "hostname",
    "links",
)
MANAGED_LINUX_REFUSES = ("maxSwap", "sharedMemorySize", "swappiness", "tmpfs")
MANAGED_DRIVERS = ("awslogs", "splunk", "awsfirelens", "json-file")


def check_external(task: Mapping[str, Any]) -> Iterator[str]:
    """Yield what keeps the definition off external instances: an interface of a VPC."""
    if task.get("networkMode") == "awsvpc":
        yield "External instances do not support network mode 'awsvpc'."
    for volume in task.get("volumes") or ():
        if volume.get("configuredAtLaunch"):
            yield (
                "External instances do not support volumes of EBS: volume "
                f"'{volume.get('name')}' is configuredAtLaunch."
            )


def check_managed_instances(task: Mapping[str, Any]) -> Iterator[str]:
    """Yield what keeps the definition off managed instances."""
    if task.get("networkMode") not in {"awsvpc", "host"}:
        yield "Managed Instances support network modes 'awsvpc' and 'host' only."
    for member in ("ipcMode", "ephemeralStorage"):
        if task.get(member):
            yield f"Managed Instances do not support {member}."
    for volume in task.get("volumes") or ():
        if volume.get("dockerVolumeConfiguration") or (volume.get("host") or {}).get("sourcePath"):
            yield (
                "Managed Instances do not support the configuration of volume "
                f"'{volume.get('name')}'."
            )
    for container in task["containerDefinitions"]:
        yield from _managed_container(container)


def _managed_container(container: Mapping[str, Any]) -> Iterator[str]:
    for member in MANAGED_REFUSES:
        if container.get(member):
            yield (
                f"Managed Instances do not support '{member}' in container "
                f"'{container.get('name')}'."
            )
    linux = container.get("linuxParameters") or {}
    for member in MANAGED_LINUX_REFUSES:
        if linux.get(member) not in (None, []):
            yield f"Managed Instances do not support linuxParameters.{member}."
    driver = (container.get("logConfiguration") or {}).get("logDriver")
    if driver and driver not in MANAGED_DRIVERS:
        yield f"Managed Instances do not support log driver '{driver}'."
