"""What Service Connect carries beside plain HTTP, under which limits, and how it is encrypted."""

from pathlib import Path

import pytest

from tests.integration.connect_world import (
    Asking,
    Connected,
    ask,
    inside,
    offer,
    python,
    serving,
)
from tests.integration.sample import eventually
from tests.integration.test_service_connect import CHECK, connected

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]
__all__ = ["connected"]  # the fixture

ADDRESS = "127.255.0.1"  # of the only name
H2 = str(Path(__file__).parent / "fake_h2_target.py")
AUTHORITY = (
    "arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/"
    "11111111-2222-3333-4444-555555555555"
)
ELSEWHERE = [{"name": "PORT", "value": "81"}]  # nginx leaves the port to a program of ours
ECHO = """
import socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while heard := self.request.recv(4096):
            self.request.sendall(heard)
server = socketserver.ThreadingTCPServer(("127.0.0.1", 8080), Echo)
print("ready", flush=True)
server.serve_forever()
"""
LATE = """
import http.server, time
class Late(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(float(self.path[1:]))
        self.send_response(200); self.send_header("content-length", "2"); self.end_headers()
        self.wfile.write(b"ok")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Late)
print("ready", flush=True)
server.serve_forever()
"""
IDLE = """
import socket, sys, time
with socket.create_connection((sys.argv[1], 9000), timeout=20) as client:
    client.sendall(b"hello")
    assert client.recv(5) == b"hello"
    began = time.monotonic()
    assert client.recv(5) == b""
    print(time.monotonic() - began)
"""
CALL = """
import grpc, sys
with grpc.insecure_channel(f"{sys.argv[1]}:9000") as channel:
    say = channel.unary_stream("/echo.Echo/Say")
    print([*say(b"hello", timeout=10)])
    try:
        [*channel.unary_stream("/echo.Echo/Nothing")(b"", timeout=10)]
    except grpc.RpcError as error:
        print(error.code().name)
"""
SHAKE = """
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
context.check_hostname = False
context.maximum_version = getattr(ssl.TLSVersion, sys.argv[3])
with socket.create_connection((sys.argv[1], 80), timeout=10) as raw:
    with context.wrap_socket(raw) as client:
        print(client.version(), client.getpeercert()["subjectAltName"])
"""


def pair(connected: Connected, protocol, **offered):
    """A server whose port 8080 is a program's of ours, and a client; returns their tasks."""
    definition = connected.register("web", protocol, port=8080, environment=ELSEWHERE)
    connected.service("web", definition, 1, [offer("web", 9000, **offered)])
    connected.service("client", connected.register("client"))
    (server,) = connected.running("web")
    (client,) = connected.running("client")
    return server, client


def test_a_tcp_port_is_carried_until_it_idles(connected):
    server, client = pair(connected, None, timeout={"idleTimeoutSeconds": 2})
    with serving(server, "-c", ECHO):
        said = eventually(lambda: inside(client, "nc", "web", "9000", given="hello\n")[1])
        assert said == "hello\n"
        assert 1 < float(python(client, IDLE, ADDRESS)) < 6


@pytest.mark.parametrize("protocol", ["grpc", "http2"])
def test_grpc_and_http2_are_carried_as_they_are(connected, protocol):
    server, client = pair(connected, protocol)
    with serving(server, H2, "127.0.0.1", "a"):
        if protocol == "grpc":
            told = eventually(lambda: "hello" in (said := python(client, CALL, ADDRESS)) and said)
            assert told.splitlines() == ["[b'hello', b'hello']", "UNIMPLEMENTED"]
        else:
            _, body = eventually(
                lambda: (told := ask(client, "http://web:9000/x"))[0] == 200 and told
            )
            assert '":path": "/x"' in body


def test_a_request_that_takes_too_long_is_answered_504(connected):
    server, client = pair(connected, "http", timeout={"perRequestTimeoutSeconds": 1})
    with serving(server, "-c", LATE):
        eventually(lambda: ask(client, "http://web:9000/0") == (200, "ok"))
        assert ask(client, "http://web:9000/0.5") == (200, "ok")
        assert ask(client, "http://web:9000/4") == (504, "upstream request timeout")


def test_the_proxys_own_port_is_what_security_groups_judge(connected):
    account = connected.account
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}]
    account.ec2.revoke_security_group_ingress(GroupId=account.task_group, IpPermissions=everything)
    account.ec2.authorize_security_group_ingress(
        GroupId=account.task_group,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 9443,
                "ToPort": 9443,
                "IpRanges": [{"CidrIp": "10.0.0.0/16"}],
            }
        ],
    )
    definition = connected.register("web")
    connected.service("web", definition, 1, [offer(ingressPortOverride=9443)])
    connected.service("client", connected.register("client"))
    (server,) = connected.running("web")
    (client,) = connected.running("client")
    eventually(lambda: ask(client, "http://web/")[0] == 200)
    address = account.address(server)
    assert "at 127.0.0.1," in ask(client, f"http://{address}:9443/")[1]
    assert ask(client, f"http://{address}/", "-m", "1")[0] == 0
    account.ec2.authorize_security_group_ingress(
        GroupId=account.task_group, IpPermissions=everything
    )
    eventually(lambda: f"at {address}," in ask(client, f"http://{address}/")[1])  # past the proxy


def test_an_encrypted_service_speaks_tls_to_others_and_plainly_to_its_container(
    ecsd, connected, tmp_path
):
    plain = offer()
    encrypted = plain | {"tls": {"issuerCertificateAuthority": {"awsPcaAuthorityArn": AUTHORITY}}}
    definition = connected.register("web", healthCheck=CHECK)
    connected.service("web", definition, 2, [plain])
    connected.service("client", connected.register("client"))
    (client,) = connected.running("client")
    connected.steady("web")
    eventually(lambda: ask(client, "http://web/")[0] == 200)
    with Asking(client, "http://web/") as asking:
        connected.update(
            "web", serviceConnectConfiguration={"enabled": True, "services": [encrypted]}
        )
        connected.steady("web")
    assert set(asking.answers) == {"200"}, asking.answers
    assert ask(client, "http://web/")[0] == 200
    server = connected.tasks("web")[0]
    address = connected.account.address(server)
    assert ask(client, f"http://{address}/")[0] == 0
    root = tmp_path / "root.pem"
    root.write_text(ecsd.run("ca").stdout)
    told = python(client, SHAKE, address, str(root), "TLSv1_3")
    assert told.startswith("TLSv1.3 (('DNS', 'srv-")
    assert "alert" in python(client, SHAKE, address, str(root), "TLSv1_2").lower()
    assert ask(server, "http://web/")[0] == 200
    with Asking(client, "http://web/") as asking:  # over TLS all the while
        second = connected.register("web", release="2", healthCheck=CHECK)
        connected.update("web", taskDefinition=second)
        connected.steady("web")
    assert set(asking.answers) == {"200"}, asking.answers
    assert "release 2" in ask(client, "http://web/")[1]


def test_a_load_balancer_reaches_containers_through_their_proxies(connected):
    account = connected.account
    account.load_balancer()
    definition = connected.register("web")
    behind = [{"targetGroupArn": account.group, "containerName": "app", "containerPort": 80}]
    connected.service("web", definition, 2, [offer()], loadBalancers=behind)
    connected.steady("web")
    status, _, body = account.get()
    assert (status, "at 127.0.0.1," in body) == (200, True)
    with account.load(connections=2, rate=40) as load:
        connected.update("web", forceNewDeployment=True)
        connected.steady("web")
    assert load.failures == []
