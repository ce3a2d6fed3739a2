"""``ecsd why`` of a name in a Cloud Map namespace: which link of the chain fails.

Namespace, VPC, service, registration, health: each line is what the API says of one.
"""

from typing import Any

from ecsd.cli.api import Api, ApiError
from ecsd.cli.status import services

DNS_ATTRIBUTES = ("enableDnsSupport", "enableDnsHostnames")


def explain_name(api: Api, name: str) -> list[str] | None:
    """Return facts about a name, or None when it belongs to no namespace of this account."""
    wanted = name.lower().removesuffix(".")
    found = [
        one
        for one in _pages(api, "ListNamespaces", "Namespaces")
        if one["Type"] != "HTTP" and _is_within(wanted, one["Name"].lower())
    ]
    if not found:
        return None
    longest = max(len(one["Name"]) for one in found)
    return [
        fact
        for one in found
        if len(one["Name"]) == longest
        for fact in _namespace(api, one["Id"], wanted)
    ]


def _vpc_of(api: Api, namespace_id: str) -> str | None:
    """Return the VPC of a private namespace; Cloud Map's API itself does not tell it."""
    for one in api.inspect("namespaces"):
        if one["namespace_id"] == namespace_id and one["account"] == api.account:
            return str(one["vpc_id"]) if one["vpc_id"] else None
    return None


def _is_within(name: str, zone: str) -> bool:
    return name == zone or name.endswith(f".{zone}")


def _namespace(api: Api, namespace_id: str, name: str) -> list[str]:
    namespace = api.ask("servicediscovery", "GetNamespace", Id=namespace_id)["Namespace"]
    vpc_id = _vpc_of(api, namespace_id)
    where = f"VPC {vpc_id}" if vpc_id else "every VPC"
    facts = [f"namespace {namespace['Name']} ({namespace_id}) is answered in {where}"]
    if vpc_id:
        facts += _vpc(api, vpc_id)
    zone = namespace["Name"].lower()
    own = [{"Name": "NAMESPACE_ID", "Values": [namespace_id]}]
    known = {
        _full(one["Name"], zone): one
        for one in _pages(api, "ListServices", "Services", Filters=own)
        if "DnsConfig" in one
    }
    service = known.get(name)
    if service is None:
        for full, one in known.items():
            if name.endswith(f".{full}"):
                return facts + _service(api, one, full, name.removesuffix(f".{full}"))
        names = ", ".join(sorted(known)) or "none"
        return [*facts, f"no service has the name {name}; the namespace's names: {names}"]
    return facts + _service(api, service, name)


def _vpc(api: Api, vpc_id: str) -> list[str]:
    facts = []
    for attribute in DNS_ATTRIBUTES:
        try:
            answer = api.query("ec2", "DescribeVpcAttribute", VpcId=vpc_id, Attribute=attribute)
        except ApiError as error:
            return [f"VPC {vpc_id} is gone, and nobody asks the namespace: {error}"]
        if answer.findtext(f"{attribute}/value") != "true":
            facts.append(f"{attribute} of VPC {vpc_id} is off: it does not ask the namespace")
    return facts


def _service(api: Api, service: dict[str, Any], name: str, host: str = "") -> list[str]:
    types = ", ".join(one["Type"] for one in service["DnsConfig"]["DnsRecords"])
    policy = service["DnsConfig"].get("RoutingPolicy", "MULTIVALUE")
    facts = [f"service {service['Name']} ({service['Id']}) has records {types}, {policy}"]
    instances = _pages(api, "ListInstances", "Instances", ServiceId=service["Id"])
    if host:
        instances = [one for one in instances if one["Id"].lower() == host]
        if "SRV" not in types:
            facts.append(f"{host}.{name} would be a host of an SRV record, and there is none")
    if not instances:
        facts.append("no instance is registered: the name does not exist")
    health = _pages_of_health(api, service["Id"]) if instances else {}
    for one in instances:
        told = one["Attributes"]
        keys = (
            "AWS_INSTANCE_IPV4",
            "AWS_INSTANCE_PORT",
            "AWS_INSTANCE_CNAME",
            "AWS_ALIAS_DNS_NAME",
        )
        content = " ".join(told[key] for key in keys if key in told)
        facts.append(f"instance {one['Id']} {content} is {health.get(one['Id'], 'gone')}")
    if instances and "HEALTHY" not in health.values() and "UNKNOWN" not in health.values():
        facts.append("no instance is healthy: all are answered, as if all were")
    return facts + _registering(api, service["Arn"])


def _registering(api: Api, registry_arn: str) -> list[str]:
    """Return the services of ECS whose tasks register there."""
    facts = []
    for cluster in api.ask("ecs", "ListClusters").get("clusterArns", []):
        for one in services(api, cluster):
            arns = [registry["registryArn"] for registry in one["serviceRegistries"]]
            if registry_arn in arns:
                facts.append(
                    f"service {one['serviceName']} of {cluster.rpartition('/')[2]} registers its "
                    f"tasks: {one['runningCount']} of {one['desiredCount']} run (ecsd why "
                    f"{one['serviceName']})"
                )
    return facts or ["no service of ECS registers its tasks there"]


def _full(service: str, zone: str) -> str:
    return zone if service == "." else f"{service.lower()}.{zone}"


def _pages_of_health(api: Api, service_id: str) -> dict[str, str]:
    health: dict[str, str] = {}
    more: dict[str, str] = {}
    while True:
        answer = api.ask(
            "servicediscovery", "GetInstancesHealthStatus", ServiceId=service_id, **more
        )
        health |= answer.get("Status", {})
        if not answer.get("NextToken"):
            return health
        more = {"NextToken": answer["NextToken"]}


def _pages(api: Api, operation: str, member: str, **request: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    more: dict[str, str] = {}
    while True:
        answer = api.ask("servicediscovery", operation, **request, **more)
        found += answer.get(member, [])
        if not answer.get("NextToken"):
            return found
        more = {"NextToken": answer["NextToken"]}
