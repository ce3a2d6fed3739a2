"""The gateway behind uvicorn, asked by boto3 and by hand, on a loopback port of its own."""

import asyncio
import gzip
import http.client
import threading
import time

import boto3
import pytest
import uvicorn
from botocore.config import Config
from botocore.exceptions import ClientError
from gateway_client import Client, authorization

from ecsd.store.store import Store

TARGET = "AmazonEC2ContainerServiceV20141113."


@pytest.fixture(scope="module")
def port():
    """Serve in a thread until the module's tests are done; yields the port."""
    config = uvicorn.Config(
        Client(Store.in_memory()).app,
        port=0,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
    )
    server = uvicorn.Server(config)
    bound = config.bind_socket()
    bound.listen()  # connections wait until the server takes them
    loop = asyncio.new_event_loop()
    thread = threading.Thread(
        target=lambda: loop.run_until_complete(server.serve(sockets=[bound])), daemon=True
    )
    thread.start()
    yield bound.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    loop.close()
    bound.close()


@pytest.fixture
def aws(port):
    def client(service):
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="eu-central-1",
            aws_access_key_id="210987654321",
            aws_secret_access_key="any",
            config=Config(retries={"max_attempts": 1}),
        )

    return client


def test_boto3_creates_and_describes(aws):
    arn = aws("ecs").create_cluster(clusterName="live")["cluster"]["clusterArn"]
    assert arn == "arn:aws:ecs:eu-central-1:210987654321:cluster/live"
    vpc = aws("ec2").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    assert aws("ec2").describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["CidrBlock"] == "10.1.0.0/16"
    assert aws("sts").get_caller_identity()["Account"] == "210987654321"
    assert aws("elbv2").describe_load_balancers()["LoadBalancers"] == []


def test_an_answer_without_content_ends_with_its_head(port, aws):
    """What came after it, a client would take for the connection's next answer."""
    efs = aws("efs")
    system = efs.create_file_system(CreationToken="files")["FileSystemId"]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    path = f"/2015-02-01/file-systems/{system}"
    headers = {"authorization": authorization("elasticfilesystem", "210987654321", "eu-central-1")}
    connection.request("DELETE", path, headers=headers)
    answer = connection.getresponse()
    assert answer.status == 204
    assert not {"content-length", "content-type", "transfer-encoding"} & set(answer.headers)
    assert answer.read() == b""
    connection.request("GET", "/2015-02-01/file-systems", headers=headers)
    assert connection.getresponse().status == 200
    connection.close()


def test_live_tail_goes_on_until_the_client_leaves(port):
    config = Config(retries={"max_attempts": 1}, inject_host_prefix=False)
    logs = boto3.client(
        "logs",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="210987654321",
        aws_secret_access_key="any",
        config=config,
    )
    logs.create_log_group(logGroupName="live")
    logs.create_log_stream(logGroupName="live", logStreamName="s")
    arn = "arn:aws:logs:us-east-1:210987654321:log-group:live"
    stream = logs.start_live_tail(logGroupIdentifiers=[arn])["responseStream"]
    events = iter(stream)
    assert next(events)["sessionStart"]["logGroupIdentifiers"] == [arn]
    now = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName="live", logStreamName="s", logEvents=[{"timestamp": now, "message": "hello"}]
    )
    update = next(events)["sessionUpdate"]
    (told,) = update["sessionResults"]
    assert (told["message"], told["logStreamName"]) == ("hello", "s")
    stream.close()


def test_boto3_raises_the_models_own_exceptions(aws):
    elbv2 = aws("elbv2")
    with pytest.raises(elbv2.exceptions.LoadBalancerNotFoundException):
        elbv2.describe_load_balancers(Names=["nobody"])
    ecs = aws("ecs")
    with pytest.raises(ecs.exceptions.ClusterNotFoundException):
        ecs.list_services(cluster="nobody")
    with pytest.raises(ClientError, match="ecs:ListDaemons is not implemented"):
        ecs.list_daemons()


def ask(connection, body, **headers):
    headers = {
        "X-Amz-Target": TARGET + "ListClusters",
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": authorization("ecs"),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    connection.request("POST", "/", body, headers, encode_chunked=not isinstance(body, bytes))
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_one_connection_carries_plain_chunked_and_gzipped_requests(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    assert ask(connection, b"{}") == (200, b'{"clusterArns":[]}')
    socket = connection.sock
    chunked = ask(connection, iter([b'{"max', b'Results":1}']), Transfer_Encoding="chunked")
    assert chunked == (200, b'{"clusterArns":[]}')
    assert ask(connection, gzip.compress(b"{}"), Content_Encoding="gzip")[0] == 200
    assert ask(connection, b"{")[0] == 400
    assert connection.sock is socket
    connection.close()


def test_a_client_that_expects_to_be_told_to_continue_is_told(port):
    import socket

    head = (
        f"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: {TARGET}ListClusters\r\n"
        "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head.encode())
        assert connection.recv(1024).startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(b"{}")
        assert connection.recv(1024).startswith(b"HTTP/1.1 200 OK")
