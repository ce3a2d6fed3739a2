"""Rules of network ACLs, checked and shown.

Source: Amazon EC2 API Reference, CreateNetworkAclEntry, ReplaceNetworkAclEntry,
DeleteNetworkAclEntry.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import Answer, Request, action
from ecsd.operations.ec2.ip_permission import (
    MAX_PORT,
    MAX_PROTOCOL,
    MAX_TYPE,
    Ports,
    checked_ipv4,
    checked_ipv6,
)
from ecsd.operations.ec2.limits import MAX_ENTRIES_PER_ACL
from ecsd.records.ec2.network_acl import NetworkAcl, NetworkAclEntry
from ecsd.store.finders.ec2 import require

ENTRY = (
    *("NetworkAclId", "RuleNumber", "Protocol", "RuleAction", "Egress"),
    *("CidrBlock", "Ipv6CidrBlock", "IcmpTypeCode", "PortRange"),
)
NUMBERS = {"all": "-1", "icmp": "1", "tcp": "6", "udp": "17", "icmpv6": "58"}
WITH_PORTS = ("6", "17")
WITH_TYPES = ("1", "58")
HIGHEST_RULE = 32766
LAST_RULE = 32767  # shown as *: what no rule speaks of is denied


@action("CreateNetworkAclEntry", *ENTRY)
async def create_network_acl_entry(call: Call, request: Request) -> Answer:
    """Add a rule."""
    entry = _entry(request)
    async with call.transaction() as change:
        acl = require(change, NetworkAcl, request["NetworkAclId"])
        if _find(acl, entry.rule_number, egress=entry.egress) is not None:
            raise AwsError(
                "NetworkAclEntryAlreadyExists",
                f"The network acl entry identified by {entry.rule_number} already exists.",
            )
        same_way = [one for one in acl.entries if one.egress == entry.egress]
        if len(same_way) >= MAX_ENTRIES_PER_ACL:
            raise AwsError(
                "NetworkAclEntryLimitExceeded",
                "The maximum number of network acl entries has been reached.",
            )
        change.put(replace(acl, entries=(*acl.entries, entry)))
    return {}


@action("ReplaceNetworkAclEntry", *ENTRY)
async def replace_network_acl_entry(call: Call, request: Request) -> Answer:
    """Change a rule."""
    entry = _entry(request)
    async with call.transaction() as change:
        acl = require(change, NetworkAcl, request["NetworkAclId"])
        old = _require(acl, entry.rule_number, egress=entry.egress)
        change.put(replace(acl, entries=tuple(entry if one == old else one for one in acl.entries)))
    return {}


@action("DeleteNetworkAclEntry", "NetworkAclId", "RuleNumber", "Egress")
async def delete_network_acl_entry(call: Call, request: Request) -> Answer:
    """Take a rule away."""
    async with call.transaction() as change:
        acl = require(change, NetworkAcl, request["NetworkAclId"])
        gone = _require(acl, request["RuleNumber"], egress=request["Egress"])
        change.put(replace(acl, entries=tuple(one for one in acl.entries if one != gone)))
    return {}


def described_entries(acl: NetworkAcl) -> list[dict[str, Any]]:
    """Return an ACL's rules in EC2's shape and order, the denial of all else included."""
    entries = []
    for egress in (True, False):
        own = [one for one in acl.entries if one.egress == egress]
        entries += [_described(one) for one in sorted(own, key=lambda one: one.rule_number)]
        entries.append(
            {
                "CidrBlock": "0.0.0.0/0",
                "Egress": egress,
                "Protocol": "-1",
                "RuleAction": "deny",
                "RuleNumber": LAST_RULE,
            }
        )
    return entries


def _described(entry: NetworkAclEntry) -> dict[str, Any]:
    document: dict[str, Any] = {
        "CidrBlock": entry.cidr_block,
        "Ipv6CidrBlock": entry.ipv6_cidr_block,
        "Egress": entry.egress,
        "Protocol": entry.protocol,
        "RuleAction": entry.rule_action,
        "RuleNumber": entry.rule_number,
    }
    if entry.from_port is not None:
        document["PortRange"] = {"From": entry.from_port, "To": entry.to_port}
    if entry.icmp_type is not None:
        document["IcmpTypeCode"] = {"Type": entry.icmp_type, "Code": entry.icmp_code}
    return document


def _find(acl: NetworkAcl, number: int, *, egress: bool) -> NetworkAclEntry | None:
    named = (one for one in acl.entries if (one.rule_number, one.egress) == (number, egress))
    return next(named, None)


def _require(acl: NetworkAcl, number: int, *, egress: bool) -> NetworkAclEntry:
    entry = _find(acl, number, egress=egress)
    if entry is None:
        raise AwsError(
            "InvalidNetworkAclEntry.NotFound",
            f"The {'egress' if egress else 'ingress'} entry {number} in network acl "
            f"'{acl.network_acl_id}' does not exist",
        )
    return entry


def _entry(request: Request) -> NetworkAclEntry:
    number = request["RuleNumber"]
    if not 1 <= number <= HIGHEST_RULE:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({number}) for parameter ruleNumber is invalid. Must be 1 to {HIGHEST_RULE}.",
        )
    protocol = _checked_protocol(request["Protocol"])
    ipv4, ipv6 = _range(request)
    from_port, to_port = _ports(protocol, request.get("PortRange") or {})
    icmp_type, icmp_code = _types(protocol, request.get("IcmpTypeCode") or {})
    return NetworkAclEntry(
        rule_number=number,
        egress=request["Egress"],
        rule_action=request["RuleAction"],
        protocol=protocol,
        cidr_block=ipv4,
        ipv6_cidr_block=ipv6,
        from_port=from_port,
        to_port=to_port,
        icmp_type=icmp_type,
        icmp_code=icmp_code,
    )


def _checked_protocol(text: str) -> str:
    number = NUMBERS.get(text.lower(), text)
    if number != "-1" and not (number.isdecimal() and int(number) <= MAX_PROTOCOL):
        raise AwsError("InvalidParameterValue", f"Invalid value '{text}' for protocol.")
    return number


def _range(request: Request) -> tuple[str | None, str | None]:
    ipv4, ipv6 = request.get("CidrBlock"), request.get("Ipv6CidrBlock")
    if bool(ipv4) == bool(ipv6):
        raise AwsError(
            "MissingParameter" if not ipv4 else "InvalidParameterCombination",
            "The request must contain exactly one of cidrBlock, ipv6CidrBlock",
        )
    if ipv4:
        return checked_ipv4(ipv4), None
    return None, checked_ipv6(ipv6)


def _ports(protocol: str, span: dict[str, int]) -> Ports:
    if protocol not in WITH_PORTS:
        return None, None
    first, last = span.get("From"), span.get("To")
    if first is None or last is None:
        raise AwsError("MissingParameter", "The request must contain the parameter PortRange")
    if not 0 <= first <= last <= MAX_PORT:
        raise AwsError("InvalidParameterValue", f"Invalid port range ({first}:{last})")
    return first, last


def _types(protocol: str, which: dict[str, int]) -> Ports:
    if protocol not in WITH_TYPES:
        return None, None
    kind, code = which.get("Type"), which.get("Code")
    if kind is None or code is None:
        raise AwsError("MissingParameter", "The request must contain the parameter IcmpTypeCode")
    if not (-1 <= kind <= MAX_TYPE and -1 <= code <= MAX_TYPE):
        raise AwsError("InvalidParameterValue", f"Invalid ICMP type or code ({kind}:{code})")
    return kind, code
