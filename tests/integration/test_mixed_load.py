"""Whatever is changed under a load of six protocols, nothing of it fails."""

from pathlib import Path

import pytest

from tests.integration.mixed_load import ECHO, Front, Mixed, converses

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

IMAGE = "ecsd/python:1"
HERE = Path(__file__).parent
PORTS = {"web": 8000, "calls": 8080, "flows": 9000}
DELAY = "4"  # seconds of deregistration: conversations take at most two


def definition(account, release):
    """Register a task that speaks everything: a container per kind, named after the release."""
    arguments = {
        "web": ("fake_web_target.py", [str(PORTS["web"]), release]),
        "calls": ("fake_h2_target.py", ["0.0.0.0", release]),
        "flows": ("fake_flow_target.py", [str(PORTS["flows"]), release]),
    }
    containers = [
        {
            "name": name,
            "image": IMAGE,
            "command": ["/usr/bin/python3", "-c", (HERE / program).read_text(), *words],
            "portMappings": [
                {"containerPort": PORTS[name], "protocol": protocol}
                for protocol in (("tcp", "udp") if name == "flows" else ("tcp",))
            ],
            "stopTimeout": 2,
        }
        for name, (program, words) in arguments.items()
    ]
    return account.ecs.register_task_definition(
        family="mixed",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="1024",  # three interpreters start: with less, no check finds them on a busy machine
        memory="2048",
        containerDefinitions=containers,
    )["taskDefinition"]["taskDefinitionArn"]


def target_group(account, name, **more):
    request = {"VpcId": account.vpc, "TargetType": "ip", "HealthCheckTimeoutSeconds": 2}
    request |= {"HealthCheckIntervalSeconds": 5, "HealthyThresholdCount": 2}
    arn = account.elbv2.create_target_group(Name=name, **request | more)["TargetGroups"][0][
        "TargetGroupArn"
    ]
    account.elbv2.modify_target_group_attributes(
        TargetGroupArn=arn,
        Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": DELAY}],
    )
    return arn


def forward(*groups):
    shares = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in groups]
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": shares}}]


class Served:
    """A service of three target groups behind a web balancer and a network balancer."""

    def __init__(self, account):
        self.account, elbv2 = account, account.elbv2
        account.network()
        everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        for group in (account.alb_group, account.task_group):
            account.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[everything])
        self.groups = {
            "web": target_group(account, "web", Protocol="HTTP", Port=PORTS["web"]),
            "calls": target_group(
                account, "calls", Protocol="HTTP", ProtocolVersion="GRPC", Port=PORTS["calls"]
            ),
            "flows": target_group(account, "flows", Protocol="TCP_UDP", Port=PORTS["flows"]),
        }
        balancers = {
            name: elbv2.create_load_balancer(
                Name=name, Subnets=account.public, SecurityGroups=[account.alb_group], Type=kind
            )["LoadBalancers"][0]
            for name, kind in (("web", "application"), ("flows", "network"))
        }
        self.web, self.flows = (balancers[name]["LoadBalancerArn"] for name in ("web", "flows"))
        self.names = {name: one["DNSName"] for name, one in balancers.items()}
        self.acm = account.client("acm")
        self.certificate = self.issued(self.names["web"])
        action = forward((self.groups["web"], 100))
        self.listeners = [
            elbv2.create_listener(LoadBalancerArn=self.web, DefaultActions=action, **one)[
                "Listeners"
            ][0]["ListenerArn"]
            for one in (
                {"Protocol": "HTTP", "Port": 80},
                {
                    "Protocol": "HTTPS",
                    "Port": 443,
                    "Certificates": [{"CertificateArn": self.certificate}],
                },
            )
        ]
        elbv2.create_listener(
            LoadBalancerArn=self.flows,
            Protocol="TCP_UDP",
            Port=PORTS["flows"],
            DefaultActions=forward((self.groups["flows"], 1)),
        )
        self.calls = self.rule(10, [ECHO], self.groups["calls"], listener=1)
        account.service(
            definition(account, "1"),
            loadBalancers=[
                {"targetGroupArn": arn, "containerName": name, "containerPort": PORTS[name]}
                for name, arn in self.groups.items()
            ],
        )
        account.steady()

    def issued(self, name):
        return self.acm.request_certificate(DomainName=name, ValidationMethod="DNS")[
            "CertificateArn"
        ]

    def rule(self, priority, paths, group, listener=0):
        return self.account.elbv2.create_rule(
            ListenerArn=self.listeners[listener],
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": paths}}],
            Actions=forward((group, 1)),
        )["Rules"][0]["RuleArn"]

    def front(self, ecsd):
        account = self.account
        addresses = []
        for name in ("web", "flows"):
            account.dns_name = self.names[name]
            addresses.append(account.entrance())
        return Front(self.names["web"], *addresses, ecsd.run("ca").stdout, PORTS["flows"])

    # ---------------------------------------------------------------- changes

    def deploys(self):
        self.update(taskDefinition=definition(self.account, "2"))

    def scales(self):
        for count in (4, 1, 2):
            self.update(desiredCount=count)

    def update(self, **changes):
        self.account.ecs.update_service(cluster="prod", service="web", **changes)
        self.account.steady()

    def changes_rules(self):
        elbv2, web = self.account.elbv2, self.groups["web"]
        added = [self.rule(20 + one, [f"/none{one}/*", "/long"], web) for one in range(3)]
        priorities = [
            {"RuleArn": arn, "Priority": 90 - one} for one, arn in enumerate((*added, self.calls))
        ]
        elbv2.set_rule_priorities(RulePriorities=priorities[:3])
        elbv2.modify_rule(RuleArn=added[0], Actions=forward((web, 7)))
        elbv2.modify_rule(RuleArn=self.calls, Actions=forward((self.groups["calls"], 7)))
        for arn in added:
            elbv2.delete_rule(RuleArn=arn)
        for listener in self.listeners:
            elbv2.modify_listener(ListenerArn=listener, DefaultActions=forward((web, 5)))

    def changes_certificates(self):
        elbv2, secure = self.account.elbv2, self.listeners[1]
        self.acm.renew_certificate(CertificateArn=self.certificate)
        more = [{"CertificateArn": self.issued("shop.test")}]
        elbv2.add_listener_certificates(ListenerArn=secure, Certificates=more)
        other = [{"CertificateArn": self.issued(self.names["web"])}]
        elbv2.modify_listener(ListenerArn=secure, Certificates=other)
        elbv2.remove_listener_certificates(ListenerArn=secure, Certificates=more)


def test_changes_of_every_kind_fail_nothing_that_is_under_way(ecsd, account):
    served = Served(account)
    front = served.front(ecsd)
    with front.clients() as clients:
        for client in clients.values():
            converses(client)
        with Mixed(clients) as load:
            for change in (
                served.changes_rules,
                served.changes_certificates,
                served.deploys,
                served.scales,
            ):
                change()
                load.goes_on()
    assert load.failures == []
    assert min(load.done.values()) >= 5
    assert load.answered == {None, "1", "2"}
