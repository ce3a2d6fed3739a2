"""Security group rules as requests spell them, taken apart into one peer each.

Source: Amazon EC2 API Reference, IpPermission.
"""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from typing import Any, NamedTuple

from ecsd.errors import AwsError
from ecsd.operations.ec2.action import Request
from ecsd.records.ec2.security_group import SecurityGroup, SecurityGroupRule
from ecsd.store.finders.ec2 import (
    active_peering,
    is_stale,
    require_prefix_list,
    require_security_group,
)
from ecsd.store.store import View

PROTOCOL_NAMES = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6", "all": "-1"}
WITH_PORTS = ("tcp", "udp")
WITH_TYPES = ("icmp", "icmpv6")
MAX_PORT = 65535
MAX_TYPE = 255
MAX_PROTOCOL = 255
MAX_DESCRIPTION = 255
Ports = tuple[int | None, int | None]
Reached = tuple[str, str | None]  # a group, and the peering connection to it


class Permission(NamedTuple):
    """One protocol, port range and peer; two are the same rule if all but description are."""

    ip_protocol: str
    from_port: int | None
    to_port: int | None
    cidr_ipv4: str | None = None
    cidr_ipv6: str | None = None
    referenced_group_id: str | None = None
    prefix_list_id: str | None = None
    vpc_peering_connection_id: str | None = None  # of a peer's group
    description: str | None = None

    @property
    def identity(self) -> tuple[object, ...]:
        """What makes it the same rule as another."""
        return self[:-1]

    @property
    def words(self) -> str:
        """The rule as EC2's messages spell it."""
        peer = self.cidr_ipv4 or self.cidr_ipv6 or self.referenced_group_id or self.prefix_list_id
        if self.ip_protocol == "-1":
            return f"peer: {peer}, ALL, ALLOW"
        ports = f", from port: {self.from_port}, to port: {self.to_port}"
        return f"peer: {peer}, {self.ip_protocol.upper()}{ports}, ALLOW"


def of_rule(rule: SecurityGroupRule) -> Permission:
    """Return the permission that a stored rule gives."""
    return Permission(
        rule.ip_protocol,
        rule.from_port,
        rule.to_port,
        rule.cidr_ipv4,
        rule.cidr_ipv6,
        rule.referenced_group_id,
        rule.prefix_list_id,
        rule.vpc_peering_connection_id,
        rule.description,
    )


def requested(view: View, group: SecurityGroup, request: Request) -> list[Permission]:
    """Return the permissions of a request, in either of its two spellings, no one twice."""
    spelled = list(request.get("IpPermissions") or ())
    if request.get("IpProtocol") or request.get("CidrIp") or request.get("SourceSecurityGroupName"):
        if spelled:
            raise AwsError(
                "InvalidParameterCombination",
                "The parameter 'ipPermissions' may not be used in combination with 'ipProtocol'",
            )
        spelled = [_of_flat(request)]
    permissions = [one for entry in spelled for one in _taken_apart(view, group, entry)]
    if len({one.identity for one in permissions}) < len(permissions):
        raise AwsError(
            "InvalidParameterValue", "The same permission must not appear multiple times"
        )
    return permissions


def _of_flat(request: Request) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "IpProtocol": request.get("IpProtocol"),
        "FromPort": request.get("FromPort"),
        "ToPort": request.get("ToPort"),
    }
    if request.get("CidrIp"):
        entry["IpRanges"] = [{"CidrIp": request["CidrIp"]}]
    if request.get("SourceSecurityGroupName"):
        entry["UserIdGroupPairs"] = [{"GroupName": request["SourceSecurityGroupName"]}]
    return entry


def _taken_apart(view: View, group: SecurityGroup, entry: dict[str, Any]) -> Iterator[Permission]:
    protocol = checked_protocol(entry.get("IpProtocol"))
    ports = checked_ports(protocol, entry.get("FromPort"), entry.get("ToPort"))
    whole = Permission(protocol, *ports)
    count = 0
    for one in entry.get("IpRanges") or ():
        count += 1
        yield whole._replace(
            cidr_ipv4=checked_ipv4(one.get("CidrIp")), description=checked_description(one)
        )
    for one in entry.get("Ipv6Ranges") or ():
        count += 1
        yield whole._replace(
            cidr_ipv6=checked_ipv6(one.get("CidrIpv6")), description=checked_description(one)
        )
    for one in entry.get("UserIdGroupPairs") or ():
        count += 1
        peer_id, peering_id = _peer_group(view, group, one)
        yield whole._replace(
            referenced_group_id=peer_id,
            vpc_peering_connection_id=peering_id,
            description=checked_description(one),
        )
    for one in entry.get("PrefixListIds") or ():
        count += 1
        yield whole._replace(
            prefix_list_id=peer_list(view, one.get("PrefixListId")),
            description=checked_description(one),
        )
    if not count:
        raise AwsError(
            "MissingParameter",
            "The request must contain at least one of ipRanges, ipv6Ranges, prefixListIds, groups",
        )


def checked_protocol(value: object) -> str:
    """Return a protocol's name, ``-1`` for all, or its number as text."""
    if value is None or value == "":
        raise AwsError("MissingParameter", "The request must contain the parameter ipProtocol")
    text = str(value).lower()
    name = PROTOCOL_NAMES.get(text, text)
    known = name in (*WITH_PORTS, *WITH_TYPES, "-1")
    if not known and not (name.isdecimal() and int(name) <= MAX_PROTOCOL):
        raise AwsError("InvalidParameterValue", f"Invalid value '{value}' for IP protocol.")
    return name


def checked_ports(protocol: str, from_port: int | None, to_port: int | None) -> Ports:
    """Return the ports or ICMP types; protocols that have neither have None."""
    if protocol in WITH_TYPES:
        return _checked_types(from_port, to_port)
    if protocol not in WITH_PORTS:
        return None, None
    if from_port is None or to_port is None or -1 in (from_port, to_port):
        raise AwsError(
            "InvalidParameterValue",
            "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
        )
    if from_port > to_port or not (from_port >= 0 and to_port <= MAX_PORT):
        raise AwsError(
            "InvalidParameterValue",
            f"Invalid {protocol.upper()} port range ({from_port}:{to_port})",
        )
    return from_port, to_port


def _checked_types(kind: int | None, code: int | None) -> Ports:
    if kind is None or code is None:
        raise AwsError(
            "InvalidParameterValue", "Must specify both the type and the code with ICMP."
        )
    if not (-1 <= kind <= MAX_TYPE and -1 <= code <= MAX_TYPE):
        raise AwsError("InvalidParameterValue", f"Invalid ICMP type or code ({kind}:{code})")
    return kind, code


def checked_ipv4(text: str | None) -> str:
    """Return the range, canonical."""
    try:
        return str(IPv4Network(str(text or ""), strict=False))
    except ValueError as error:
        raise AwsError("InvalidParameterValue", f"CIDR block {text} is malformed") from error


def checked_ipv6(text: str | None) -> str:
    """Return the range, canonical. Kept and shown; no IPv6 packet exists that it could concern."""
    try:
        return str(IPv6Network(str(text or ""), strict=False))
    except ValueError as error:
        raise AwsError("InvalidParameterValue", f"CIDR block {text} is malformed") from error


def checked_description(spelled: dict[str, Any]) -> str | None:
    """Return a rule's description; none and an empty one are the same."""
    text = spelled.get("Description") or None
    if text is not None and len(text) > MAX_DESCRIPTION:
        raise AwsError(
            "InvalidParameterValue",
            "Invalid rule description. Valid descriptions are strings less than 256 characters "
            "from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        )
    return text


def peer_list(view: View, prefix_list_id: str | None) -> str:
    """Return the id of a prefix list that exists."""
    return require_prefix_list(view, prefix_list_id or "null").prefix_list_id


def _peer_group(view: View, group: SecurityGroup, pair: dict[str, Any]) -> Reached:
    if pair.get("GroupId"):
        return peer_group(view, group, pair["GroupId"])
    for other in view.select(SecurityGroup, vpc_id=group.vpc_id):
        if other.group_name == pair.get("GroupName"):
            return other.group_id, None
    raise AwsError(
        "InvalidGroup.NotFound",
        f"The security group '{pair.get('GroupName')}' does not exist in VPC '{group.vpc_id}'",
    )


def peer_group(view: View, group: SecurityGroup, peer_id: str) -> Reached:
    """Return a group that rules of another may name, and by which peering connection.

    It is of the same VPC or of a peered one; a rule that has become stale may still be named.
    """
    for rule in view.select(SecurityGroupRule, referenced_group_id=peer_id):
        if rule.group_id == group.group_id and is_stale(view, rule):
            return peer_id, rule.vpc_peering_connection_id
    found = require_security_group(view, peer_id)
    if found.vpc_id == group.vpc_id:
        return peer_id, None
    peering = active_peering(view, group.vpc_id, found.vpc_id)
    if peering is None:
        raise AwsError(
            "InvalidGroup.NotFound",
            f"You have specified two resources that belong to different networks: '{peer_id}'",
        )
    return peer_id, peering.vpc_peering_connection_id
