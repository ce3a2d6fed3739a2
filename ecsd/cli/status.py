"""``ecsd status``: clusters, services, tasks and load balancer URLs, at a glance."""

import argparse
import json
from typing import Any

from ecsd.cli.api import Api
from ecsd.cli.balancers import balancers
from ecsd.cli.screen import paint, state, table
from ecsd.cli.traffic import connect_words, latest_traffic, traffic_words
from ecsd.settings import Settings

CHUNK = 10


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("status", help="clusters, services, tasks, load balancers")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Show everything of every account and region that holds something."""
    scopes = Api(settings).inspect("scopes")
    views = [collect(Api(settings, one["account"], one["region"])) for one in scopes]
    overview = {
        "scopes": views,
        "hosts": Api(settings).inspect("hosts"),
        "unimplemented": Api(settings).inspect("unimplemented"),
    }
    print(json.dumps(overview, indent=1, default=str) if arguments.json else _text(overview))
    return 0


def collect(api: Api) -> dict[str, Any]:
    """Return one account and region: its clusters with services and tasks, its balancers."""
    arns = api.ask("ecs", "ListClusters").get("clusterArns", [])
    clusters = api.ask("ecs", "DescribeClusters", clusters=arns)["clusters"] if arns else []
    traffic = latest_traffic(api)
    for cluster in clusters:
        cluster["services"] = services(api, cluster["clusterArn"])
        for one in cluster["services"]:
            told = traffic.get(one["serviceArn"]) if one["runningCount"] else None
            one["traffic"] = connect_words(told)
        cluster["tasks"] = tasks(api, cluster["clusterArn"])
    return {
        "account": api.account,
        "region": api.region,
        "clusters": clusters,
        "loadBalancers": _balancers(api, traffic),
    }


def services(api: Api, cluster: str) -> list[dict[str, Any]]:
    """Return every service of a cluster, described."""
    arns = _all(api, "ListServices", "serviceArns", cluster=cluster, maxResults=100)
    found: list[dict[str, Any]] = []
    for start in range(0, len(arns), CHUNK):
        chunk = arns[start : start + CHUNK]
        found += api.ask("ecs", "DescribeServices", cluster=cluster, services=chunk)["services"]
    return found


def tasks(api: Api, cluster: str, desired: str = "RUNNING") -> list[dict[str, Any]]:
    """Return every task of a cluster, described."""
    arns = _all(api, "ListTasks", "taskArns", cluster=cluster, desiredStatus=desired)
    found: list[dict[str, Any]] = []
    for start in range(0, len(arns), 100):
        chunk = arns[start : start + 100]
        found += api.ask("ecs", "DescribeTasks", cluster=cluster, tasks=chunk)["tasks"]
    return found


def _all(api: Api, operation: str, member: str, **request: object) -> list[str]:
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = api.ask("ecs", operation, **request, **token)
        found += answer.get(member, [])
        if not answer.get("nextToken"):
            return found
        token = {"nextToken": answer["nextToken"]}


def _balancers(api: Api, traffic: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "arn": one["LoadBalancerArn"],
            "name": one["LoadBalancerName"],
            "state": one["State"]["Code"],
            "reason": one["State"].get("Reason"),
            "traffic": traffic_words(traffic.get(one["LoadBalancerArn"])),
            "urls": [url for listener in one["Listeners"] for url in listener["Urls"]],
        }
        for one in balancers(api)
    ]


def _text(overview: dict[str, Any]) -> str:
    parts = []
    for scope in overview["scopes"]:
        if not scope["clusters"] and not scope["loadBalancers"]:
            continue
        parts.append(paint(f"{scope['account']} {scope['region']}", "bold"))
        parts += [_cluster(one) for one in scope["clusters"]]
        if scope["loadBalancers"]:
            parts.append(_balancer_table(scope["loadBalancers"]))
    if not parts:
        parts.append("ecsd is up; nothing has been created yet.")
    for host in overview["hosts"]:
        parts += [
            f"{paint('fault', 'bad')} on {host['name']}: {part}: {words}"
            for part, words in host["faults"].items()
        ]
        if not host["connected"]:
            parts.append(f"{paint('fault', 'bad')} the agent on {host['name']} is away")
    if overview["unimplemented"]["total"]:
        asked = ", ".join(
            f"{name} ({count} times)"
            for name, count in overview["unimplemented"]["operations"].items()
        )
        parts.append(f"Asked for but not implemented: {asked}")
    return "\n\n".join(parts)


def _cluster(cluster: dict[str, Any]) -> str:
    head = f"cluster {paint(cluster['clusterName'], 'bold')}"
    lines = [head]
    if cluster["services"]:
        rows = [
            (
                one["serviceName"],
                f"{one['runningCount']}/{one['desiredCount']}",
                state(one["deployments"][0]["rolloutState"] if one["deployments"] else "-"),
                one["taskDefinition"].rpartition("/")[2],
                one["events"][0]["message"] if one["events"] else "",
            )
            for one in cluster["services"]
        ]
        lines.append(table(("SERVICE", "RUNNING", "ROLLOUT", "DEFINITION", "LAST EVENT"), rows))
    traffic = [
        (one["serviceName"], where, words)
        for one in cluster["services"]
        for where, words in one["traffic"].items()
    ]
    if traffic:
        lines.append(table(("SERVICE", "SERVICE CONNECT", "LATEST MINUTE"), traffic))
    if cluster["tasks"]:
        rows = [
            (
                one["taskArn"].rpartition("/")[2],
                state(one["lastStatus"]),
                state(one["healthStatus"]),
                one["group"],
                _address(one),
            )
            for one in cluster["tasks"]
        ]
        lines.append(table(("TASK", "STATUS", "HEALTH", "GROUP", "ADDRESS"), rows))
    return "\n".join(lines)


def _address(task: dict[str, Any]) -> str:
    for attachment in task["attachments"]:
        for detail in attachment["details"]:
            if detail["name"] == "privateIPv4Address":
                return str(detail["value"])
    return "-"


def _balancer_table(balancers: list[dict[str, Any]]) -> str:
    rows = [
        (
            one["name"],
            state(one["state"]),
            " ".join(one["urls"]) or "(no listener)",
            one["traffic"],
        )
        for one in balancers
    ]
    return table(("LOAD BALANCER", "STATE", "URL", "LATEST MINUTE"), rows)
