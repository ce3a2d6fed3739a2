"""Bad input for every ECS operation, made from the model: one thing wrong at a time.

Each member that is required is left out, each one is sent in another type, beyond its limits or
beside one that does not exist: AWS's refusal names it, and nothing is stored.
"""

import asyncio
import copy
import json

import pytest
from botocore_judge import Values
from test_fuzz import MODELS, OPERATIONS, another_world

ECS = [name for service, name in OPERATIONS if service == "ecs"]
OF_ANOTHER_TYPE = {"structure": [1], "map": [1]}  # the rest: {"a": 1}
REFUSED = ("SerializationException", "ClientException", "InvalidParameterException")
REFUSED += ("ValidationException",)


def full_request(name):
    """Return a request that the model allows, with every member."""
    shape = MODELS["ecs"].operation_model(name).input_shape
    return Values(7).of(shape, full=True), shape


def places(value, shape, path=()):
    """Yield every structure of a request: its path, its value, its shape."""
    if getattr(shape, "is_document_type", False):
        return  # anything may be in there
    if shape.type_name == "structure":
        yield path, value, shape
        for name, member in value.items():
            yield from places(member, shape.members[name], (*path, name))
    elif shape.type_name == "list":
        for number, item in enumerate(value[:1]):
            yield from places(item, shape.member, (*path, number))
    elif shape.type_name == "map":
        for key, item in list(value.items())[:1]:
            yield from places(item, shape.value, (*path, key))


def spoiled(request, path, change):
    """Return a copy of a request in which the structure at a path is changed."""
    copied = copy.deepcopy(request)
    inner = copied
    for step in path:
        inner = inner[step]
    change(inner)
    return copied


def without(name):
    return lambda structure: structure.pop(name)


def having(name, value):
    return lambda structure: structure.update({name: value})


def spoilings(name):
    """Yield what is wrong, in a word, the member that has to be named, and the request."""
    request, shape = full_request(name)
    for path, value, inside in places(request, shape):
        yield "unknown", "noSuchMember", spoiled(request, path, having("noSuchMember", "x"))
        for member in value:
            of = inside.members[member]
            if member in inside.required_members:
                yield "missing", member, spoiled(request, path, without(member))
            if not getattr(of, "is_document_type", False):
                wrong = OF_ANOTHER_TYPE.get(of.type_name, {"a": 1})
                yield "of another type", member, spoiled(request, path, having(member, wrong))
            for words, bad in out_of_range(of):
                yield words, member, spoiled(request, path, having(member, bad))


def out_of_range(shape):
    """Yield values of the right type that the model does not allow."""
    limits = shape.metadata
    if shape.type_name == "string" and shape.enum:
        yield "no such value", "NO_SUCH_VALUE"
    elif shape.type_name == "string":
        if limits.get("max"):
            yield "too long", "x" * (limits["max"] + 1)
        if limits.get("min"):
            yield "too short", ""
    elif shape.type_name in {"integer", "long"}:
        yield "beyond its type", 2**63
        yield "no whole number", 1.5
        for side, step in (("min", -1), ("max", 1)):
            if side in limits:
                yield f"beyond its {side}", limits[side] + step


@pytest.mark.parametrize("name", ECS)
def test_one_thing_wrong_is_refused_by_its_name_and_nothing_is_stored(name):
    world = another_world()

    async def scenario():
        wrong, asked = [], 0
        for words, member, request in spoilings(name):
            body = json.dumps(request, default=lambda moment: moment.timestamp()).encode()
            answer = await world.refuses_or_answers("ecs", name, body)
            asked += 1
            told = answer.body.decode()
            code = answer.json().get("__type", "").rpartition("#")[2]
            if answer.status != 400 or code not in REFUSED or member not in told:
                wrong.append((words, member, answer.status, told[:200]))
        assert wrong == []
        assert asked

    asyncio.run(scenario())


CLUSTER = "arn:aws:ecs:us-east-1:000000000000:cluster/"
SERVICE = "arn:aws:ecs:us-east-1:000000000000:service/default/"
TASK = f"arn:aws:ecs:us-east-1:000000000000:task/default/{'0' * 32}"
DEPLOYMENT = "arn:aws:ecs:us-east-1:000000000000:service-deployment/default/web/none"
NETWORK = {"awsvpcConfiguration": {"subnets": ["{subnet-}"]}}
RUN = {"taskDefinition": "web", "launchType": "FARGATE", "networkConfiguration": NETWORK}
CREATE = {"serviceName": "new", "desiredCount": 1, **RUN}
WEB = {"cluster": "default", "service": "web"}
SETS = {**WEB, "taskDefinition": "web"}
# By operation: a request that would be answered, as far as its references go.
REFERRING = {
    "ContinueServiceDeployment": {"serviceDeploymentArn": DEPLOYMENT, "hookId": "h"},
    "CreateService": CREATE,
    "CreateTaskSet": SETS,
    "DeleteCluster": {"cluster": "default"},
    "DeleteService": {"service": "web"},
    "DeregisterTaskDefinition": {"taskDefinition": "web:1"},
    "DescribeCapacityProviders": {"cluster": "default"},
    "DescribeTaskDefinition": {"taskDefinition": "web"},
    "DeleteTaskSet": {**WEB, "taskSet": "ts-1"},
    "DescribeContainerInstances": {"containerInstances": ["a"]},
    "DescribeServices": {"services": ["web"]},
    "DescribeTaskSets": WEB,
    "DescribeTasks": {"tasks": [TASK]},
    "ExecuteCommand": {"task": TASK, "command": "sh", "interactive": True},
    "GetTaskProtection": {},
    "ListContainerInstances": {},
    "ListServiceDeployments": {"service": "web"},
    "ListServices": {},
    "ListTasks": {},
    "PutClusterCapacityProviders": {
        "cluster": "default",
        "capacityProviders": [],
        "defaultCapacityProviderStrategy": [],
    },
    "RunTask": RUN,
    "StopServiceDeployment": {"serviceDeploymentArn": DEPLOYMENT},
    "StopTask": {"task": TASK},
    "UpdateCluster": {"cluster": "default"},
    "UpdateClusterSettings": {
        "cluster": "default",
        "settings": [{"name": "containerInsights", "value": "disabled"}],
    },
    "UpdateService": {"service": "web"},
    "UpdateServicePrimaryTaskSet": {**WEB, "primaryTaskSet": "ts-1"},
    "UpdateTaskProtection": {"tasks": [TASK], "protectionEnabled": True},
    "UpdateTaskSet": {
        **WEB,
        "taskSet": "ts-1",
        "scale": {"value": 1, "unit": "PERCENT"},
    },
}
NO_CLUSTER, NO_SERVICE = "ClusterNotFoundException", "ServiceNotFoundException"
NO_DEFINITION = {"ClientException", "InvalidParameterException"}
# What each kind of reference answers when nothing is there; Describe* answers with failures.
MISSING = {
    "cluster": (("none", f"{CLUSTER}none"), {NO_CLUSTER}),
    "service": (("none", f"{SERVICE}none"), {NO_SERVICE}),
    "taskDefinition": (("none", "web:7"), NO_DEFINITION),
    "task": (("0" * 32, TASK), {"InvalidParameterException"}),
    "taskSet": (("ts-1",), {"TaskSetNotFoundException", "InvalidParameterException"}),
    "primaryTaskSet": (("ts-1",), {"TaskSetNotFoundException", "InvalidParameterException"}),
    "serviceDeploymentArn": ((DEPLOYMENT,), {"ServiceDeploymentNotFoundException"}),
}
OF_ANOTHER_KIND = {
    "cluster": TASK,
    "service": TASK,
    "task": f"{CLUSTER}default",
    "taskDefinition": f"{CLUSTER}default",
    "serviceDeploymentArn": TASK,
}


def test_every_operation_that_refers_to_something_is_asked():
    model = MODELS["ecs"]
    referring = {
        name for name in ECS if set(model.operation_model(name).input_shape.members) & set(MISSING)
    }
    assert referring - set(REFERRING) == set()


def references():
    """Yield each reference of each operation, what it names, and the codes for that."""
    for name, request in REFERRING.items():
        members = MODELS["ecs"].operation_model(name).input_shape.members
        for member, (values, codes) in MISSING.items():
            if member not in members:
                continue
            for value in values:
                yield pytest.param(name, {**request, member: value}, codes, id=f"{name}-{value}")
            other = OF_ANOTHER_KIND.get(member)
            if other is not None:
                both = {*codes, "InvalidParameterException", "ClientException"}
                yield pytest.param(name, {**request, member: other}, both, id=f"{name}-{other}")


@pytest.mark.parametrize(("name", "request_", "codes"), [*references()])
def test_what_is_not_there_is_refused_in_awss_words(name, request_, codes):
    world = another_world()

    async def scenario():
        body = json.dumps(world.named(request_)).encode()
        before = world.store.revision
        answer = await world.client.aws("ecs", name, body)
        assert answer.status == 400, answer
        assert answer.json()["__type"].rpartition("#")[2] in codes, answer
        assert answer.json()["message"]
        assert world.store.revision == before

    asyncio.run(scenario())
