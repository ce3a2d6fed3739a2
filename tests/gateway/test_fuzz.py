"""Nonsense for every operation that is registered: always an answer, never a 5xx, nothing stored.

New operations are covered as soon as they are registered.
"""

import asyncio
import json
import re
from functools import cache
from urllib.parse import quote

import pytest
from botocore_judge import Values, compile_models, model_of, request_by
from gateway_client import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from ecsd.operations.load import load_operations
from ecsd.store.backend import MemoryBackend
from ecsd.store.store import Store

ALLOW = {"Effect": "Allow", "Action": "sts:AssumeRole"}
TASKS = {"Principal": {"Service": "ecs-tasks.amazonaws.com"}}
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{**ALLOW, **TASKS}]})
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{**ALLOW, "Resource": "*"}]})
OPERATIONS = sorted(load_operations())
MODELS = {service: model_of(service) for service, _ in OPERATIONS}
# What a world holds before it gets nonsense; {vpc-} is the last name with
# that in it, {subnet-0} the first. Operations that are not registered are left out.
CONTAINER = {"name": "c", "image": "i", "memory": 64, "portMappings": [{"containerPort": 80}]}
NETWORK = {"awsvpcConfiguration": {"subnets": ["{subnet-}"], "securityGroups": ["{sg-}"]}}
ZONE_B = "us-east-1b"
SUBNET = {"VpcId": "{vpc-}", "AvailabilityZone": "us-east-1a"}
FIXED = {"StatusCode": "200"}
WORLD = [
    ("ec2", "CreateVpc", {"CidrBlock": "10.0.0.0/16"}),
    ("ec2", "CreateSubnet", {**SUBNET, "CidrBlock": "10.0.1.0/24"}),
    ("ec2", "CreateSubnet", {**SUBNET, "CidrBlock": "10.0.2.0/24", "AvailabilityZone": ZONE_B}),
    ("ec2", "CreateSecurityGroup", {"VpcId": "{vpc-}", "GroupName": "web", "Description": "d"}),
    ("ec2", "CreateInternetGateway", {}),
    ("ec2", "AttachInternetGateway", {"VpcId": "{vpc-}", "InternetGatewayId": "{igw-}"}),
    ("ec2", "CreateRouteTable", {"VpcId": "{vpc-}"}),
    ("ec2", "AssociateRouteTable", {"SubnetId": "{subnet-}", "RouteTableId": "{rtb-}"}),
    ("ec2", "AllocateAddress", {"Domain": "vpc"}),
    ("ec2", "CreateNetworkInterface", {"SubnetId": "{subnet-}"}),
    (
        "elbv2",
        "CreateTargetGroup",
        {"Name": "web", "Protocol": "HTTP", "Port": 80, "VpcId": "{vpc-}"},
    ),
    ("elbv2", "CreateLoadBalancer", {"Name": "web", "Subnets": ["{subnet-0}", "{subnet-}"]}),
    ("iam", "CreateRole", {"RoleName": "role", "AssumeRolePolicyDocument": TRUST}),
    ("iam", "CreatePolicy", {"PolicyName": "web", "PolicyDocument": POLICY}),
    ("iam", "CreateInstanceProfile", {"InstanceProfileName": "web"}),
    ("logs", "CreateLogGroup", {"logGroupName": "lines"}),
    ("logs", "CreateLogStream", {"logGroupName": "lines", "logStreamName": "web"}),
    ("servicediscovery", "CreatePrivateDnsNamespace", {"Name": "web", "Vpc": "{vpc-}"}),
    ("servicediscovery", "ListNamespaces", {}),
    (
        "servicediscovery",
        "CreateService",
        {
            "Name": "web",
            "NamespaceId": "{ns-}",
            "DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 1}]},
            "HealthCheckCustomConfig": {},
        },
    ),
    (
        "servicediscovery",
        "RegisterInstance",
        {
            "ServiceId": "{srv-}",
            "InstanceId": "web",
            "Attributes": {"AWS_INSTANCE_IPV4": "10.0.1.9"},
        },
    ),
    ("ecs", "CreateCluster", {"clusterName": "default"}),
    (
        "ecs",
        "RegisterTaskDefinition",
        {
            "family": "web",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": [CONTAINER],
        },
    ),
    (
        "elbv2",
        "CreateListener",
        {
            "LoadBalancerArn": "{:loadbalancer/}",
            "Protocol": "HTTP",
            "Port": 80,
            "DefaultActions": [{"Type": "fixed-response", "FixedResponseConfig": FIXED}],
        },
    ),
    (
        "ecs",
        "CreateService",
        {
            "serviceName": "web",
            "taskDefinition": "web",
            "desiredCount": 1,
            "launchType": "FARGATE",
            "networkConfiguration": NETWORK,
        },
    ),
    (
        "ecs",
        "RunTask",
        {"taskDefinition": "web", "launchType": "FARGATE", "networkConfiguration": NETWORK},
    ),
]
STRINGS = [
    "",
    " ",
    "default",
    "web",
    "web:1",
    "lines",
    "role",
    "*",
    "::::",
    "arn:aws:ecs",
    "arn:aws:ecs:us-east-1:000000000000:cluster/default",
    "arn:aws:ecs:us-east-1:000000000000:task-definition/web:1",
    "arn:aws:ecs:eu-west-9:1:service/a/b/c/d",
    "arn:aws:iam::000000000000:role/role",
    "10.0.0.0/16",
    "10.0.0.0/99",
    "300.1.1.1",
    "vpc-0",
    "-1",
    "99999999999999999999",
    "{}",
    TRUST,
    POLICY,
    "[",
    "name=x",
    "é\u200b\U0001f600",
    "../../etc/passwd",
    "x" * 300,
]
IDS = re.compile(
    r"(?:arn:aws:[^\"<\s]+)|(?:\b[a-z]+-[0-9a-f]{17}\b)|(?:\b(?:ns|srv)-[a-z0-9]{16}\b)"
)
every_operation = pytest.mark.parametrize(
    ("service", "name"),
    [pytest.param(service, name, id=f"{service}-{name}") for service, name in OPERATIONS],
)
HINTS = {
    "vpcid": "vpc-",
    "namespaceid": "ns-",
    "serviceid": "srv-",
    "subnetid": "subnet-",
    "securitygroupid": "sg-",
    "groupid": "sg-",
    "networkinterfaceid": "eni-",
    "internetgatewayid": "igw-",
    "routetableid": "rtb-",
    "allocationid": "eipalloc-",
    "loadbalancerarn": ":loadbalancer/",
    "targetgrouparn": ":targetgroup/",
    "listenerarn": ":listener/",
    "arntype": ":policy/",
    "rolename": "role",
    "cidr": "10.0.",
    "policydocument": "Statement",
    "loggroup": "lines",
    "logstream": "web",
}
JUNK = st.sampled_from(
    [None, True, False, 0, -1, 2**31, 2**63, 1.5, 1e300, "", "x", [], [[]], [None], {}, {"a": {}}]
)
HUGE = "h" * 1_000_000


class Guesses(Values):
    """Values that pass the model's checks now and then, and name what may exist."""

    def __init__(self, seed, known):
        super().__init__(seed)
        self.strings = (*STRINGS, *known)

    def _structure(self, shape, above, full):
        out = super()._structure(shape, above, full)
        for name in [name for name in out if name not in shape.required_members]:
            if name == "DryRun" or (not full and self.random.random() < 0.5):
                del out[name]  # few members at a time combine better
        return out

    def _string(self, shape, _above=(), _full=False):
        if shape.enum:
            return self.random.choice([*shape.enum, *shape.enum, "MOON"])
        limits = shape.metadata
        bounds = limits.get("min", 0), limits.get("max"), limits.get("pattern", "")
        hinted, fitting = candidates(self.strings, shape.name.lower(), *bounds)
        if hinted and self.random.random() < 0.7:
            return self.random.choice(hinted)
        wild = not fitting or self.random.random() < 0.1
        return self.random.choice(self.strings if wild else fitting)


@cache
def candidates(strings, shape, low, high, pattern):
    """What the model allows there, what it is named after first."""
    fitting = [text for text in strings if meets(low, high, pattern, text)]
    return [text for text in fitting if named_like(shape, text)], fitting


def named_like(shape, text):
    """Whether the text is an id or ARN of what the shape is named after."""
    for word, mark in HINTS.items():
        if word in shape:
            return mark in text
    return False


def meets(low, high, pattern, text):
    if len(text) < low or (high is not None and len(text) > high):
        return False
    return not pattern or re.fullmatch(compile_models.translate_pattern(pattern), text) is not None


class World:
    """A store with a little in it, behind the gateway."""

    def __init__(self, rows=(), known=()):
        self.backend = MemoryBackend(rows)
        self.store = Store.open(self.backend)
        self.client = Client(self.store)
        self.known = list(known)

    async def build(self):
        for service, name, members in WORLD:
            if (service, name) in OPERATIONS:
                body = body_of(service, name, self.named(members))
                answer = await self.client.aws(service, name, body)
                assert answer.status == 200, (name, answer)
                for found in IDS.findall(answer.body.decode()):
                    if found not in self.known:
                        self.known.append(found)
        return self

    def named(self, value):
        """The value with {vpc} and the like filled in."""
        if isinstance(value, dict):
            return {name: self.named(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.named(item) for item in value]
        if not isinstance(value, str) or not re.fullmatch("{[^ ]+}", value):
            return value
        mark = value.strip("{}").removesuffix("0")
        inside = ":" in mark  # an ARN
        fitting = [one for one in self.known if (mark in one if inside else one.startswith(mark))]
        return fitting[0 if "0" in value else -1]

    async def refuses_or_answers(self, service, name, body):
        before = self.store.revision
        answer = await self.client.aws(service, name, body)
        assert answer.status < 500, (answer, body[:2000])
        if answer.status >= 400:
            assert self.store.revision == before, ("refused, yet stored", answer, body[:2000])
        return answer


@cache
def first_world():
    return asyncio.run(World().build())


def another_world():
    """A world like the first, of its own."""
    first = first_world()
    return World(first.backend.rows.values(), first.known)


def protocol_of(model):
    """JSON where the service speaks it: what can be spoiled by hand."""
    known = model.metadata["protocols"]
    return "json" if "json" in known else known[0]


def body_of(service, name, members):
    model = MODELS[service]
    protocol = protocol_of(model)
    body = request_by(protocol, model, model.operation_model(name), members).body
    return body if protocol == "json" else form_body(fields_of(body))


def fields_of(body):
    pairs = [pair.partition("=") for pair in body.decode().split("&")]
    return {name: value for name, _, value in pairs if name not in ("Action", "Version")}


def form_body(fields):
    return "&".join(f"{name}={value}" for name, value in fields.items()).encode()


def spoil_plain(value, draw, junk):
    """Replace, remove or add something somewhere inside."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(value)))
        return {**value, name: spoil_plain(value[name], draw, junk)}
    if isinstance(value, list) and value and draw(st.booleans()):
        return [spoil_plain(value[0], draw, junk), *value[1:]]
    if isinstance(value, dict) and draw(st.booleans()):
        if value and draw(st.booleans()):
            gone = draw(st.sampled_from(sorted(value)))
            return {name: item for name, item in value.items() if name != gone}
        return {**value, "unknownMember": junk}
    return junk


def spoil_form(fields, draw, junk):
    text = quote(str(junk))
    names = sorted(fields)
    if not names:
        return {"Unknown": text}
    name = draw(st.sampled_from(names))
    kind = draw(st.sampled_from(["replace", "remove", "deepen", "add", "bytes"]))
    changes = {
        "replace": {name: text},
        "remove": {name: None},
        "deepen": {f"{name}.1.x": text},
        "add": {"Unknown.member.1": text},
        "bytes": {name: "%ff%00"},
    }
    return {key: value for key, value in {**fields, **changes[kind]}.items() if value is not None}


def nonsense(service, name, known, draw):
    """A body: a well-formed guess, or one that was spoiled."""
    model = MODELS[service]
    operation = model.operation_model(name)
    values = Guesses(draw(st.integers(0, 2**20)), known)
    shape = operation.input_shape
    members = values.of(shape, full=draw(st.booleans())) if shape else {}
    body = body_of(service, name, members)
    for _ in range(draw(st.integers(0, 2))):
        junk = draw(JUNK)
        if protocol_of(model) == "json":
            body = json.dumps(spoil_plain(json.loads(body), draw, junk)).encode()
        else:
            body = form_body(spoil_form(fields_of(body), draw, junk))
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(body)))
        body = body[:at] + draw(st.binary(min_size=1, max_size=4)) + body[at:]
    return body


@every_operation
@settings(max_examples=20)
@given(drawn=st.data())
def test_nonsense_is_refused_and_nothing_is_stored(service, name, drawn):
    world = another_world()

    async def scenario():
        await world.refuses_or_answers(
            service, name, nonsense(service, name, world.known, drawn.draw)
        )

    asyncio.run(scenario())


@every_operation
def test_a_megabyte_in_any_string_is_no_server_error(service, name):
    world = another_world()
    operation = MODELS[service].operation_model(name)
    shape = operation.input_shape

    async def scenario():
        for member in list(shape.members)[:8] if shape else ():
            members = Guesses(1, world.known).of(shape, full=True)
            grown = {**members, member: grow(members.get(member))}
            await world.refuses_or_answers(service, name, body_of(service, name, grown))

    asyncio.run(scenario())


def grow(value):
    """The same value with its first string made huge."""
    if isinstance(value, str):
        return HUGE
    if isinstance(value, list):
        return [grow(item) for item in value]
    if isinstance(value, dict):
        return {name: grow(item) for name, item in value.items()}
    return value


@every_operation
def test_empty_and_broken_bodies_are_no_server_error(service, name):
    world = another_world()

    async def scenario():
        for body in (b"", b"{}", b"\xff\xfe", b"[" * 2000, b"a.b=c&a=b&a.b.1=2", b"=&=&&"):
            await world.refuses_or_answers(service, name, body)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("service", "name", "members"),
    [
        (
            "ec2",
            "UpdateSecurityGroupRuleDescriptionsEgress",
            {"GroupId": "{sg-}", "SecurityGroupRuleDescriptions": [{"Description": "d"}]},
        ),
    ],
)
def test_what_failed_once_is_refused_now(service, name, members):
    world = another_world()
    body = body_of(service, name, world.named(members))
    assert asyncio.run(world.refuses_or_answers(service, name, body)).status == 400


def test_every_registered_operation_is_in_its_model():
    for service, name in OPERATIONS:
        assert name in MODELS[service].operation_names, f"{service}:{name}"
