"""The guide's sample, made by boto3: VPC, load balancer, cluster, service; and its tearing down."""

import http.client
import json
import socket
import ssl
import threading
import time
from contextlib import contextmanager

IMAGE = "ecsd/sample-app:1"
SECONDS = 60.0
ASSUME = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


def eventually(look, seconds=SECONDS, every=0.05):
    """Return the first truthy value of ``look()``, or fail with the last one."""
    deadline = time.monotonic() + seconds
    while True:
        value = look()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {value!r}"
        time.sleep(every)


class Account:
    """One account's clients, and verbs for what tests need."""

    def __init__(self, client, number):
        self.number = number
        self.ec2, self.elbv2, self.ecs = client("ec2"), client("elbv2"), client("ecs")
        self.iam, self.logs, self.client = client("iam"), client("logs"), client
        self.vpc = self.balancer = self.group = None
        self.trust = None  # PEM of the root with which the balancer is asked by TLS

    # ---------------------------------------------------------------- making

    def network(self, cidr="10.0.0.0/16"):
        """A VPC with two public and two private subnets, and two security groups."""
        self.vpc = self.ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
        prefix = cidr.rsplit(".", 2)[0]
        self.public, self.private = [], []
        for number, zone in enumerate("ab"):
            for subnets, offset in ((self.public, 0), (self.private, 10)):
                made = self.ec2.create_subnet(
                    VpcId=self.vpc,
                    CidrBlock=f"{prefix}.{offset + number}.0/24",
                    AvailabilityZone=f"us-east-1{zone}",
                )
                subnets.append(made["Subnet"]["SubnetId"])
        self.alb_group = self.security_group("alb", [{"CidrIp": "0.0.0.0/0"}])
        self.task_group = self.security_group("tasks", groups=[self.alb_group])

    def security_group(self, name, ranges=(), groups=(), port=80):
        group = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)
        permission = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
        if ranges:
            permission["IpRanges"] = list(ranges)
        if groups:
            permission["UserIdGroupPairs"] = [{"GroupId": one} for one in groups]
        if ranges or groups:
            self.ec2.authorize_security_group_ingress(
                GroupId=group["GroupId"], IpPermissions=[permission]
            )
        return group["GroupId"]

    def admit(self, port):
        """Let everybody reach a port of the load balancer."""
        self.ec2.authorize_security_group_ingress(
            GroupId=self.alb_group, IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp="0.0.0.0/0"
        )

    def load_balancer(self, name="web", delay=2, interval=5, port=80, **check):
        """An ALB with a listener on a port and a target group behind it."""
        made = self.elbv2.create_load_balancer(
            Name=name, Subnets=self.public, SecurityGroups=[self.alb_group]
        )["LoadBalancers"][0]
        self.balancer, self.dns_name = made["LoadBalancerArn"], made["DNSName"]
        self.group = self.target_group(name, delay, interval, **check)
        self.listener = self.elbv2.create_listener(
            LoadBalancerArn=self.balancer,
            Protocol="HTTP",
            Port=port,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.group}],
        )["Listeners"][0]["ListenerArn"]

    def target_group(self, name, delay=2, interval=5, **check):
        defaults = {
            "HealthCheckPath": "/health",
            "HealthCheckIntervalSeconds": interval,
            "HealthCheckTimeoutSeconds": 2,
            "HealthyThresholdCount": 2,
            "UnhealthyThresholdCount": 2,
        }
        arn = self.elbv2.create_target_group(
            Name=name,
            Protocol="HTTP",
            Port=80,
            VpcId=self.vpc,
            TargetType="ip",
            **(defaults | check),
        )["TargetGroups"][0]["TargetGroupArn"]
        self.elbv2.modify_target_group_attributes(
            TargetGroupArn=arn,
            Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)}],
        )
        return arn

    def register(self, family="web", image=IMAGE, release="1", **container):
        """A Fargate definition of the sample app; returns its ARN."""
        definition = {
            "name": "app",
            "image": image,
            "portMappings": [{"containerPort": 80}],
            "environment": [{"name": "RELEASE", "value": release}],
            "stopTimeout": 5,
        }
        return self.ecs.register_task_definition(
            family=family,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            executionRoleArn=f"arn:aws:iam::{self.number}:role/execution",
            containerDefinitions=[definition | container],
        )["taskDefinition"]["taskDefinitionArn"]

    def service(self, definition, desired=2, balanced=True, **more):
        """A service of the sample app in cluster ``prod``."""
        self.ecs.create_cluster(clusterName="prod")
        request = {
            "cluster": "prod",
            "serviceName": "web",
            "taskDefinition": definition,
            "desiredCount": desired,
            "launchType": "FARGATE",
            "networkConfiguration": {
                "awsvpcConfiguration": {
                    "subnets": self.private,
                    "securityGroups": [self.task_group],
                }
            },
        }
        if balanced:
            request["loadBalancers"] = [
                {"targetGroupArn": self.group, "containerName": "app", "containerPort": 80}
            ]
            request["healthCheckGracePeriodSeconds"] = 0
        return self.ecs.create_service(**(request | more))["service"]

    # ---------------------------------------------------------------- looking

    def described(self):
        return self.ecs.describe_services(cluster="prod", services=["web"])["services"][0]

    def events(self):
        return [one["message"] for one in self.described()["events"]]

    def steady(self, seconds=SECONDS):
        """Wait until one deployment is COMPLETED with all its tasks."""

        def look():
            service = self.described()
            deployments = service["deployments"]
            done = len(deployments) == 1 and deployments[0]["rolloutState"] == "COMPLETED"
            return done and service["runningCount"] == service["desiredCount"] and service

        try:
            return eventually(look, seconds)
        except AssertionError as error:
            raise AssertionError(f"not steady: {self.events()}") from error

    def tasks(self, status="RUNNING"):
        arns = self.ecs.list_tasks(cluster="prod", desiredStatus=status)["taskArns"]
        if not arns:
            return []
        return self.ecs.describe_tasks(cluster="prod", tasks=arns)["tasks"]

    def address(self, task):
        details = task["attachments"][0]["details"]
        return next(one["value"] for one in details if one["name"] == "privateIPv4Address")

    def entrance(self):
        """Return the balancer's own address on this host, as other programs resolve it."""
        return eventually(lambda: _resolved(self.dns_name))

    def get(self, path="/", port=80, host=None, headers=None, method="GET"):
        """Ask the balancer once, on its own address; returns status, headers, body."""
        connection = self._connection(port)
        try:
            connection.request(
                method, path, headers={"Host": host or self.dns_name, **(headers or {})}
            )
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()

    @contextmanager
    def load(self, connections=4, rate=100):
        """Ask all the while on kept-alive connections; yields what was counted."""
        load = Load(self.entrance(), self.dns_name, connections, rate)
        load.start()
        try:
            yield load
        finally:
            load.stop()

    def _connection(self, port):
        if self.trust is None:
            return http.client.HTTPConnection(self.entrance(), port, timeout=10)
        context = ssl.create_default_context(cadata=self.trust)
        context.check_hostname = False  # it is asked by its address
        return http.client.HTTPSConnection(self.entrance(), port, timeout=10, context=context)

    # ---------------------------------------------------------------- removing

    def tear_down(self):
        """Remove everything that the test made, in the order that AWS asks for."""
        for cluster in self.ecs.list_clusters()["clusterArns"]:
            self._empty(cluster)
        for balancer in self.elbv2.describe_load_balancers()["LoadBalancers"]:
            self.elbv2.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
        for group in self.elbv2.describe_target_groups()["TargetGroups"]:
            self.elbv2.delete_target_group(TargetGroupArn=group["TargetGroupArn"])
        for vpc in self.ec2.describe_vpcs()["Vpcs"]:
            self._remove_vpc(vpc["VpcId"])

    def _empty(self, cluster):
        for service in self.ecs.list_services(cluster=cluster)["serviceArns"]:
            self.ecs.delete_service(cluster=cluster, service=service, force=True)
        for task in self.ecs.list_tasks(cluster=cluster)["taskArns"]:
            self.ecs.stop_task(cluster=cluster, task=task)

        def gone():
            try:
                return self.ecs.delete_cluster(cluster=cluster)
            except (
                self.ecs.exceptions.ClusterContainsTasksException,
                self.ecs.exceptions.ClusterContainsServicesException,
            ):
                return None

        eventually(gone)

    def _remove_vpc(self, vpc):
        mine = [{"Name": "vpc-id", "Values": [vpc]}]
        attached = [{"Name": "attachment.vpc-id", "Values": [vpc]}]
        for nat in self.ec2.describe_nat_gateways(Filter=mine)["NatGateways"]:
            if nat["State"] != "deleted":
                self.ec2.delete_nat_gateway(NatGatewayId=nat["NatGatewayId"])
        for subnet in self.ec2.describe_subnets(Filters=mine)["Subnets"]:
            self.ec2.delete_subnet(SubnetId=subnet["SubnetId"])
        for gateway in self.ec2.describe_internet_gateways(Filters=attached)["InternetGateways"]:
            name = gateway["InternetGatewayId"]
            self.ec2.detach_internet_gateway(InternetGatewayId=name, VpcId=vpc)
            self.ec2.delete_internet_gateway(InternetGatewayId=name)
        for table in self.ec2.describe_route_tables(Filters=mine)["RouteTables"]:
            if not any(one.get("Main") for one in table["Associations"]):
                self.ec2.delete_route_table(RouteTableId=table["RouteTableId"])
        self._remove_security_groups(mine)
        self.ec2.delete_vpc(VpcId=vpc)

    def _remove_security_groups(self, mine):
        """Rules first: groups may refer to each other."""
        groups = self.ec2.describe_security_groups(Filters=mine)["SecurityGroups"]
        for group in groups:
            for direction, permissions in (
                ("ingress", group["IpPermissions"]),
                ("egress", group["IpPermissionsEgress"]),
            ):
                if permissions:
                    revoke = getattr(self.ec2, f"revoke_security_group_{direction}")
                    revoke(GroupId=group["GroupId"], IpPermissions=permissions)
        for group in groups:
            if group["GroupName"] != "default":
                self.ec2.delete_security_group(GroupId=group["GroupId"])


class Load:
    """Requests at a constant rate on kept-alive connections; every answer is looked at."""

    def __init__(self, address, host, connections, rate):
        self.done, self.failures, self.bodies = 0, [], {}
        self._place, self._host, self._pause = (address, 80), host, connections / rate
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(connections)]

    def start(self):
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self):
        connection = http.client.HTTPConnection(*self._place, timeout=10)
        while not self._ended.is_set():
            began = time.monotonic()
            try:
                connection.request("GET", "/", headers={"Host": self._host})
                answer = connection.getresponse()
                body = answer.read().decode()
                outcome = None if answer.status == 200 else f"{answer.status} {body[:80]}"
            except (OSError, http.client.HTTPException) as error:
                outcome, body = repr(error), ""
                connection.close()
            with self._lock:
                self.done += 1
                if outcome:
                    self.failures.append(outcome)
                else:
                    self.bodies[body] = self.bodies.get(body, 0) + 1
            self._ended.wait(max(0.0, self._pause - (time.monotonic() - began)))
        connection.close()


def _resolved(name):
    try:
        return socket.gethostbyname(name)
    except OSError:
        return None
