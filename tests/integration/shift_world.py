"""Deployments that shift traffic, and a service that they shift between two target groups."""

from tests.integration.sample import eventually

TEST_PORT = 8080


class Attempts:
    """Deployments of the service ``web``, for worlds that have an account."""

    def attempt(self):
        listed = self.account.ecs.list_service_deployments(cluster="prod", service="web")
        arn = listed["serviceDeployments"][0]["serviceDeploymentArn"]
        return self.account.ecs.describe_service_deployments(serviceDeploymentArns=[arn])[
            "serviceDeployments"
        ][0]

    def paused(self, stage):
        """Wait until a pause at a stage awaits action; return its hook."""

        def look():
            hooks = self.attempt().get("lifecycleHookDetails", [])
            waiting = [one for one in hooks if one["status"] == "AWAITING_ACTION"]
            return self.attempt()["lifecycleStage"] == stage and waiting

        return eventually(look)[0]

    def go_on(self, hook, action="CONTINUE"):
        self.account.ecs.continue_service_deployment(
            serviceDeploymentArn=self.attempt()["serviceDeploymentArn"],
            hookId=hook["hookId"],
            action=action,
        )

    def ended(self):
        def look():
            attempt = self.attempt()
            return "finishedAt" in attempt and attempt

        return eventually(look)


class Shifting(Attempts):
    """A service with two target groups, a production and a test listener."""

    def __init__(self, account):
        self.account = account
        account.network()
        account.load_balancer()
        account.admit(TEST_PORT)
        self.green = account.target_group("green", 2, 5)
        action = {
            "Type": "forward",
            "ForwardConfig": {
                "TargetGroups": [
                    {"TargetGroupArn": account.group, "Weight": 100},
                    {"TargetGroupArn": self.green, "Weight": 0},
                ]
            },
        }
        account.elbv2.modify_listener(ListenerArn=account.listener, DefaultActions=[action])
        test = account.elbv2.create_listener(
            LoadBalancerArn=account.balancer,
            Protocol="HTTP",
            Port=TEST_PORT,
            DefaultActions=[action],
        )["Listeners"][0]["ListenerArn"]
        self.rules = [self._default_rule(one) for one in (account.listener, test)]

    def _default_rule(self, listener):
        rules = self.account.elbv2.describe_rules(ListenerArn=listener)["Rules"]
        return next(one["RuleArn"] for one in rules if one["IsDefault"])

    def serve(self, strategy, *hooks, **configuration):
        """Create the service; its first deployment passes its hooks too."""
        production, test = self.rules
        self.account.service(
            self.account.register(),
            loadBalancers=[
                {
                    "targetGroupArn": self.account.group,
                    "containerName": "app",
                    "containerPort": 80,
                    "advancedConfiguration": {
                        "alternateTargetGroupArn": self.green,
                        "productionListenerRule": production,
                        "testListenerRule": test,
                        "roleArn": f"arn:aws:iam::{self.account.number}:role/elb",
                    },
                }
            ],
            deploymentConfiguration={
                "strategy": strategy,
                "bakeTimeInMinutes": 0,
                **configuration,
            },
        )
        self.account.steady()
        if hooks:
            self.account.ecs.update_service(
                cluster="prod",
                service="web",
                deploymentConfiguration={"strategy": strategy, "lifecycleHooks": list(hooks)},
            )

    def deploy(self, release):
        self.account.ecs.update_service(
            cluster="prod",
            service="web",
            taskDefinition=self.account.register(release=release),
        )

    def releases(self, port=80, times=20):
        """Return which releases answer on a port."""
        bodies = [self.account.get(port=port)[2] for _ in range(times)]
        return {body.rsplit("release ", 1)[1].strip() for body in bodies}
