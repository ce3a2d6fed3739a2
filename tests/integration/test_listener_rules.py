"""What listeners do with requests, against what AWS documents: the rows of ``listener_rows``."""

import pytest

from tests.integration.listener_rows import REDIRECTS, ROWS, SHARES, TRANSFORMS
from tests.integration.sample import eventually

pytestmark = pytest.mark.integration

FIRST_PORT = 8000
SAMPLES = 1200
CHI_SQUARE = {1: 10.83, 2: 13.82}  # by degrees of freedom: one honest split in 1,000 is beyond
NGINX = (
    "daemon off;worker_processes 1;error_log /dev/stderr;pid /tmp/p;events {{}}"
    "http {{access_log off;client_body_temp_path /tmp/1;proxy_temp_path /tmp/2;"
    "fastcgi_temp_path /tmp/3;uwsgi_temp_path /tmp/4;scgi_temp_path /tmp/5;server {{listen 80;"
    'location / {{return 200 "{name} $http_host $request_uri";}}}}}}'
)


@pytest.fixture
def listeners(account):
    """Makes listeners on the balancers of one account, fifty on each as AWS allows."""
    account.network()
    account.ec2.authorize_security_group_ingress(
        GroupId=account.alb_group,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": FIRST_PORT,
                "ToPort": FIRST_PORT + 99,
                "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
            }
        ],
    )
    account.load_balancer()
    return Listeners(account)


class Listeners:
    """Listeners of one balancer, each on the next port."""

    def __init__(self, account):
        self.account, self.port = account, FIRST_PORT - 1

    def open(self, default):
        """Open a listener; return its port and ARN."""
        self.port += 1
        made = self.account.elbv2.create_listener(
            LoadBalancerArn=self.account.balancer,
            Protocol="HTTP",
            Port=self.port,
            DefaultActions=[default],
        )["Listeners"][0]
        eventually(lambda: self._answers(self.port))
        return self.port, made["ListenerArn"]

    def rule(self, listener, priority, conditions, action, **more):
        self.account.elbv2.create_rule(
            ListenerArn=listener,
            Priority=priority,
            Conditions=conditions,
            Actions=[action],
            **more,
        )

    def _answers(self, port):
        try:
            return self.account.get("/", port=port)
        except OSError:
            return None


def told(text):
    config = {"StatusCode": "200", "ContentType": "text/plain", "MessageBody": text}
    return {"Type": "fixed-response", "FixedResponseConfig": config}


LAST = {"Field": "path-pattern", "Values": ["/in-force"]}


@pytest.mark.parametrize("half", [0, 1])
def test_conditions_decide_as_documented(listeners, half):
    opened = []
    rows = ROWS[half::2]
    for row in rows:
        port, arn = listeners.open(told("-"))
        for number, conditions in enumerate(row.rules, 1):
            listeners.rule(arn, number * 10, conditions, told(str(number)))
        opened.append(port)
    listeners.rule(arn, 50_000, [LAST], told("in force"))
    eventually(lambda: listeners.account.get("/in-force", port=port)[2] == "in force")
    wrong = []
    for port, row in zip(opened, rows, strict=True):
        for (path, members), expected in row.cases:
            status, _, text = listeners.account.get(path, port=port, **members)
            if (status, text) != (200, expected):
                wrong.append((row.title, path, members, expected, status, text))
    assert wrong == []


def test_there_are_enough_rows():
    rows = sum(len(row.cases) for row in ROWS)
    others = [case for one in (*REDIRECTS, *TRANSFORMS) for case in one.cases]
    assert rows + len(others) + len(SHARES) >= 200


def test_redirects_lead_where_documented(listeners):
    for redirect in REDIRECTS:
        action = {"Type": "redirect", "RedirectConfig": redirect.config}
        port, _ = listeners.open(action)
        for (path, members), status, location in redirect.cases:
            found, headers, _ = listeners.account.get(path, port=port, **members)
            host = members.get("host", listeners.account.dns_name)
            wanted = location.replace("HOST", host).replace("PORT", str(port))
            assert (found, headers["location"]) == (status, wanted), redirect.config


def test_shares_and_transforms(listeners, account):
    groups = {name: account.target_group(name, HealthCheckPath="/") for name in "abc"}
    for name, arn in groups.items():
        listeners.open({"Type": "forward", "TargetGroupArn": arn})  # so that the group is checked
        _target(account, name, arn)
    for shares in SHARES:
        given = [{"TargetGroupArn": groups[name], "Weight": weight} for name, weight in shares]
        port, _ = listeners.open({"Type": "forward", "ForwardConfig": {"TargetGroups": given}})
        counted = dict.fromkeys((name for name, _ in shares), 0)
        for _ in range(SAMPLES):
            counted[account.get("/", port=port)[2].split()[0]] += 1
        total = sum(weight for _, weight in shares)
        expected = {name: SAMPLES * weight / total for name, weight in shares}
        distance = sum((counted[one] - of) ** 2 / of for one, of in expected.items())
        assert distance < CHI_SQUARE[len(shares) - 1], (shares, counted)

    forward = {"Type": "forward", "TargetGroupArn": groups["a"]}
    for transform in TRANSFORMS:
        port, arn = listeners.open(told("-"))
        # A rule before it, whose condition the rewritten request would meet.
        listeners.rule(arn, 1, [{"Field": "path-pattern", "Values": ["/v2/*"]}], told("again"))
        every = [{"Field": "path-pattern", "Values": ["*"]}]
        listeners.rule(arn, 2, every, forward, Transforms=transform.transforms)
        eventually(lambda port=port: account.get("/", port=port)[2] != "-")
        for (path, members), wanted in transform.cases:
            status, _, text = account.get(path, port=port, **members)
            heard = text.partition(" ")[2] if status == 200 else str(status)
            assert heard == wanted.replace("PORT", str(port)), (transform, path, members)
        assert account.get("/v2/x", port=port)[2] == "again"


def _target(account, name, group):
    """Run a target that tells what it hears, and register it with its group."""
    script = f"printf '%s' '{NGINX.format(name=name)}' > /tmp/n.conf; exec nginx -c /tmp/n.conf"
    definition = account.register(family=name, entryPoint=["sh", "-c"], command=[script])
    account.ecs.create_cluster(clusterName="prod")
    network = {"subnets": account.private, "securityGroups": [account.task_group]}
    made = account.ecs.run_task(
        cluster="prod",
        taskDefinition=definition,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": network},
    )["tasks"][0]["taskArn"]
    account.ecs.get_waiter("tasks_running").wait(
        cluster="prod", tasks=[made], WaiterConfig={"Delay": 1}
    )
    [task] = account.ecs.describe_tasks(cluster="prod", tasks=[made])["tasks"]
    address = account.address(task)
    account.elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": address, "Port": 80}])
    account.elbv2.get_waiter("target_in_service").wait(
        TargetGroupArn=group, WaiterConfig={"Delay": 1}
    )
