"""Nonsense for every registered operation of REST services: never a 5xx, nothing stored."""

import asyncio
import re
from functools import cache

import pytest
from botocore_judge import model_of, request_by
from gateway_client import Client
from guesses import STRINGS, Guesses
from hypothesis import given, settings
from hypothesis import strategies as st

from ecsd.operations.load import load_operations
from ecsd.store.backend import MemoryBackend
from ecsd.store.findings import all_findings
from ecsd.store.store import Store

PROTOCOL = "rest-xml"
MODELS = {service: model_of(service) for service, _ in load_operations()}
OPERATIONS = [
    (service, name)
    for service, name in sorted(load_operations())
    if MODELS[service].metadata["protocol"] == PROTOCOL
]
every_operation = pytest.mark.parametrize(("service", "name"), OPERATIONS)
A_RECORD = {
    "Name": "www.example.com",
    "Type": "A",
    "TTL": 60,
    "ResourceRecords": [{"Value": "10.0.0.1"}],
}
WORDS = (
    "example.com",
    "www.example.com.",
    "*.example.com",
    "\\052.example.com",
    "corp",
    "10.0.0.1",
    '"text"',
    "1",
    "us-east-1",
    "Z0",
    "C0",
)
MARKUP = [b"<", b">", b"</", b"&", b"&amp;", b"<x/>", b"<!--", b"<![CDATA[", b"\xff", b"<?xml?>"]
NOT_IMPLEMENTED = 501  # S3's answer to what it does not know
HUGE = "h" * 1_000_000


class World:
    """A store with two zones, behind the gateway."""

    def __init__(self, rows=(), known=()):
        self.backend = MemoryBackend(rows)
        self.store = Store.open(self.backend)
        self.client = Client(self.store)
        self.known = tuple(known)

    async def build(self):
        made = await self.client.aws("ec2", "CreateVpc", b"CidrBlock=10.0.0.0/16")
        (vpc,) = set(re.findall(r"vpc-[0-9a-f]{17}", made.body.decode()))
        found = [vpc]
        private = {"VPC": {"VPCId": vpc, "VPCRegion": "us-east-1"}}
        for name, more in (("corp", private), ("example.com", {})):
            members = {"Name": name, "CallerReference": name} | more
            answer = await self.send("route53", "CreateHostedZone", members)
            assert answer.status == 201, answer
            found += re.findall(r"/((?:hostedzone/)?[ZC][A-Z0-9]{20})<", answer.body.decode())
        zone = next(one for one in reversed(found) if one.startswith("hostedzone"))
        changes = [{"Action": "CREATE", "ResourceRecordSet": A_RECORD}]
        members = {"HostedZoneId": zone.rpartition("/")[2], "ChangeBatch": {"Changes": changes}}
        answer = await self.send("route53", "ChangeResourceRecordSets", members)
        assert answer.status == 200, answer
        if ("s3", "CreateBucket") in OPERATIONS:
            for name, more in (("CreateBucket", {}), ("PutObject", {"Key": "web", "Body": b"web"})):
                answer = await self.send("s3", name, {"Bucket": "bucket", **more})
                assert answer.status == 200, answer
            found.append("bucket")
        self.known = tuple(dict.fromkeys(one.rpartition("/")[2] for one in found))
        return self

    async def send(self, service, name, members, spoil=lambda body: body):
        model = MODELS[service]
        request = request_by(PROTOCOL, model, model.operation_model(name), members)
        headers = {**request.headers, "host": "localhost:4566"}
        body = spoil(request.body)
        return await self.client.raw(
            request.method, request.path, headers, body, query=request.query
        )

    async def refuses_or_answers(self, service, name, members, spoil=lambda body: body):
        before = self.store.revision
        answer = await self.send(service, name, members, spoil)
        assert answer.status < 500 or answer.status == NOT_IMPLEMENTED, (answer, members)
        if answer.status >= 400:
            assert self.store.revision == before, ("refused, yet stored", answer, members)
        assert list(all_findings(self.store)) == []
        return answer


@cache
def first_world():
    return asyncio.run(World().build())


def another_world():
    first = first_world()
    return World(first.backend.rows.values(), first.known)


def spoiler(draw):
    """Return what does something to a body: cuts, puts in, takes out; or nothing."""
    times = draw(st.integers(0, 2))

    def spoil(body):
        for _ in range(times):
            at = draw(st.integers(0, len(body)))
            end = draw(st.integers(at, min(len(body), at + 40)))
            body = body[:at] + draw(st.sampled_from(MARKUP)) + body[end:]
        return body

    return spoil


@every_operation
@settings(max_examples=20)
@given(drawn=st.data())
def test_nonsense_is_refused_and_nothing_is_stored(service, name, drawn):
    world = another_world()
    guesses = Guesses(drawn.draw(st.integers(0, 2**20)), (*WORDS, *world.known))
    shape = MODELS[service].operation_model(name).input_shape
    members = guesses.of(shape, full=drawn.draw(st.booleans())) if shape else {}
    asyncio.run(world.refuses_or_answers(service, name, members, spoiler(drawn.draw)))


@every_operation
def test_broken_bodies_are_no_server_error(service, name):
    world = another_world()
    shape = MODELS[service].operation_model(name).input_shape
    members = Guesses(1, (*WORDS, *world.known)).of(shape, full=True) if shape else {}

    async def scenario():
        for body in (b"", b"{}", b"\xff\xfe", b"<", b"<a>" * 2000, HUGE.encode(), b"<a/><b/>"):
            await world.refuses_or_answers(service, name, members, lambda _, body=body: body)

    asyncio.run(scenario())


def record_sets():
    """Records of zones that exist, valid as often as not."""
    names = st.sampled_from(["www", "*", "a.b", "", "x..y", "é", "a b"])
    values = st.sampled_from(["10.0.0.1", "fd00::1", "www.example.com", '"t"', "1 a", "", *STRINGS])
    kinds = st.sampled_from(["A", "AAAA", "CNAME", "TXT", "MX", "SRV", "NS", "CAA", "PTR", "SOA"])
    return st.fixed_dictionaries(
        {
            "Name": names.map(lambda one: f"{one}.example.com"),
            "Type": kinds,
            "TTL": st.integers(0, 9),
            "ResourceRecords": st.lists(
                values.map(lambda one: {"Value": one}), min_size=1, max_size=3
            ),
        },
        optional={"SetIdentifier": st.sampled_from("xy"), "Weight": st.integers(0, 2)},
    )


@settings(max_examples=80)
@given(
    batches=st.lists(
        st.lists(
            st.tuples(st.sampled_from(["CREATE", "UPSERT", "DELETE"]), record_sets()),
            min_size=1,
            max_size=3,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_a_zone_stands_whatever_batches_come(batches):
    world = another_world()
    zone = [one for one in world.known if one.startswith("Z")][-1]

    async def scenario():
        for batch in batches:
            changes = [{"Action": how, "ResourceRecordSet": one} for how, one in batch]
            members = {"HostedZoneId": zone, "ChangeBatch": {"Changes": changes}}
            await world.refuses_or_answers("route53", "ChangeResourceRecordSets", members)

    asyncio.run(scenario())
