"""One load balancer, two target groups, two listeners, as several tests store them."""

from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer
from ecsd.records.elbv2.target_group import HealthCheck, TargetGroup
from ecsd.store.finders.elbv2 import DEFAULT_RULE

GROUP = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/web/1"
OTHER_GROUP = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/web/2"
BALANCER = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/web/1"
LISTENER = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/web/1/1"
TEST_LISTENER = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/web/1/2"
RULE, TEST_RULE = (
    f"{arn.replace(':listener/', ':listener-rule/')}/{DEFAULT_RULE}"
    for arn in (LISTENER, TEST_LISTENER)
)


def load_balancer(created_at, scheme="internet-facing"):
    """An application load balancer in VPC vpc-1, of no zones and no security groups."""
    return LoadBalancer(
        load_balancer_arn=BALANCER,
        name="web",
        dns_name="web-1.elb.localhost",
        scheme=scheme,
        type="application",
        ip_address_type="ipv4",
        vpc_id="vpc-1",
        zones=(),
        security_groups=(),
        entrance="127.64.0.1",
        created_at=created_at,
    )


def target_group(arn, delay):
    """A group of IP targets."""
    return TargetGroup(
        target_group_arn=arn,
        name="web",
        protocol="HTTP",
        protocol_version="HTTP1",
        port=80,
        vpc_id="vpc-1",
        target_type="ip",
        health_check=HealthCheck(),
        attributes={"deregistration_delay.timeout_seconds": str(delay)},
    )


def listener(arn, port):
    """A listener that forwards to both groups, all of it to the first."""
    shares = [
        {"TargetGroupArn": GROUP, "Weight": 100},
        {"TargetGroupArn": OTHER_GROUP, "Weight": 0},
    ]
    return Listener(
        listener_arn=arn,
        load_balancer_arn=BALANCER,
        port=port,
        protocol="HTTP",
        default_actions=({"Type": "forward", "ForwardConfig": {"TargetGroups": shares}},),
        target_group_arns=(GROUP, OTHER_GROUP),
    )
