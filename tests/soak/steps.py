"""What a client of the soak does at random: every step is one that real users take.

A step that comes at a wrong moment is refused as AWS refuses it (REFUSALS); anything else that
fails, and every answer of 5xx, fails the soak.
"""

import subprocess

from botocore.exceptions import ClientError

REFUSALS = {
    "InvalidParameterException",  # a task that has gone meanwhile
    "ConflictException",  # a deployment that has ended meanwhile
}
MOST_TASKS = 3


class Client:
    """One account's user: a service behind a load balancer, and single tasks."""

    def __init__(self, account, chance):
        self.account, self.chance = account, chance
        self.release = 1
        self.good = ""  # the newest definition that can start
        self.done = {}
        self.refused = {}

    def begin(self):
        """Make the network, the load balancer and the service."""
        self.account.network()
        self.account.load_balancer(delay=1)
        self.good = self.account.register()
        self.account.service(self.good, desired=1)
        self.rest()

    def step(self):
        """Take one random step; return its name."""
        step = self.chance.choice(STEPS)
        name = step.__name__
        try:
            step(self)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in REFUSALS:
                raise
            self.refused[f"{name}: {code}"] = self.refused.get(f"{name}: {code}", 0) + 1
        self.done[name] = self.done.get(name, 0) + 1
        return name

    def rest(self):
        """Go back to one task of one service, steady.

        Of a definition that can start: one that cannot may be what is rolled back to, for with no
        task wanted it completes its deployment.
        """
        ecs = self.account.ecs
        for arn in ecs.list_tasks(cluster="prod", startedBy="soak")["taskArns"]:
            ecs.stop_task(cluster="prod", task=arn)
        self._protect(False)
        self._update(taskDefinition=self.good, desiredCount=1)
        self.account.steady(150)

    # ---------------------------------------------------------------- steps

    def scales(self):
        self._update(desiredCount=self.chance.randint(0, MOST_TASKS))

    def deploys(self):
        self.release += 1
        self.good = self.account.register(release=str(self.release))
        self._update(taskDefinition=self.good)

    def deploys_what_cannot_start(self):
        broken = self.account.register(entryPoint=["/no/such/program"])
        configuration = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
        self._update(taskDefinition=broken, deploymentConfiguration=configuration)

    def forces_a_deployment(self):
        self._update(forceNewDeployment=True)

    def stops_a_deployment(self):
        ecs, where = self.account.ecs, {"cluster": "prod", "service": "web"}
        found = ecs.list_service_deployments(**where, status=["IN_PROGRESS"])["serviceDeployments"]
        if found:
            arn = found[0]["serviceDeploymentArn"]
            ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")

    def runs_a_task(self):
        seconds = self.chance.choice(["0", "2", "60"])
        definition = self.account.register("single", command=["sleep", seconds])
        network = {"subnets": self.account.private, "securityGroups": [self.account.task_group]}
        self.account.ecs.run_task(
            cluster="prod",
            taskDefinition=definition,
            launchType="FARGATE",
            startedBy="soak",
            networkConfiguration={"awsvpcConfiguration": network},
        )

    def stops_a_task(self):
        tasks = self.account.tasks()
        if tasks:
            arn = self.chance.choice(tasks)["taskArn"]
            self.account.ecs.stop_task(cluster="prod", task=arn, reason="soak")

    def kills_a_container(self):
        shown = subprocess.run(
            [
                *("docker", "ps", "--filter", "label=com.amazonaws.ecs.task-arn", "--format"),
                '{{.ID}} {{.Label "com.amazonaws.ecs.task-arn"}}',
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        lines = [line.split() for line in shown.stdout.splitlines()]
        mine = [name for name, arn in lines if f":{self.account.number}:" in arn]
        if mine:  # it may have ended meanwhile: then docker says so, and there is nothing to kill
            words = ["docker", "kill", self.chance.choice(mine)]
            subprocess.run(words, check=False, capture_output=True)

    def protects(self):
        self._protect(True)

    def unprotects(self):
        self._protect(False)

    def opens_and_closes_a_port(self):
        group, ec2 = self.account.task_group, self.account.ec2
        port = self.chance.randint(1024, 65535)
        rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
        rule["IpRanges"] = [{"CidrIp": "10.0.0.0/8"}]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule])

    def makes_and_removes_a_rule(self):
        elbv2 = self.account.elbv2
        made = elbv2.create_rule(
            ListenerArn=self.account.listener,
            Priority=self.chance.randint(1, 50_000),
            Conditions=[{"Field": "path-pattern", "Values": ["/soak/*"]}],
            Actions=[{"Type": "forward", "TargetGroupArn": self.account.group}],
        )
        elbv2.delete_rule(RuleArn=made["Rules"][0]["RuleArn"])

    def retires_old_definitions(self):
        ecs = self.account.ecs
        arns = ecs.list_task_definitions(familyPrefix="single")["taskDefinitionArns"][:10]
        for arn in arns:
            ecs.deregister_task_definition(taskDefinition=arn)
        if arns:
            ecs.delete_task_definitions(taskDefinitions=arns)

    def looks(self):
        self.account.described()
        self.account.tasks("STOPPED")
        self.account.elbv2.describe_target_health(TargetGroupArn=self.account.group)

    def _update(self, **members):
        self.account.ecs.update_service(cluster="prod", service="web", **members)

    def _protect(self, enabled):
        tasks = self.account.ecs.list_tasks(cluster="prod", serviceName="web")["taskArns"]
        if tasks:
            self.account.ecs.update_task_protection(
                cluster="prod", tasks=tasks[:10], protectionEnabled=enabled
            )


STEPS = (
    Client.scales,
    Client.deploys,
    Client.deploys_what_cannot_start,
    Client.forces_a_deployment,
    Client.stops_a_deployment,
    Client.runs_a_task,
    Client.stops_a_task,
    Client.kills_a_container,
    Client.protects,
    Client.unprotects,
    Client.opens_and_closes_a_port,
    Client.makes_and_removes_a_rule,
    Client.retires_old_definitions,
    Client.looks,
)
