"""What ECS's operations need.

Source: Service Authorization Reference, Amazon ECS: actions, resource types, condition keys.
"""

from collections.abc import Iterator, Mapping

from ecsd.gateway.authorization.need import ANY, Asked, Need, spread, unique
from ecsd.store.finders.ecs import find_task_definition, short_name
from ecsd.store.finders.iam_caller import Keys

TASKS = "ecs-tasks.amazonaws.com"
SERVICE = "ecs.amazonaws.com"
FREE_NAMES = frozenset({"dockerLabels", "labels", "options", "driverOpts"})  # users' own members
TASK_ROLES = ("taskRoleArn", "executionRoleArn")
PASSING = frozenset(
    {"RegisterTaskDefinition", "RunTask", "StartTask", "CreateService", "UpdateService"}
)
# What each operation is about; those that are not here are about any resource.
ABOUT = spread(
    {
        "cluster": "DeleteCluster UpdateCluster UpdateClusterSettings PutClusterCapacityProviders "
        "ListContainerInstances DescribeClusters",
        "service": "CreateService UpdateService DeleteService DescribeServices "
        "ListServiceDeployments UpdateServicePrimaryTaskSet",
        "task": "StopTask DescribeTasks ExecuteCommand GetTaskProtection UpdateTaskProtection",
        "task-set": "DescribeTaskSets UpdateTaskSet DeleteTaskSet",
        "task-definition": "RunTask StartTask RegisterTaskDefinition DeleteTaskDefinitions",
        "container-instance": "DescribeContainerInstances",
    }
)
BY_ARN = {
    "DescribeServiceDeployments": "serviceDeploymentArns",
    "StopServiceDeployment": "serviceDeploymentArn",
    "ContinueServiceDeployment": "serviceDeploymentArn",
    "DescribeServiceRevisions": "serviceRevisionArns",
    "TagResource": "resourceArn",
    "UntagResource": "resourceArn",
    "ListTagsForResource": "resourceArn",
}
OF_NO_CLUSTER = ("cluster", "task-definition")  # what these are about is in no cluster
FURTHER_IN_CLUSTER = frozenset(
    {
        "CreateTaskSet",
        "ListContainerInstances",
        "ListServices",
        "ListTasks",
        "RunTask",
        "StartTask",
    }
)


def needs(asked: Asked) -> Iterator[Need]:
    """Yield what an operation of ECS needs."""
    action, context = f"ecs:{asked.operation}", _context(asked)
    for resource in unique(_resources(asked)):
        own = {**context, "ecs:service": (resource,)} if ":service/" in resource else context
        yield Need(action, resource, own)
    if asked.operation in PASSING:
        yield from _passed_roles(asked)


def _resources(asked: Asked) -> list[str]:
    name = asked.operation
    if name in BY_ARN:
        return asked.values(BY_ARN[name])
    match ABOUT.get(name):
        case "cluster":
            named = asked.values("cluster") + asked.values("clusters")
            return [_cluster(asked, one) for one in named or [""]]
        case "service":
            members = ("serviceName",) if name == "CreateService" else ("service", "services")
            return [_inside(asked, "service", one) for key in members for one in asked.values(key)]
        case "task":
            return _about_tasks(asked)
        case "task-set":
            return _about_task_sets(asked)
        case "task-definition" if name == "RegisterTaskDefinition":
            return [_arn(asked, f"task-definition/{asked.members.get('family', '')}:*")]
        case "task-definition":
            named = asked.values("taskDefinition") + asked.values("taskDefinitions")
            return [_task_definition(asked, one) for one in named]
        case "container-instance":
            named = asked.values("containerInstances")
            return [_inside(asked, "container-instance", one) for one in named]
        case _:
            return [ANY]


def _about_tasks(asked: Asked) -> list[str]:
    named = asked.values("task") + asked.values("tasks")
    tasks = [_inside(asked, "task", one) for one in named]
    if asked.operation == "ExecuteCommand":
        return [_cluster(asked, asked.members.get("cluster")), *tasks]
    return tasks


def _about_task_sets(asked: Asked) -> list[str]:
    service = asked.members.get("service", "")
    place = _inside(asked, "service", service).partition(":service/")[2]
    named = asked.values("taskSet") + asked.values("taskSets")
    return [
        one if one.startswith("arn:") else _arn(asked, f"task-set/{place}/{one}")
        for one in named or [ANY]
    ]


def _context(asked: Asked) -> Keys:
    keys: Keys = {}
    members = asked.members
    about = ABOUT.get(asked.operation, "cluster")
    if about not in OF_NO_CLUSTER or asked.operation in FURTHER_IN_CLUSTER:
        keys["ecs:cluster"] = (_cluster(asked, members.get("cluster")),)
    if asked.operation.endswith("TaskSet") or asked.operation == "DescribeTaskSets":
        keys["ecs:service"] = tuple(
            _inside(asked, "service", one) for one in asked.values("service")
        )
    if isinstance(members.get("taskDefinition"), str):
        keys["ecs:task-definition"] = (_task_definition(asked, members["taskDefinition"]),)
    if "enableExecuteCommand" in members:
        keys["ecs:enable-execute-command"] = (str(bool(members["enableExecuteCommand"])).lower(),)
    if asked.operation == "ExecuteCommand" and "container" in members:
        keys["ecs:container-name"] = (members["container"],)
    if asked.operation.startswith(("PutAccountSetting", "DeleteAccountSetting")):
        keys["ecs:account-setting"] = tuple(asked.values("name"))
    return keys


def _arn(asked: Asked, rest: str) -> str:
    return asked.arn("ecs", rest)


def _cluster(asked: Asked, reference: str | None) -> str:
    reference = reference or "default"
    name = short_name(reference, "cluster", asked.view)
    return reference if name is None else _arn(asked, f"cluster/{name}")


def _inside(asked: Asked, kind: str, reference: str) -> str:
    """Return the ARN of something in the request's cluster, however it is referred to."""
    name = short_name(reference, kind, asked.view)
    if name is None:
        return reference  # of another account, region or kind
    cluster = _cluster(asked, asked.members.get("cluster")).rpartition(":cluster/")[2]
    if reference.startswith("arn:") and "/" in name:
        return _arn(asked, f"{kind}/{name}")
    return _arn(asked, f"{kind}/{cluster}/{name.removeprefix(f'{cluster}/')}")


def _task_definition(asked: Asked, reference: str) -> str:
    """Return the ARN with its revision, so that ``web`` and ``web:3`` are the same thing."""
    found = find_task_definition(asked.view, reference)
    if found is not None:
        return found.arn
    name = short_name(reference, "task-definition", asked.view)
    return reference if name is None else _arn(asked, f"task-definition/{name}")


def _passed_roles(asked: Asked) -> Iterator[Need]:
    """Yield iam:PassRole for every role that the request hands to tasks or to ECS itself."""
    given = dict(_roles_in(asked.members))
    if asked.members.get("role"):
        given[asked.members["role"]] = SERVICE
    if asked.operation in ("RunTask", "StartTask"):
        given |= _roles_of_definition(asked)
    for role, service in given.items():
        arn = role
        if not role.startswith("arn:"):
            arn = asked.arn("iam", f"role/{role}", region=False)
        yield Need("iam:PassRole", arn, {"iam:passedtoservice": (service,)})


def _roles_of_definition(asked: Asked) -> dict[str, str]:
    found = find_task_definition(asked.view, str(asked.members.get("taskDefinition", "")))
    overrides = asked.members.get("overrides") or {}
    if found is None:
        return {}
    roles = (
        overrides.get("taskRoleArn") or found.task_role_arn,
        overrides.get("executionRoleArn") or found.execution_role_arn,
    )
    return {role: TASKS for role in roles if role}


def _roles_in(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for one in value:
            yield from _roles_in(one)
    if not isinstance(value, Mapping):
        return
    for name, inner in value.items():
        if name in TASK_ROLES and isinstance(inner, str) and inner:
            yield inner, TASKS
        elif name == "roleArn" and isinstance(inner, str) and inner:
            yield inner, SERVICE
        elif name not in FREE_NAMES:
            yield from _roles_in(inner)
