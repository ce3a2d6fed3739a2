"""``ecsd why``: the chain of facts behind a stopped task, a stuck rollout, an unhealthy target.

Every line is something the API or a host observed; nothing is guessed.
"""

import argparse
import json
from typing import Any

from ecsd.cli.api import Api, ApiError
from ecsd.cli.find import apis, find_service_or_task
from ecsd.cli.screen import failed, paint
from ecsd.cli.why_connect import UnclearError, explain_connection
from ecsd.cli.why_name import explain_name
from ecsd.cli.why_url import explain_url
from ecsd.cli.why_zone import explain_record
from ecsd.decisions.iam.missing_permission import missing_permission
from ecsd.settings import Settings

EVENTS_SHOWN = 8
ENDED_SHOWN = 3
CONNECT = "connect"
ENDS_AND_PORT = 3
SHORTEST_ID = 8  # a shorter beginning may mean many tasks
FAILURES = {"TaskFailedToStart", "EssentialContainerExited"}


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("why", help="why a task stopped, a rollout is stuck, …")
    parser.add_argument(
        "name",
        help="a service, task, target group or load balancer by name or ARN; a name in DNS; a URL; "
        "or: connect FROM TO PORT",
    )
    parser.add_argument(
        "connection",
        nargs="*",
        metavar="FROM TO PORT",
        help="after connect: a task, service, load balancer, address or name, twice; 80, 53/udp, "
        "icmp",
    )
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the facts, the deepest cause last."""
    if arguments.name == CONNECT and arguments.connection:
        return _connect(arguments, settings)
    if arguments.connection:
        failed(f"one name at a time; {', '.join(arguments.connection)} is too much")
        return 2
    facts = explain(settings, arguments.name)
    if facts is None:
        failed(f"nothing is called {arguments.name}")
        return 1
    _show(arguments, facts)
    return 0


def _connect(arguments: argparse.Namespace, settings: Settings) -> int:
    """Say what lets a connection pass or refuses it; the exit status tells which."""
    if len(arguments.connection) != ENDS_AND_PORT:
        failed("say: ecsd why connect FROM TO PORT")
        return 2
    try:
        passes, facts = explain_connection(settings, *arguments.connection)
    except UnclearError as error:
        failed(str(error))
        return 2
    _show(arguments, facts)
    return 0 if passes else 1


def _show(arguments: argparse.Namespace, facts: list[str]) -> None:
    if arguments.json:
        print(json.dumps({"facts": facts}, indent=1))
        return
    for number, fact in enumerate(facts):
        print(f"{paint('└─ ' if number else '', 'dim')}{fact}")


def explain(settings: Settings, name: str) -> list[str] | None:
    """Return facts about what is called so, or None."""
    if "://" in name:
        return _request(settings, name)
    found = find_service_or_task(settings, name)
    ends = {one["task_arn"]: one for one in Api(settings).inspect("ends")}
    if found is not None and found.task is not None:
        return _task(found.task, ends) + _host_faults(found.api)
    if found is not None and found.service is not None:
        return _service(found.api, found.service, found.tasks(), ends) + _host_faults(found.api)
    for arn, end in ends.items():
        if name == arn or (len(name) >= SHORTEST_ID and arn.rpartition("/")[2].startswith(name)):
            return _end(end)
    for api in apis(settings):
        for explain_one in (_target_group, _balancer, explain_name, explain_record):
            facts = explain_one(api, name)
            if facts is not None:
                return facts + _host_faults(api)
    return None


def _request(settings: Settings, url: str) -> list[str] | None:
    for api in apis(settings):
        facts = explain_url(api, url)
        if facts is not None:
            return facts + _host_faults(api)
    return None


def _task(task: dict[str, Any], ends: dict[str, Any]) -> list[str]:
    name = task["taskArn"].rpartition("/")[2]
    facts = [
        f"task {name} ({task['group']}) is {task['lastStatus']}, wanted {task['desiredStatus']}, "
        f"health {task['healthStatus']}"
    ]
    if task.get("stoppedReason"):
        facts.append(f"{task.get('stopCode', 'stopped')}: {task['stoppedReason']}")
    facts += _permission(task.get("stoppedReason"), task["containers"])
    ended = {one["name"]: one for one in ends.get(task["taskArn"], {}).get("containers", ())}
    for container in task["containers"]:
        facts += _container(container) + _last_words(ended.get(container["name"]))
    return facts


def _end(end: dict[str, Any]) -> list[str]:
    """Return what is remembered of a task that is no longer shown."""
    name = end["task_arn"].rpartition("/")[2]
    group = end["place"].partition("/")[2]
    facts = [f"task {name} ({group}, {end['task_definition']}) ended {end['stopped_at']}"]
    if end["stopped_reason"]:
        facts.append(f"{end['stop_code'] or 'stopped'}: {end['stopped_reason']}")
    facts += _permission(end["stopped_reason"], end["containers"])
    members = {"exit_code": "exitCode", "reason": "reason", "health_status": "healthStatus"}
    for one in end["containers"]:
        shown = {member: one[name] for name, member in members.items() if one[name] is not None}
        container = {"name": one["name"], "image": one["image"], "lastStatus": "STOPPED", **shown}
        facts += _container(container) + _last_words(one)
    return facts


def _permission(stopped: str | None, containers: list[dict[str, Any]]) -> list[str]:
    """Return the permission that somebody lacks, where a refusal ended the task."""
    said = [stopped, *(one.get("reason") for one in containers)]
    found = [missing_permission(words) for words in said if words]
    return list(dict.fromkeys(one.fact() for one in found if one))


def _last_words(end: dict[str, Any] | None) -> list[str]:
    """Return how long a container ran and what it said last, where it failed."""
    if end is None or (end["exit_code"] in {0, None} and not end["last_lines"]):
        return []
    facts = []
    if end["ran_seconds"] is not None:
        facts.append(f"container {end['name']} ran for {end['ran_seconds']} s")
    if end["last_lines"]:
        facts.append(f"container {end['name']} said last:")
        facts += [f"  {line}" for line in end["last_lines"]]
    return facts


def _container(container: dict[str, Any]) -> list[str]:
    notable = "exitCode" in container or "reason" in container
    unhealthy = container.get("healthStatus") == "UNHEALTHY"
    if not notable and not unhealthy:
        return []
    words = f"container {container['name']} ({container['image']}) is {container['lastStatus']}"
    if "exitCode" in container:
        words += f", exit code {container['exitCode']}"
    if unhealthy:
        words += ", its health check fails"
    if "reason" in container:
        words += f": {container['reason']}"
    return [words]


def _service(
    api: Api, service: dict[str, Any], tasks: list[dict[str, Any]], ends: dict[str, Any]
) -> list[str]:
    facts = [
        f"service {service['serviceName']} is {service['status']}: {service['runningCount']} of "
        f"{service['desiredCount']} tasks run, {service['pendingCount']} are starting"
    ]
    facts += [
        f"deployment {one['id']} ({one['status']}, {one['taskDefinition'].rpartition('/')[2]}) "
        f"is {one['rolloutState']}: {one['rolloutStateReason']} {one['failedTasks']} failed tasks"
        for one in service["deployments"]
    ]
    facts += _attempt(api, service)
    facts += [f"event: {one['message']}" for one in service["events"][:EVENTS_SHOWN]]
    ended = [one for one in tasks if one["desiredStatus"] == "STOPPED"]
    ended.sort(key=lambda one: one.get("stoppingAt", 0), reverse=True)
    for task in ended[:ENDED_SHOWN]:
        facts += _task(task, ends)
    for end in _gone(service, tasks, ends)[: ENDED_SHOWN - len(ended[:ENDED_SHOWN])]:
        facts += _end(end)
    for balancer in service["loadBalancers"]:
        facts += _target_group(api, balancer["targetGroupArn"]) or []
    return facts


def _gone(
    service: dict[str, Any], tasks: list[dict[str, Any]], ends: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return the ends of a service's failed tasks that are no longer shown, the newest first."""
    cluster = service["clusterArn"].rpartition("/")[2]
    prefix = service["clusterArn"].replace(":cluster/", ":task/")
    shown = {one["taskArn"] for one in tasks}
    gone = [
        end
        for arn, end in ends.items()
        if end["place"] == f"{cluster}/service:{service['serviceName']}"
        and arn.startswith(prefix)
        and arn not in shown
        and _has_failed(end)
    ]
    return sorted(gone, key=lambda one: str(one["stopped_at"]), reverse=True)


def _has_failed(end: dict[str, Any]) -> bool:
    """Tell a failure from an end that somebody asked for; one for its health is the scheduler's."""
    return end["stop_code"] in FAILURES or "health checks" in (end["stopped_reason"] or "")


def _attempt(api: Api, service: dict[str, Any]) -> list[str]:
    """Return facts about the newest attempt at a service that is not simply successful."""
    where = {"cluster": service["clusterArn"], "service": service["serviceName"]}
    newest = api.ask("ecs", "ListServiceDeployments", **where, maxResults=1)["serviceDeployments"]
    if not newest or newest[0]["status"] == "SUCCESSFUL":
        return []
    arns = [newest[0]["serviceDeploymentArn"]]
    described = api.ask("ecs", "DescribeServiceDeployments", serviceDeploymentArns=arns)
    (attempt,) = described["serviceDeployments"]
    name = attempt["serviceDeploymentArn"].rpartition("/")[2]
    words = f"service deployment {name} is {attempt['status']}"
    if "lifecycleStage" in attempt:
        words += f" at {attempt['lifecycleStage']}"
    if "statusReason" in attempt:
        words += f": {attempt['statusReason']}"
    breaker = attempt["deploymentCircuitBreaker"]
    facts = [words]
    if breaker["status"] != "DISABLED":
        facts.append(
            f"its circuit breaker is {breaker['status']}: {breaker['failureCount']} of "
            f"{breaker['threshold']} failures"
        )
    return facts + [_hook(one) for one in attempt.get("lifecycleHookDetails", ())]


def _hook(hook: dict[str, Any]) -> str:
    target = hook.get("targetArn") or "a pause"
    words = f"lifecycle hook {hook['hookId']} ({target}) is {hook['status']}"
    if hook["status"] == "AWAITING_ACTION":
        words += ": it waits for ContinueServiceDeployment"
    return words


def _target_group(api: Api, name: str) -> list[str] | None:
    parameter = "TargetGroupArns.member.1" if name.startswith("arn:") else "Names.member.1"
    try:
        answer = api.query("elasticloadbalancing", "DescribeTargetGroups", **{parameter: name})
    except ApiError:
        return None  # no target group is called so
    arn = answer.findtext(".//TargetGroupArn") or ""
    health = api.query("elasticloadbalancing", "DescribeTargetHealth", TargetGroupArn=arn)
    check = answer.findtext(".//HealthCheckPath") or answer.findtext(".//HealthCheckProtocol")
    facts = [f"target group {answer.findtext('.//TargetGroupName')} checks {check}"]
    for target in health.iterfind(".//TargetHealthDescriptions/member"):
        words = (
            f"target {target.findtext('Target/Id')}:{target.findtext('Target/Port')} is "
            f"{target.findtext('TargetHealth/State')}"
        )
        reason = target.findtext("TargetHealth/Reason")
        if reason:
            words += f": {target.findtext('TargetHealth/Description')} ({reason})"
        facts.append(words)
    if len(facts) == 1:
        facts.append("it has no targets")
    return facts


def _balancer(api: Api, name: str) -> list[str] | None:
    parameter = "LoadBalancerArns.member.1" if name.startswith("arn:") else "Names.member.1"
    try:
        answer = api.query("elasticloadbalancing", "DescribeLoadBalancers", **{parameter: name})
    except ApiError:
        return None  # no load balancer is called so
    reason = answer.findtext(".//State/Reason")
    facts = [
        f"load balancer {answer.findtext('.//LoadBalancerName')} is "
        f"{answer.findtext('.//State/Code')}" + (f": {reason}" if reason else "")
    ]
    arn = answer.findtext(".//LoadBalancerArn") or ""
    groups = api.query("elasticloadbalancing", "DescribeTargetGroups", LoadBalancerArn=arn)
    for group in groups.iterfind(".//TargetGroups/member/TargetGroupArn"):
        facts += _target_group(api, group.text or "") or []
    return facts


def _host_faults(api: Api) -> list[str]:
    facts = []
    for host in api.inspect("hosts"):
        if not host["connected"]:
            facts.append(f"the agent on {host['name']} is away: states are those last heard")
        facts += [
            f"fault on {host['name']}: {part}: {words}" for part, words in host["faults"].items()
        ]
    return facts
