import asyncio
import gzip
import json
import logging
import tracemalloc
import zlib

import pytest
from botocore.eventstream import EventStreamBuffer
from gateway_client import Client, authorization

from ecsd.errors import AwsError, StoreError
from ecsd.gateway import request_body
from ecsd.records.ecs.cluster import Cluster
from ecsd.store.backend import MemoryBackend
from ecsd.store.store import Store

JSON = {"content-type": "application/x-amz-json-1.1"}
TARGET = "AmazonEC2ContainerServiceV20141113."


def one(service, name, handler):
    return {(service, name): handler}


async def test_an_operation_gets_account_region_and_caller(store):
    calls = []

    async def create(call, request):
        calls.append((call, request))
        return {"cluster": {"clusterName": request["clusterName"]}}

    client = Client(store, operations=one("ecs", "CreateCluster", create))
    body = b'{"clusterName":"a"}'
    answer = await client.aws("ecs", "CreateCluster", body, key="111122223333", region="eu-west-1")
    assert answer.status == 200
    assert answer.json() == {"cluster": {"clusterName": "a"}}
    call, request = calls[0]
    assert request == {"clusterName": "a"}
    assert call.scope == ("111122223333", "eu-west-1")
    assert call.caller.arn == "arn:aws:iam::111122223333:root"
    assert answer.headers["x-amzn-requestid"] == call.request_id


async def test_without_credentials_the_default_account_and_region_answer(client):
    headers = {**JSON, "x-amz-target": TARGET + "CreateCluster"}
    answer = await client.raw("POST", "/", headers, b"{}")
    arn = answer.json()["cluster"]["clusterArn"]
    assert arn == "arn:aws:ecs:us-east-1:000000000000:cluster/default"


@pytest.mark.parametrize(
    ("service", "operation", "code", "reason"),
    [
        ("ecs", "CreateDaemon", b"UnknownOperationException", ""),
        ("ecs", "NoSuchThing", b"UnknownOperationException", ""),
        ("ec2", "RunInstances", b"<Code>InvalidAction</Code>", ""),
        (
            "ec2",
            "CreateEgressOnlyInternetGateway",
            b"<Code>InvalidAction</Code>",
            ": it would carry IPv6, and VPCs here carry IPv4 alone",
        ),
        ("iam", "NoSuchThing", b"<Code>InvalidAction</Code>", ""),
    ],
)
async def test_an_operation_that_is_not_there_is_named_and_counted(
    client, service, operation, code, reason
):
    answer = await client.aws(service, operation)
    text = f"The operation {service}:{operation} is not implemented by this ecsd{reason}."
    assert answer.status == 400
    assert code in answer.body
    assert text.encode() in answer.body
    await client.aws(service, operation)
    report = (await client.raw("GET", "/_ecsd/unimplemented", {}, b"")).json()
    assert report == {"total": 2, "operations": {f"{service}:{operation}": 2}}


@pytest.mark.parametrize(
    ("headers", "method", "path", "body", "name"),
    [
        ({"x-amz-target": "AWSEvents.PutRule"}, "POST", "/", b"{}", b"events:PutRule"),
        (
            {"content-type": "application/x-www-form-urlencoded"},
            "POST",
            "/",
            b"Action=ListTopics&Version=2010-03-31",
            b"events:ListTopics",
        ),
        ({}, "GET", "/2015-02-01/file-systems", b"", b"events:GET /2015-02-01/file-systems"),
        (
            {"smithy-protocol": "rpc-v2-cbor"},
            "POST",
            "/service/X/operation/PutRule",
            b"",
            b"events:PutRule",
        ),
    ],
)
async def test_a_service_without_a_table_is_named_by_its_scope(
    client, headers, method, path, body, name
):
    headers = {**headers, "authorization": authorization("events")}
    answer = await client.raw(method, path, headers, body)
    assert answer.status == 400
    assert name in answer.body


async def test_nobody_in_particular_is_asked(client):
    answer = await client.raw("GET", "/favicon.ico", {}, b"")
    assert answer.status == 400
    assert b"unknown:GET /favicon.ico" in answer.body
    answer = await client.raw(
        "POST", "/", {"content-type": "application/x-www-form-urlencoded"}, b"%ff"
    )
    assert b"MissingAction" in answer.body


async def test_health_says_so_without_credentials(client):
    for path in ("/", "/_ecsd/health"):
        answer = await client.raw("GET", path, {}, b"")
        assert (answer.status, answer.json()["status"]) == (200, "ok")
    head = await client.raw("HEAD", "/", {}, b"")
    assert head.body == b""
    assert int(head.headers["content-length"]) > 0


async def test_a_bug_is_the_services_own_server_error_with_a_request_id(store, caplog):
    async def broken(_call, _request):
        raise KeyError("oops")

    operations = one("ecs", "ListClusters", broken) | one("ec2", "DescribeVpcs", broken)
    client = Client(store, operations=operations)
    with caplog.at_level(logging.ERROR):
        answer = await client.aws("ecs", "ListClusters")
    assert answer.status == 500
    assert answer.json()["__type"] == "ServerException"
    assert answer.headers["x-amzn-requestid"] in answer.json()["message"]
    assert "KeyError" in caplog.text
    answer = await client.aws("ec2", "DescribeVpcs", b"")
    assert (answer.status, b"<Code>InternalError</Code>" in answer.body) == (500, True)


async def test_an_answer_that_does_not_fit_the_model_is_a_bug(store):
    async def nonsense(_call, _request):
        return {"clusters": "none"}

    client = Client(store, operations=one("ecs", "ListClusters", nonsense))
    assert (await client.aws("ecs", "ListClusters")).status == 500


async def test_what_is_not_on_disk_is_not_acknowledged():
    backend = MemoryBackend()
    backend.fail_with = StoreError("No space left on device")
    client = Client(Store.open(backend))
    answer = await client.aws("ecs", "CreateCluster", b'{"clusterName":"a"}')
    assert answer.status == 503
    assert answer.json()["__type"] == "ServerException"
    assert "No space left on device" in answer.json()["message"]


async def test_a_refusal_waits_for_the_disk_too(store):
    waited = []

    class Watched(Store):
        async def durable(self):
            waited.append(True)

    async def refusing(_call, _request):
        raise AwsError("ClientException", "no")

    client = Client(Watched(MemoryBackend()), operations=one("ecs", "ListClusters", refusing))
    assert (await client.aws("ecs", "ListClusters")).status == 400
    assert waited == [True]


async def test_bodies_in_pieces_and_compressed(client, store, scope):
    headers = {**JSON, "x-amz-target": TARGET + "CreateCluster"}
    pieces = [b'{"cluster', b'Name":', b'"one"}']
    await client.raw("POST", "/", headers, b"", pieces=pieces)
    squeezed = gzip.compress(b'{"clusterName":"two"}')
    await client.raw("POST", "/", {**headers, "content-encoding": "gzip"}, squeezed)
    assert {cluster.name for cluster in store.view(scope).select(Cluster)} == {"one", "two"}


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", b"nonsense", 400),
        ("gzip", gzip.compress(b"{}")[:-6], 400),
        ("br", b"{}", 400),
        ("gzip", gzip.compress(b" " * (request_body.MOST_BYTES + 1)), 413),
    ],
    ids=["nonsense", "cut short", "unknown", "a bomb"],
)
async def test_bad_compression_is_refused(client, encoding, body, status):
    headers = {**JSON, "x-amz-target": TARGET + "ListClusters", "content-encoding": encoding}
    answer = await client.raw("POST", "/", headers, body)
    assert answer.status == status
    assert answer.json()["__type"]


async def test_a_body_beyond_the_limit_is_refused_whole(client):
    headers = {**JSON, "x-amz-target": TARGET + "ListClusters"}
    piece = b" " * (16 << 20)
    answer = await client.raw("POST", "/", headers, b"", pieces=[piece] * 5)
    assert (answer.status, answer.json()["__type"]) == (413, "RequestEntityTooLargeException")
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "authorization": authorization("ec2"),
    }
    answer = await client.raw("POST", "/", headers, b"", pieces=[piece] * 5)
    assert answer.status == 413
    assert b"<Response><Errors>" in answer.body


async def test_a_client_that_leaves_gets_no_answer(client):
    headers = {**JSON, "x-amz-target": TARGET + "ListClusters"}
    assert await client.raw("POST", "/", headers, b"", pieces=[b"{", None]) is None


async def test_other_web_sites_are_refused(client):
    headers = {**JSON, "x-amz-target": TARGET + "ListClusters", "sec-fetch-site": "cross-site"}
    assert (await client.raw("POST", "/", headers, b"{}")).status == 403


async def test_a_websocket_is_closed(client):
    sent = []

    async def send(message):
        sent.append(message)

    await client.app({"type": "websocket"}, None, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_a_gzip_bomb_is_not_unpacked():
    bomb = zlib.compressobj(9, wbits=31)
    body = bomb.compress(bytes(50 << 20)) + bomb.flush()
    tracemalloc.start()
    with pytest.raises(AwsError) as refused:
        request_body.decompress(body, "gzip", 1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.status == 413
    assert peak < 1 << 20


async def test_an_answer_that_goes_on_ends_when_its_client_leaves(client):
    await client.aws("logs", "CreateLogGroup", b'{"logGroupName": "g"}')
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:g"
    answer = await client.aws(
        "logs", "StartLiveTail", json.dumps({"logGroupIdentifiers": [arn]}).encode()
    )
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert "content-length" not in answer.headers
    buffer = EventStreamBuffer()
    buffer.add_data(answer.body)
    assert [one.headers[":event-type"] for one in buffer] == ["initial-response", "sessionStart"]
    assert client.parts.streams._notices._notices == []  # nobody listens any more


async def test_an_event_stream_is_not_answered_in_cbor(client):
    headers = {
        "smithy-protocol": "rpc-v2-cbor",
        "content-type": "application/cbor",
        "authorization": authorization("logs"),
    }
    path = "/service/Logs_20140328/operation/StartLiveTail"
    answer = await client.raw("POST", path, headers, b"\xa0")
    assert (answer.status, b"UnknownOperationException" in answer.body) == (400, True)


async def test_a_bug_in_an_answer_that_goes_on_breaks_it_off(store, caplog):
    async def broken():
        yield "sessionUpdate", {"sessionResults": []}
        raise RuntimeError("no such luck")

    async def start(_call, _request):
        return {"responseStream": broken()}

    client = Client(store, operations={("logs", "StartLiveTail"): start})
    client.leaves = asyncio.Event()  # it stays
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:g"
    answer = await client.aws(
        "logs", "StartLiveTail", json.dumps({"logGroupIdentifiers": [arn]}).encode()
    )
    assert b"sessionUpdate" in answer.body
    assert "an answer that goes on failed: a bug" in caplog.text
    assert "no such luck" in caplog.text
