"""Clients' certificates on their way to a target: shown, not judged, and not to be forged."""

import http.client
import ssl
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest

from ecsd.certificates.authority import Authority
from tests.integration.sample import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
NOW = datetime.now(UTC)
PORT = 8444
HEADER = "x-amzn-mtls-clientcert"


def test_targets_are_told_which_certificate_a_client_has_shown(account, functions, tmp_path):
    functions.reply = {"statusCode": 200, "body": "hello"}
    account.network()
    account.load_balancer()
    elbv2 = account.elbv2
    account.admit(PORT)
    made = elbv2.create_target_group(Name="f", TargetType="lambda")
    group = made["TargetGroups"][0]["TargetGroupArn"]
    function = f"arn:aws:lambda:us-east-1:{account.number}:function:f"
    elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": function}])
    requested = account.client("acm").request_certificate(DomainName=account.dns_name)
    elbv2.create_listener(
        LoadBalancerArn=account.balancer,
        Protocol="HTTPS",
        Port=PORT,
        Certificates=[{"CertificateArn": requested["CertificateArn"]}],
        MutualAuthentication={"Mode": "passthrough"},
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    mine = Authority(None).issue(["me.test"], "RSA_2048", NOW)  # nobody here knows its issuer
    (tmp_path / "mine.pem").write_text(mine.body + mine.private_key)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def told(forged="forged"):
        """Return what the target hears of the client's certificate."""
        address = account.entrance()
        connection = http.client.HTTPSConnection(address, PORT, timeout=10, context=context)
        functions.asked.clear()
        try:
            connection.request("GET", "/", headers={HEADER: forged})
            if connection.getresponse().status != 200:
                return None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        [(_, event)] = functions.asked
        return event["headers"]

    assert HEADER not in eventually(told)
    context.load_cert_chain(tmp_path / "mine.pem")
    shown = told()[HEADER]
    assert unquote(shown) == mine.body
    assert "%0A" in shown
    assert " " not in shown
