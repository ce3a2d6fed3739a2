"""Health checks of Route 53: an endpoint of this machine fails, and its name leads elsewhere."""

import http.server
import json
import threading

import pytest

from tests.integration.sample import eventually
from tests.integration.test_route53 import ZONE, Zones, simple

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


class Site(http.server.ThreadingHTTPServer):
    """A site on loopback that is well, or not."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Page)
        self.status = 200
        self.agents = []


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.agents.append(self.headers["User-Agent"])
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b"all is fine")

    def log_message(self, *_):
        pass


@pytest.fixture
def site():
    """A site that listens."""
    one = Site()
    thread = threading.Thread(target=one.serve_forever)
    thread.start()
    yield one
    one.shutdown()
    thread.join()
    one.server_close()


@pytest.fixture
def zones(account):
    """An account's VPC with a private zone; its health checks go with it."""
    one = Zones(account)
    yield one
    one.clean()
    for check in one.route53.list_health_checks()["HealthChecks"]:
        one.route53.delete_health_check(HealthCheckId=check["Id"])


def test_a_name_fails_over_when_its_endpoint_does(zones, site, ecsd, account):
    def check(reference, **config):
        made = zones.route53.create_health_check(
            CallerReference=reference,
            HealthCheckConfig={
                "IPAddress": "127.0.0.1",
                "Port": site.server_port,
                "RequestInterval": 10,
                "FailureThreshold": 1,
            }
            | config,
        )
        return made["HealthCheck"]["Id"]

    def status(own):
        found = zones.route53.get_health_check_status(HealthCheckId=own)
        return [one["StatusReport"]["Status"] for one in found["HealthCheckObservations"]]

    def dug(name):
        done = ecsd.run("dig", f"{name}.{ZONE}", "--vpc", account.vpc, "--json", check=False)
        return [one["value"] for one in json.loads(done.stdout or '{"records": []}')["records"]]

    web = check("web", Type="HTTP_STR_MATCH", SearchString="fine")
    tcp = check("tcp", Type="TCP")
    records = (
        simple("www", "A", "10.9.0.1", SetIdentifier="1", Failover="PRIMARY", HealthCheckId=web),
        simple("www", "A", "10.9.0.2", SetIdentifier="2", Failover="SECONDARY"),
    )
    zones.change(*records)
    assert eventually(lambda: status(web)) == ["Success: HTTP Status Code 200, OK."]
    assert eventually(lambda: status(tcp)) == ["Success: Connection established."]
    assert f"(ref {web})" in site.agents[0]
    assert dug("www") == ["10.9.0.1"]
    site.status = 503
    eventually(lambda: dug("www") == ["10.9.0.2"], seconds=20)
    failure = "Failure: HTTP Status Code 503, Service Unavailable."
    assert status(web) == [failure]
    found = zones.route53.get_health_check_last_failure_reason(HealthCheckId=web)
    assert found["HealthCheckObservations"][0]["StatusReport"]["Status"] == failure
