"""Plans of balancers, for tests of what HAProxy is told."""

from msgspec.structs import replace

from ecsd.decisions.haproxy.config import Limits, Place
from ecsd.decisions.haproxy.listener import compile_config
from ecsd.records.plan import (
    BalancerPlan,
    HealthCheckPlan,
    ListenerPlan,
    RulePlan,
    SniChoice,
    TargetGroupPlan,
    TargetPlan,
    TlsPlan,
)

GROUP = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/a/1"
OTHER = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/b/2"
ARN = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/web/1"
PLACE = Place(
    "/run/x",
    Limits(1000, 2, host_namespace="ecsd-host"),
    {("127.64.0.1", 80)},
    "/run/ecsd/haproxy/agent.sock",
)
CHECK = HealthCheckPlan(
    enabled=True,
    protocol="HTTP",
    port="traffic-port",
    path="/",
    interval=30,
    timeout=5,
    healthy_threshold=5,
    unhealthy_threshold=2,
    matcher="200",
)


def group(arn=GROUP, targets=("10.0.1.5",), **attributes):
    return TargetGroupPlan(
        target_group_arn=arn,
        name="a",
        protocol="HTTP",
        health_check=CHECK,
        targets=tuple(TargetPlan(target_id=one, address=one, port=8080) for one in targets),
        attributes={key.replace("__", "."): value for key, value in attributes.items()},
    )


def function_group(url, arn=GROUP, **attributes):
    function = TargetPlan(target_id="arn:aws:lambda:…:function:f", address=url, port=0)
    return replace(group(arn, (), **attributes), is_function=True, targets=(function,))


def forward(**weights):
    arns = {"a": GROUP, "b": OTHER}
    shares = [{"TargetGroupArn": arns[name], "Weight": w} for name, w in weights.items()]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": shares}}


def plan(*conditions, action=None, default=None, groups=None, attributes=None, world=True):
    rules = (
        RulePlan(
            rule_arn="r", priority=7, conditions=conditions, actions=(action or forward(a=1),)
        ),
    )
    return BalancerPlan(
        load_balancer_arn=ARN,
        name="web",
        dns_name="web-1.elb.localhost",
        vpc_id="vpc-1",
        addresses=("10.0.1.20", "10.0.2.20"),
        entrance="127.64.0.1",
        listeners=(
            ListenerPlan(
                listener_arn="arn:listener",
                port=80,
                protocol="HTTP",
                rules=rules if conditions else (),
                default_actions=(default or forward(a=1),),
                open_to_world=world,
            ),
        ),
        target_groups=groups or (group(),),
        attributes=attributes or {},
    )


def text(*args, used=(("10.0.1.5", 8080),), **more):
    return compile_config([plan(*args, **more)], {(ARN, GROUP): set(used)}, PLACE).text("/run/s")


SHOP = "arn:aws:acm:us-east-1:000000000000:certificate/shop"
LISTED = "arn:aws:acm:us-east-1:000000000000:certificate/listed"


def secure(*choices, policy="ELBSecurityPolicy-TLS13-1-2-2021-06", pem="PEM", **attributes):
    """The plan with its listener on HTTPS; choices: (ARN, names)."""
    made = plan(attributes={key.replace("__", "."): value for key, value in attributes.items()})
    tls = TlsPlan(
        ssl_policy=policy,
        default_certificate=SHOP,
        choices=tuple(SniChoice(certificate_arn=arn, names=names) for arn, names in choices),
    )
    listener = replace(made.listeners[0], protocol="HTTPS", port=443, tls=tls)
    arns = (SHOP, *(arn for arn, _ in choices))
    return replace(made, listeners=(listener,), certificates=dict.fromkeys(arns, pem))
