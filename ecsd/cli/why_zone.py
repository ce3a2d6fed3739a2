"""``ecsd why`` of a name in a hosted zone: zone, VPC, record, target; each as the API says it."""

from typing import Any

from ecsd.cli.api import Api
from ecsd.cli.balancers import balancers, plain
from ecsd.cli.why_name import vpc_facts

PATH = "/2013-04-01"
LONGEST_CHAIN = 8


def explain_record(api: Api, name: str) -> list[str] | None:
    """Return facts about a name, or None when it belongs to no hosted zone of this account."""
    wanted = f"{name.lower().removesuffix('.')}."
    zones = [
        one
        for one in _zones(api)
        if f".{wanted}".endswith(f".{one['Name']}") and not one.get("LinkedService")
    ]
    if not zones:
        return None
    zones.sort(key=lambda one: (one["Config"]["PrivateZone"] == "true", len(one["Name"])))
    return [fact for one in reversed(zones) for fact in _zone(api, one, wanted)]


def alias_targets(api: Api, name: str) -> list[str]:
    """Return the names that a name of a hosted zone leads to at last, lower case, no final dot."""
    found, names = [], [f"{name.lower()}."]
    for _ in range(LONGEST_CHAIN):
        names = [
            target
            for one in names
            for zone in _zones(api)
            if f".{one}".endswith(f".{zone['Name']}")
            for record_set in _answering(_record_sets(api, zone["Id"]), one)
            for target in _targets(record_set)
        ]
        found += [one.removesuffix(".").removeprefix("dualstack.") for one in names]
    return list(dict.fromkeys(found))


def _zone(api: Api, zone: dict[str, Any], name: str) -> list[str]:
    own = zone["Id"].rpartition("/")[2]
    described = api.rest("route53", f"{PATH}/hostedzone/{own}")
    vpcs = [one["VPCId"] for one in plain(described.find("VPCs")) or []]
    where = f"VPC {', '.join(vpcs)}" if vpcs else f"every VPC of account {api.account}"
    facts = [f"hosted zone {zone['Name']} ({own}) is answered in {where}"]
    facts += [fact for one in vpcs for fact in vpc_facts(api, one)]
    record_sets = _record_sets(api, own)
    answering = _answering(record_sets, name)
    if not answering:
        names = ", ".join(dict.fromkeys(one["Name"] for one in record_sets))
        return [*facts, f"no record has the name {name}; the zone's names: {names}"]
    known = {one["DNSName"].lower(): one for one in balancers(api)}
    for one in answering:
        facts.append(_record(one))
        for target in _targets(one) if "AliasTarget" in one else ():
            balancer = known.get(target.removesuffix(".").removeprefix("dualstack."))
            if balancer is not None:
                facts.append(
                    f"load balancer {balancer['LoadBalancerName']} is {balancer['State']['Code']} "
                    f"in VPC {balancer['VpcId']}, where alone it has addresses"
                )
    return facts


def _record(record_set: dict[str, Any]) -> str:
    own = f" {record_set['SetIdentifier']}" if record_set.get("SetIdentifier") else ""
    weight = f" of weight {record_set['Weight']}" if record_set.get("Weight") else ""
    words = f"record {record_set['Name']} {record_set['Type']}{own}{weight}"
    alias = record_set.get("AliasTarget")
    if alias:
        return f"{words} is an alias of {alias['DNSName']}"
    values = ", ".join(one["Value"] for one in record_set["ResourceRecords"])
    return f"{words} is {values} for {record_set['TTL']} s"


def _answering(record_sets: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Return the records of a name, or of the wildcard that stands for it."""
    exact = [one for one in record_sets if one["Name"] == name]
    parent = name
    while not exact and "." in parent.rstrip("."):
        parent = parent.partition(".")[2]
        exact = [one for one in record_sets if one["Name"] == f"\\052.{parent}"]
        if any(one["Name"] == parent for one in record_sets):
            break
    return exact


def _targets(record_set: dict[str, Any]) -> list[str]:
    """Return where a record leads: an alias's target, a CNAME's."""
    if record_set.get("AliasTarget"):
        return [record_set["AliasTarget"]["DNSName"].lower()]
    if record_set["Type"] == "CNAME":
        values = [one["Value"].lower() for one in record_set["ResourceRecords"]]
        return [f"{one.removesuffix('.')}." for one in values]
    return []


def _zones(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    more: dict[str, str] = {}
    while True:
        answer = api.rest("route53", f"{PATH}/hostedzone", **more)
        found += plain(answer.find("HostedZones")) or []
        marker = answer.findtext("NextMarker")
        if not marker:
            return found
        more = {"marker": marker}


def _record_sets(api: Api, zone_id: str) -> list[dict[str, Any]]:
    own = zone_id.rpartition("/")[2]
    members = {"NextRecordName": "name", "NextRecordType": "type"}
    members["NextRecordIdentifier"] = "identifier"
    found: list[dict[str, Any]] = []
    more: dict[str, str] = {}
    while True:
        answer = api.rest("route53", f"{PATH}/hostedzone/{own}/rrset", **more)
        found += plain(answer.find("ResourceRecordSets")) or []
        if answer.findtext("IsTruncated") != "true":
            return found
        told = {short: answer.findtext(member) for member, short in members.items()}
        more = {short: value for short, value in told.items() if value}
