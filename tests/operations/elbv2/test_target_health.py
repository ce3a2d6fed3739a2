"""Targets registered and deregistered, and the health that is shown of them."""

import pytest
from msgspec.structs import replace

from ecsd.records.elbv2.target_group import Target

ARN = "TargetGroupArn"


def forward(arn: str) -> dict:
    return {"Type": "forward", ARN: arn}


@pytest.fixture
def health(elb):
    """Return id:port → (State, Reason) of a group's targets."""

    async def ask(arn: str, **request) -> dict:
        answer = await elb("DescribeTargetHealth", TargetGroupArn=arn, **request)
        return {
            f"{one['Target']['Id']}:{one['Target']['Port']}": (
                one["TargetHealth"]["State"],
                one["TargetHealth"].get("Reason"),
            )
            for one in answer["TargetHealthDescriptions"]
        }

    return ask


async def test_a_target_of_an_unused_group_is_unused_and_then_initial(
    elb, network, target_group, balancer, listener, health
):
    net = await network()
    arn = await target_group(net)
    await elb(
        "RegisterTargets", TargetGroupArn=arn, Targets=[{"Id": "10.0.0.9"}, {"Id": "10.0.2.9"}]
    )
    unused = ("unused", "Target.NotInUse")
    assert await health(arn) == {"10.0.0.9:80": unused, "10.0.2.9:80": unused}
    await listener((await balancer(net))["LoadBalancerArn"], forward(arn))
    # The third zone, where 10.0.2.0/24 lies, is not enabled for the balancer.
    initial = ("initial", "Elb.RegistrationInProgress")
    assert await health(arn) == {"10.0.0.9:80": initial, "10.0.2.9:80": unused}


async def test_a_healthy_target_has_a_state_only(
    elb, network, target_group, balancer, listener, store
):
    net = await network()
    arn = await target_group(net)
    await listener((await balancer(net))["LoadBalancerArn"], forward(arn))
    await elb("RegisterTargets", TargetGroupArn=arn, Targets=[{"Id": "10.0.0.9", "Port": 8080}])
    [(scope, target)] = store.everywhere(Target)
    async with store.transaction(scope) as change:
        change.put(replace(target, state="healthy", reason=None, description=None))
    answer = await elb("DescribeTargetHealth", TargetGroupArn=arn)
    assert answer["TargetHealthDescriptions"] == [
        {
            "Target": {"Id": "10.0.0.9", "Port": 8080, "AvailabilityZone": "us-east-1a"},
            "HealthCheckPort": "8080",
            "TargetHealth": {"State": "healthy"},
        }
    ]
    await elb("ModifyTargetGroup", TargetGroupArn=arn, HealthCheckPort="9000")
    answer = await elb("DescribeTargetHealth", TargetGroupArn=arn)
    assert answer["TargetHealthDescriptions"][0]["HealthCheckPort"] == "9000"


async def test_a_deregistered_target_drains_and_can_come_back(
    elb, network, target_group, balancer, listener, health
):
    net = await network()
    arn = await target_group(net)
    await listener((await balancer(net))["LoadBalancerArn"], forward(arn))
    target = {"Id": "10.0.0.9"}
    await elb("RegisterTargets", TargetGroupArn=arn, Targets=[target])
    await elb("DeregisterTargets", TargetGroupArn=arn, Targets=[target])
    assert await health(arn) == {"10.0.0.9:80": ("draining", "Target.DeregistrationInProgress")}
    await elb("RegisterTargets", TargetGroupArn=arn, Targets=[target])
    assert await health(arn) == {"10.0.0.9:80": ("initial", "Elb.RegistrationInProgress")}


async def test_without_a_port_the_groups_port_is_meant(elb, network, target_group, health):
    arn = await target_group(await network())
    ports = [{"Id": "10.0.0.9", "Port": port} for port in (80, 81)]
    await elb("RegisterTargets", TargetGroupArn=arn, Targets=ports)
    await elb("DeregisterTargets", TargetGroupArn=arn, Targets=[{"Id": "10.0.0.9"}])
    states = {target: state for target, (state, _) in (await health(arn)).items()}
    assert states == {"10.0.0.9:80": "draining", "10.0.0.9:81": "unused"}


async def test_one_that_nobody_registered_is_told_so(elb, network, target_group, health):
    arn = await target_group(await network())
    await elb("DeregisterTargets", TargetGroupArn=arn, Targets=[{"Id": "10.0.0.7"}])
    assert await health(arn, Targets=[{"Id": "10.0.0.7"}]) == {
        "10.0.0.7:80": ("unused", "Target.NotRegistered")
    }


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ({"Id": "i-0123456789abcdef0"}, "ValidationError"),
        ({"Id": "192.168.0.1"}, "InvalidTarget"),
        ({"Id": "10.0.200.1"}, "InvalidTarget"),
        ({"Id": "10.0.0.9", "AvailabilityZone": "us-east-1b"}, "InvalidTarget"),
        ({"Id": "10.0.0.9", "QuicServerId": "0x1"}, "ValidationError"),
    ],
)
async def test_what_could_never_be_reached_is_refused(
    target, code, network, target_group, refused, health
):
    arn = await target_group(await network())
    wanted = [{"Id": "10.0.0.8"}, target]
    assert (await refused("RegisterTargets", TargetGroupArn=arn, Targets=wanted))[0] == code
    assert await health(arn) == {}


async def test_there_are_no_instances_to_register(network, target_group, refused):
    arn = await target_group(await network(), TargetType="instance")
    targets = [{"Id": "i-0123456789abcdef0"}]
    code, words = await refused("RegisterTargets", TargetGroupArn=arn, Targets=targets)
    assert (code, "i-0123456789abcdef0" in words) == ("InvalidTarget", True)


async def test_a_group_has_at_most_a_thousand_targets(elb, network, target_group, refused, health):
    arn = await target_group(await network())
    targets = [{"Id": "10.0.0.9", "Port": port} for port in range(1, 1002)]
    await elb("RegisterTargets", TargetGroupArn=arn, Targets=targets[:1000])
    code, _ = await refused("RegisterTargets", TargetGroupArn=arn, Targets=targets[1000:])
    assert code == "TooManyTargets"
    assert len(await health(arn)) == 1000


async def test_anomalies_are_not_told(network, target_group, refused):
    arn = await target_group(await network())
    code, words = await refused("DescribeTargetHealth", TargetGroupArn=arn, Include=["All"])
    assert (code, "Include" in words) == ("ValidationError", True)
