"""Certificates of VPC endpoints, and the plans that wait for them, in virtual time."""

import asyncio

from ecsd.certificates.authority import Authority
from ecsd.clock import VIRTUAL_START, VirtualClock
from ecsd.controllers.controller import Controllers
from ecsd.controllers.data_plane import DataPlaneController
from ecsd.controllers.endpoint_certificate import EndpointCertificateController
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.vpc_endpoint import EndpointCertificate, VpcEndpoint
from ecsd.settings import Settings
from ecsd.store.store import Store
from tests.conftest import SCOPE
from tests.controllers.hub import Published

DAY = 86400
KEY = "endpoint/vpce-1"
AUTHORITY = Authority(None)
ENDPOINT = VpcEndpoint(
    vpc_endpoint_id="vpce-1",
    vpc_id="vpc-1",
    service_name="com.amazonaws.us-east-1.ecr.api",
    endpoint_type="Interface",
    mark="m",
    created_at=VIRTUAL_START,
)
NODE = NetworkInterface(
    network_interface_id="eni-1",
    vpc_id="vpc-1",
    subnet_id="subnet-1",
    availability_zone="us-east-1a",
    private_ip_address="10.0.0.9",
    mac_address="0a:00:00:00:00:01",
    interface_type="vpc_endpoint",
    owner="vpce-1",
)


def test_an_endpoint_is_told_to_hosts_once_it_has_a_certificate_which_is_rotated(run_virtual):
    store, clock, published = Store.in_memory(), VirtualClock(), Published()
    issued = []

    async def issue(names, algorithm, now):
        issued.append(names)
        return AUTHORITY.issue(names, algorithm, now)

    planned = [
        EndpointCertificateController(store, clock, AUTHORITY, issue),
        DataPlaneController(store, published, Settings(), AUTHORITY, clock),
    ]
    controllers = Controllers(store, clock, planned)

    async def scenario():
        running = asyncio.create_task(controllers.run())
        await asyncio.sleep(0)
        async with store.transaction(SCOPE) as change:
            change.put(ENDPOINT, NODE)
        await controllers.settle()
        plan = published[KEY]
        assert (plan.addresses, plan.service) == (("10.0.0.9",), "ecr.api")
        assert "api.ecr.us-east-1.amazonaws.com" in issued[0]
        assert "vpce-1-m-us-east-1c.api.ecr.us-east-1.vpce.amazonaws.com" in issued[0]
        assert plan.certificate.count("BEGIN CERTIFICATE") == 2
        assert "PRIVATE KEY" in plan.certificate
        async with store.transaction(SCOPE) as change:
            change.remove(NODE)
        await controllers.settle()
        assert published[KEY].addresses == ()
        await clock.advance(30 * DAY - 60)
        assert len(issued) == 1
        await clock.advance(120)
        assert len(issued) == 2
        async with store.transaction(SCOPE) as change:
            change.remove(ENDPOINT, change.get(EndpointCertificate, "vpce-1"))
        await controllers.settle()
        assert KEY not in published
        assert len(issued) == 2
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_virtual(scenario())
