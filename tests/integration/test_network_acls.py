"""Network ACLs of a whole ecsd: both halves of a flow through a network load balancer."""

import socket
from contextlib import closing

import pytest

from tests.integration.nlb_world import Flows
from tests.integration.sample import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
PATIENCE = 0.5  # seconds: what is denied is never answered
BALANCERS, CLIENTS = "10.0.1.0/24", "10.0.10.0/24"


@pytest.fixture
def flows(account):
    made = Flows(account)
    try:
        yield made
    finally:
        made.close()


class Acl:
    """An ACL that judges one subnet."""

    def __init__(self, account, subnet_id):
        self._ec2 = account.ec2
        self.acl_id = self._ec2.create_network_acl(VpcId=account.vpc)["NetworkAcl"]["NetworkAclId"]
        self.numbers = {}
        for egress in (True, False):
            self.put(1000, egress=egress)
        here = [{"Name": "association.subnet-id", "Values": [subnet_id]}]
        (before,) = self._ec2.describe_network_acls(Filters=here)["NetworkAcls"]
        self._before = before["NetworkAclId"]
        (association,) = [
            one["NetworkAclAssociationId"]
            for one in before["Associations"]
            if one["SubnetId"] == subnet_id
        ]
        self._association = self._move(association, self.acl_id)

    def put(self, number, *, egress, action="allow", protocol="-1", cidr="0.0.0.0/0", ports=None):
        span = {"PortRange": {"From": ports[0], "To": ports[1]}} if ports else {}
        self._ec2.create_network_acl_entry(
            NetworkAclId=self.acl_id,
            RuleNumber=number,
            Egress=egress,
            RuleAction=action,
            Protocol=protocol,
            CidrBlock=cidr,
            **span,
        )

    def take(self, number, *, egress):
        self._ec2.delete_network_acl_entry(
            NetworkAclId=self.acl_id, RuleNumber=number, Egress=egress
        )

    def leave(self):
        self._move(self._association, self._before)
        self._ec2.delete_network_acl(NetworkAclId=self.acl_id)

    def _move(self, association, acl_id):
        return self._ec2.replace_network_acl_association(
            AssociationId=association, NetworkAclId=acl_id
        )["NewAssociationId"]


def reaches(place, address, port):
    with closing(place.open(socket.SOCK_STREAM)) as opened:
        opened.settimeout(PATIENCE)
        try:
            opened.connect((address, port))
            opened.sendall(b"who?\n")
            return bool(opened.recv(200))
        except OSError:
            return False


def test_both_halves_of_a_flow_through_a_balancer_are_judged_by_their_own_addresses(flows):
    account = flows.account
    (target,) = flows.targets("b")
    (client,) = flows.tasks("a")
    address = flows.balancer()["b"]
    arn = flows.target_group("web", target, attributes={"preserve_client_ip.enabled": "false"})
    flows.listen(90, arn)
    flows.healthy(arn, target)
    assert reaches(client, address, 90)

    balancers, targets = Acl(account, account.public[1]), Acl(account, account.private[1])

    def judged(acl, *, passes, egress, **rule):
        """Put a denial first, see what it does to new flows, and take it away."""
        acl.put(1, egress=egress, action="deny", protocol="6", **rule)
        eventually(lambda: reaches(client, address, 90) is passes, seconds=8)
        acl.take(1, egress=egress)
        eventually(lambda: reaches(client, address, 90), seconds=8)

    judged(balancers, passes=False, egress=False, cidr=CLIENTS, ports=(90, 90))
    judged(balancers, passes=False, egress=True, cidr=CLIENTS, ports=(1024, 65535))
    judged(balancers, passes=False, egress=True, cidr=f"{target.address}/32", ports=(7000, 7000))
    judged(targets, passes=False, egress=False, cidr=BALANCERS, ports=(7000, 7000))
    judged(targets, passes=True, egress=False, cidr=CLIENTS, ports=(0, 65535))

    flows.set(arn, **{"preserve_client_ip.enabled": "true"})
    eventually(lambda: reaches(client, address, 90), seconds=8)
    judged(targets, passes=False, egress=False, cidr=CLIENTS, ports=(7000, 7000))
    judged(targets, passes=False, egress=True, cidr=CLIENTS, ports=(1024, 65535))
    for one in (balancers, targets):
        one.leave()
