"""VPC flow logs of a whole ecsd: what tasks' packets met, as lines in CloudWatch Logs."""

import json
import subprocess

import pytest

from tests.integration.sample import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

GROUP = "/vpc/flows"
FORMAT = "${interface-id} ${flow-direction} ${srcaddr} ${dstaddr} ${dstport} ${protocol} ${action}"
AMOUNT = "${packets} ${bytes} ${start} ${end} ${log-status}"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
WRITES = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"]}
PAGE = "x" * 5000
SERVES = f"mkdir /www; echo {PAGE} > /www/index.html; httpd -f -p 80 -h /www & httpd -f -p 82; wait"


class Tasks:
    """Two tasks in subnets of their own: one asks, one answers at port 80."""

    def __init__(self, account):
        self.account = account
        account.network()
        account.ecs.create_cluster(clusterName="prod")
        account.ec2.authorize_security_group_ingress(
            GroupId=account.task_group,
            IpPermissions=[
                {
                    "IpProtocol": "tcp",
                    "FromPort": port,
                    "ToPort": port,
                    "UserIdGroupPairs": [{"GroupId": account.task_group}],
                }
                for port in (80, 82)
            ],
        )

    def role(self, name, *statements):
        iam = self.account.iam
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
        return arn

    def record(self, role, traffic, **more):
        answer = self.account.ec2.create_flow_logs(
            ResourceIds=[self.account.vpc],
            ResourceType="VPC",
            TrafficType=traffic,
            LogGroupName=GROUP,
            DeliverLogsPermissionArn=role,
            MaxAggregationInterval=60,
            **more,
        )
        assert answer["Unsuccessful"] == []
        return answer["FlowLogIds"][0]

    def refuse(self, port, subnet):
        """Let an ACL refuse what enters a subnet for a port."""
        ec2 = self.account.ec2
        acl = ec2.create_network_acl(VpcId=self.account.vpc)["NetworkAcl"]["NetworkAclId"]
        whole = {"NetworkAclId": acl, "CidrBlock": "0.0.0.0/0"}
        ports = {"Protocol": "6", "PortRange": {"From": port, "To": port}}
        ec2.create_network_acl_entry(
            **whole, **ports, RuleNumber=1, RuleAction="deny", Egress=False
        )
        for egress in (True, False):
            ec2.create_network_acl_entry(
                **whole, Protocol="-1", RuleNumber=2, RuleAction="allow", Egress=egress
            )
        here = [{"Name": "association.subnet-id", "Values": [subnet]}]
        (before,) = ec2.describe_network_acls(Filters=here)["NetworkAcls"]
        (own,) = [one for one in before["Associations"] if one["SubnetId"] == subnet]
        ec2.replace_network_acl_association(
            AssociationId=own["NetworkAclAssociationId"], NetworkAclId=acl
        )
        return acl

    def start(self, definition, *subnets):
        """Run a task in each subnet; returns them as they run, in that order."""
        arns = []
        for subnet in subnets:
            network = {"subnets": [subnet], "securityGroups": [self.account.task_group]}
            answer = self.account.ecs.run_task(
                cluster="prod",
                taskDefinition=definition,
                launchType="FARGATE",
                networkConfiguration={"awsvpcConfiguration": network},
            )
            arns.append(answer["tasks"][0]["taskArn"])

        def running():
            tasks = self.account.ecs.describe_tasks(cluster="prod", tasks=arns)["tasks"]
            return all(one["lastStatus"] == "RUNNING" for one in tasks) and tasks

        found = {one["taskArn"]: one for one in eventually(running)}
        return [found[arn] for arn in arns]

    def lines(self, stream):
        try:
            answer = self.account.logs.get_log_events(
                logGroupName=GROUP, logStreamName=stream, startFromHead=True
            )
        except self.account.logs.exceptions.ResourceNotFoundException:
            return []
        return [one["message"].split() for one in answer["events"]]

    def status(self, flow_log):
        (one,) = self.account.ec2.describe_flow_logs(FlowLogIds=[flow_log])["FlowLogs"]
        return one["DeliverLogsStatus"], one.get("DeliverLogsErrorMessage")


def detail(task, name):
    return next(one["value"] for one in task["attachments"][0]["details"] if one["name"] == name)


def ask(task, address, port):
    name = f"ecsd-{task['taskArn'].rpartition('/')[2]}-app"
    asks = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | timeout 1 nc {address} {port}"
    words = ("sh", "-c", asks)
    return subprocess.run(["docker", "exec", name, *words], capture_output=True, check=False).stdout


def test_what_is_accepted_and_refused_appears_at_both_interfaces(account, image):
    tasks = Tasks(account)
    account.logs.create_log_group(logGroupName=GROUP)
    writes = tasks.role("writes", WRITES | {"Resource": f"arn:aws:logs:*:*:log-group:{GROUP}:*"})
    recorded = tasks.record(writes, "ALL", LogFormat=f"{FORMAT} {AMOUNT}")
    unwritten = tasks.record(tasks.role("mute"), "REJECT")
    acl = tasks.refuse(82, account.private[1])
    definition = account.register("served", image=image, command=["sh", "-c", SERVES])
    client, server = tasks.start(definition, *account.private)
    mine, its = (detail(one, "privateIPv4Address") for one in (client, server))
    eventually(lambda: PAGE in ask(client, its, 80).decode(), seconds=10)
    for port in (81, 82):  # the group refuses one, the ACL the other
        assert ask(client, its, port) == b""

    sender, receiver = (detail(one, "networkInterfaceId") for one in (client, server))

    def at_both():
        return [*tasks.lines(f"{sender}-all"), *tasks.lines(f"{receiver}-all")]

    def told():
        wanted = {
            (sender, "egress", mine, its, "80", "6", "ACCEPT"),
            (receiver, "ingress", mine, its, "80", "6", "ACCEPT"),
            (sender, "egress", mine, its, "81", "6", "ACCEPT"),
            (receiver, "ingress", mine, its, "81", "6", "REJECT"),
            (sender, "egress", mine, its, "82", "6", "ACCEPT"),
            (receiver, "ingress", mine, its, "82", "6", "REJECT"),
        }
        return wanted <= {tuple(line[:7]) for line in at_both()}

    eventually(told, seconds=10)
    lines = at_both()
    amounts = [line[7:11] for line in lines if line[6] in ("ACCEPT", "REJECT")]
    assert all(int(one) > 0 for amount in amounts for one in amount[:2])
    assert all(0 < int(end) - int(start) < 10 for _, _, start, end in amounts)
    answered = [line for line in lines if line[:4] == [receiver, "egress", its, mine]]
    assert sum(int(line[8]) for line in answered) > len(PAGE)
    assert not any(line[6] == "REJECT" and line[0] == sender for line in lines)
    assert not any(
        line[6] == "ACCEPT" and line[4] in ("81", "82") for line in lines if line[0] == receiver
    )
    eventually(lambda: [line for line in at_both() if line[-1] == "NODATA"], seconds=10)

    assert tasks.status(recorded) == ("SUCCESS", None)
    eventually(lambda: tasks.status(unwritten) == ("FAILED", "Access error"), seconds=10)
    account.ec2.delete_flow_logs(FlowLogIds=[recorded, unwritten])
    assert account.ec2.describe_flow_logs()["FlowLogs"] == []
    for one in account.ecs.list_tasks(cluster="prod")["taskArns"]:
        account.ecs.stop_task(cluster="prod", task=one)
    eventually(lambda: not interfaces(account))
    for subnet in account.private:
        account.ec2.delete_subnet(SubnetId=subnet)
    account.ec2.delete_network_acl(NetworkAclId=acl)


def interfaces(account):
    here = [{"Name": "vpc-id", "Values": [account.vpc]}]
    return account.ec2.describe_network_interfaces(Filters=here)["NetworkInterfaces"]
