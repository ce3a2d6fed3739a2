"""Flow log records: their format, and what an aggregation interval becomes in it.

A record is a line about one direction of a flow at one network interface. What cannot be known
here is written ``-``, as AWS writes what does not apply.
Source: Amazon VPC User Guide, Flow log records.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ecsd.records.ec2.flow_log import FlowLog
from ecsd.records.observed import CountedFlow, CountedInterface, FlowsObserved

FIELDS = {  # field → the version of records that brought it
    **dict.fromkeys(("version", "account-id", "interface-id", "srcaddr", "dstaddr"), 2),
    **dict.fromkeys(("srcport", "dstport", "protocol", "packets", "bytes", "start", "end"), 2),
    **dict.fromkeys(("action", "log-status"), 2),
    **dict.fromkeys(("vpc-id", "subnet-id", "instance-id", "tcp-flags", "type"), 3),
    **dict.fromkeys(("pkt-srcaddr", "pkt-dstaddr"), 3),
    **dict.fromkeys(("region", "az-id", "sublocation-type", "sublocation-id"), 4),
    **dict.fromkeys(("pkt-src-aws-service", "pkt-dst-aws-service", "flow-direction"), 5),
    "traffic-path": 5,
}
DEFAULT_FORMAT = " ".join(f"${{{name}}}" for name, version in FIELDS.items() if version == 2)  # noqa: PLR2004 - the default's version
ACCEPT, REJECT, ALL = "ACCEPT", "REJECT", "ALL"
EGRESS, INGRESS = "egress", "ingress"
UNKNOWN = "-"
_FIELD = re.compile(r"\$\{([^{}]*)\}")


class Surroundings(NamedTuple):
    """What records tell beside the traffic. zones: subnet → id of its Availability Zone."""

    account: str
    region: str
    zones: Mapping[str, str]


def fields_of(log_format: str) -> list[str] | None:
    """Return the fields of a format in their order; None: it is none."""
    words = log_format.split(" ")
    found = [_FIELD.fullmatch(word) for word in words]
    return [one[1] for one in found if one is not None] if all(found) else None


def stream_name(network_interface_id: str, traffic_type: str) -> str:
    """Return the log stream of an interface's records."""
    return f"{network_interface_id}-{traffic_type.lower()}"


def compile_records(
    flow_log: FlowLog, window: FlowsObserved, around: Surroundings
) -> dict[str, list[str]]:
    """Return the lines for each log stream that gets any, in the order of flows.

    An interface without any traffic has a line that says NODATA; where packets were not counted,
    each has one that says SKIPDATA beside what was counted.
    """
    fields = fields_of(flow_log.log_format) or []
    version = max(FIELDS.get(one, 2) for one in fields)
    own = {one.address: one for one in window.interfaces if _is_of(flow_log, one, window)}
    fixed = {
        "version": str(version),
        "account-id": around.account,
        "vpc-id": flow_log.vpc_id,
        "region": around.region,
        "start": str(int(window.began_at.timestamp())),
        "end": str(int(window.ended_at.timestamp())),
    }
    lines: dict[str, list[str]] = {}

    def write(interface: CountedInterface, values: dict[str, str]) -> None:
        known = fixed | _place(interface, around) | values
        line = " ".join(known.get(field, UNKNOWN) for field in fields)
        name = stream_name(interface.network_interface_id, flow_log.traffic_type)
        lines.setdefault(name, []).append(line)

    busy = set()
    for flow in window.flows:
        for address, direction, action, amount in _ends(flow):
            interface = own.get(address)
            if interface is None or not amount[0]:
                continue
            busy.add(interface.network_interface_id)
            if flow_log.traffic_type in (ALL, action):
                write(interface, _traffic(flow, direction, action, amount))
    for interface in own.values():
        if window.lost:
            write(interface, {"log-status": "SKIPDATA"})
        elif interface.network_interface_id not in busy:
            write(interface, {"log-status": "NODATA"})
    return lines


def _is_of(flow_log: FlowLog, interface: CountedInterface, window: FlowsObserved) -> bool:
    """Tell whether a flow log is about an interface of its VPC."""
    vpc_id = window.vpc_arn.rpartition("/")[2]
    return flow_log.resource_id in {vpc_id, interface.subnet_id, interface.network_interface_id}


def _ends(flow: CountedFlow) -> Iterator[tuple[str, str, str, tuple[int, int]]]:
    """Yield whose record it is, its direction, its action, packets and bytes."""
    yield flow.source, EGRESS, ACCEPT, flow.left
    yield flow.source, EGRESS, REJECT, flow.kept
    yield flow.destination, INGRESS, ACCEPT, flow.came
    yield flow.destination, INGRESS, REJECT, flow.barred


def _place(interface: CountedInterface, around: Surroundings) -> dict[str, str]:
    return {
        "interface-id": interface.network_interface_id,
        "subnet-id": interface.subnet_id,
        "az-id": around.zones.get(interface.subnet_id, UNKNOWN),
    }


def _traffic(
    flow: CountedFlow, direction: str, action: str, amount: tuple[int, int]
) -> dict[str, str]:
    packets, size = amount
    return {
        "srcaddr": flow.source,
        "dstaddr": flow.destination,
        "pkt-srcaddr": flow.source,
        "pkt-dstaddr": flow.destination,
        "srcport": str(flow.source_port),
        "dstport": str(flow.destination_port),
        "protocol": str(flow.protocol),
        "packets": str(packets),
        "bytes": str(size),
        "action": action,
        "log-status": "OK",
        "type": "IPv4",
        "flow-direction": direction,
    }
