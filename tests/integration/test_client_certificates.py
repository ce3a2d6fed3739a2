"""Clients' certificates: shown to a target, or judged by trust stores before anything is heard."""

import http.client
import socket
import ssl
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from urllib.parse import unquote
from urllib.request import urlopen

import pytest

from ecsd.certificates.authority import Authority
from tests.certificates.pems import DAY, pair, revocations
from tests.integration.sample import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
NOW = datetime.now(UTC)
PORT, FIRST, SECOND = 8444, 8445, 8446
HEADER = "x-amzn-mtls-clientcert"
SINCE, UNTIL = NOW - 2 * DAY, NOW + 9 * DAY
LATE = datetime(2126, 3, 4, 5, 6, 7, tzinfo=UTC)


class Front:
    """A balancer before a function; its listeners treat clients' certificates as they are told."""

    def __init__(self, account, functions):
        self.account, self.functions = account, functions
        functions.reply = {"statusCode": 200, "body": "hello"}
        account.network()
        account.load_balancer()
        self.elbv2 = account.elbv2
        made = self.elbv2.create_target_group(Name="f", TargetType="lambda")
        self.group = made["TargetGroups"][0]["TargetGroupArn"]
        function = f"arn:aws:lambda:us-east-1:{account.number}:function:f"
        self.elbv2.register_targets(TargetGroupArn=self.group, Targets=[{"Id": function}])
        acm = account.client("acm")
        self.certificate = acm.request_certificate(DomainName=account.dns_name)["CertificateArn"]

    def listen(self, port, **mutual):
        self.account.admit(port)
        made = self.elbv2.create_listener(
            LoadBalancerArn=self.account.balancer,
            Protocol="HTTPS",
            Port=port,
            Certificates=[{"CertificateArn": self.certificate}],
            MutualAuthentication=mutual,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.group}],
        )
        return made["Listeners"][0]["ListenerArn"]

    def connect(self, port, context):
        address = self.account.entrance()
        return http.client.HTTPSConnection(address, port, timeout=10, context=context)

    def told(self, port, context, **headers):
        """Return what the target hears of a request; None: it hears nothing."""
        connection = self.connect(port, context)
        try:
            return self.ask(connection, **headers)
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def advertised(self, port):
        """Return the names of authorities that a client is told, as OpenSSL writes them."""
        place = f"{self.account.entrance()}:{port}"
        words = ["openssl", "s_client", "-connect", place, "-tls1_2"]
        told = subprocess.run(
            words, input="", capture_output=True, text=True, timeout=10, check=False
        )
        _, _, names = told.stdout.partition("Acceptable client certificate CA names\n")
        return names.splitlines()[:1]

    def ask(self, connection, **headers):
        self.functions.asked.clear()
        connection.request("GET", "/", headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            return None
        [(_, event)] = self.functions.asked
        return event["headers"]


@pytest.fixture
def front(account, functions):
    return Front(account, functions)


def trusting(file=None, most=ssl.TLSVersion.TLSv1_3):
    """Return the context of a client that trusts whomever, with a certificate or without."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = most
    if file:
        context.load_cert_chain(file)
    return context


def test_targets_are_told_which_certificate_a_client_has_shown(front, tmp_path):
    front.listen(PORT, Mode="passthrough")
    mine = Authority(None).issue(["me.test"], "RSA_2048", NOW)  # nobody here knows its issuer
    (tmp_path / "mine.pem").write_text(mine.body + mine.private_key)
    context = trusting()
    assert HEADER not in eventually(lambda: front.told(PORT, context, **{HEADER: "forged"}))
    shown = front.told(PORT, trusting(tmp_path / "mine.pem"), **{HEADER: "forged"})[HEADER]
    assert unquote(shown) == mine.body
    assert "%0A" in shown
    assert " " not in shown


class Trust:
    """Trust stores, made of what a test puts into S3; clients' files, named after who they are."""

    def __init__(self, front, folder):
        self.elbv2, self.folder = front.elbv2, folder
        self.s3 = front.account.client("s3")
        self.bucket = f"trust-{front.account.number}"
        self.s3.create_bucket(Bucket=self.bucket)

    def place(self, content, *keys):
        self.s3.put_object(Bucket=self.bucket, Key="k", Body=content)
        return dict(zip(keys, (self.bucket, "k"), strict=True))

    def bundle(self, *authorities):
        text = b"".join(one.body for one in authorities)
        member = "CaCertificatesBundleS3"
        return self.place(text, f"{member}Bucket", f"{member}Key")

    def store(self, name, *authorities):
        made = self.elbv2.create_trust_store(Name=name, **self.bundle(*authorities))
        return made["TrustStores"][0]["TrustStoreArn"]

    def revoke(self, arn, issuer, *clients):
        text = revocations(issuer, *clients, since=SINCE, until=UNTIL)
        content = self.place(text, "S3Bucket", "S3Key")
        added = self.elbv2.add_trust_store_revocations(
            TrustStoreArn=arn, RevocationContents=[content]
        )
        return added["TrustStoreRevocations"][0]["RevocationId"]

    def client(self, name, issuer, until=UNTIL):
        large = [f"{number}.{name}" for number in range(80)]
        made = pair(name, *large, issuer=issuer, since=SINCE, until=until)
        file = self.folder / f"{name}.pem"
        file.write_bytes(made.body + made.private_key)
        return made, trusting(file)


class Clients:
    """Clients of two authorities, and a front whose first listener trusts one of them."""

    def __init__(self, front, folder):
        self.front, self.trust = front, Trust(front, folder)
        self.root = pair("root.test", since=SINCE, until=UNTIL, authority=True)
        self.other = pair("other.test", since=SINCE, until=UNTIL, authority=True)
        self.store = self.trust.store("ours", self.root)
        self.listener = front.listen(FIRST, Mode="verify", TrustStoreArn=self.store)
        self.mine, self.right = self.trust.client("right.test", self.root, LATE)
        self.gone, revoked = self.trust.client("revoked.test", self.root)
        _, expired = self.trust.client("expired.test", self.root, NOW - DAY)
        _, wrong = self.trust.client("wrong.test", self.other)
        self.all = {"right": self.right, "revoked": revoked, "expired": expired, "wrong": wrong}

    def passing(self, port=FIRST):
        """Return whose requests reach the target; nobody's without a certificate do."""
        assert self.front.told(port, trusting()) is None
        return {name for name, one in self.all.items() if self.front.told(port, one) is not None}


@pytest.fixture
def clients(front, tmp_path):
    return Clients(front, tmp_path)


def test_a_target_is_told_what_was_verified_and_nothing_else(front, clients):
    forged = {f"{HEADER}{part}": "forged" for part in ("", "-subject", "-leaf", "-serial-number")}
    shown = eventually(lambda: front.told(FIRST, clients.right, **forged))
    serial = f"{clients.mine.certificate.serial_number:X}"
    validity = f"NotBefore={SINCE:%Y-%m-%dT%H:%M:%SZ};NotAfter={LATE:%Y-%m-%dT%H:%M:%SZ}"
    assert unquote(shown.pop(f"{HEADER}-leaf")) == clients.mine.body.decode()
    assert {name: value for name, value in shown.items() if name.startswith(HEADER)} == {
        f"{HEADER}-serial-number": serial.zfill(len(serial) + len(serial) % 2),
        f"{HEADER}-issuer": "CN=root.test",
        f"{HEADER}-subject": "CN=right.test",
        f"{HEADER}-validity": validity,
    }
    assert front.told(FIRST, clients.right, **{"x-long": "x" * 14_000})  # there is room for both
    # A session that was begun where nobody asks for certificates opens nothing here.
    older = trusting(most=ssl.TLSVersion.TLSv1_2)
    older.options |= ssl.OP_NO_TICKET
    front.listen(PORT, Mode="off")
    eventually(lambda: front.told(PORT, older))
    with closing(front.connect(PORT, older)) as begun:
        begun.connect()
        session = begun.sock.session
    with closing(front.connect(PORT, older)) as again:
        assert front.ask(resuming(again, session))
    with closing(front.connect(FIRST, older)) as elsewhere, pytest.raises(OSError, match="alert"):
        resuming(elsewhere, session)


def resuming(connection, session):
    """Return a connection that goes on with a session of TLS."""
    plain = socket.create_connection((connection.host, connection.port), 10)
    try:
        connection.sock = connection._context.wrap_socket(plain, session=session)
    except OSError:
        plain.close()
        raise
    return connection


def test_only_clients_of_a_trust_store_get_past_the_handshake(front, clients):
    elbv2, trust, store = front.elbv2, clients.trust, clients.store
    theirs = trust.store("theirs", clients.other)
    front.listen(SECOND, Mode="verify", TrustStoreArn=theirs, AdvertiseTrustStoreCaNames="on")
    eventually(lambda: front.told(FIRST, clients.right))
    assert clients.passing() == {"right", "revoked"}
    assert eventually(lambda: clients.passing(SECOND)) == {"wrong"}
    assert (front.advertised(FIRST), front.advertised(SECOND)) == ([], ["CN = other.test"])

    # While somebody is connected, a list and another bundle count for whoever comes next.
    with closing(front.connect(FIRST, clients.right)) as kept:
        assert front.ask(kept)
        listed = trust.revoke(store, clients.root, clients.gone)
        eventually(lambda: clients.passing() == {"right"})
        elbv2.modify_trust_store(TrustStoreArn=store, **trust.bundle(clients.other))
        eventually(lambda: clients.passing() == {"wrong"})
        assert front.ask(kept)
    elbv2.modify_trust_store(TrustStoreArn=store, **trust.bundle(clients.root, clients.other))
    elbv2.remove_trust_store_revocations(TrustStoreArn=store, RevocationIds=[listed])
    lenient = {"Mode": "verify", "TrustStoreArn": store, "IgnoreClientCertificateExpiry": True}
    elbv2.modify_listener(ListenerArn=clients.listener, MutualAuthentication=lenient)
    eventually(lambda: clients.passing() == set(clients.all))

    url = elbv2.get_trust_store_ca_certificates_bundle(TrustStoreArn=theirs)["Location"]
    assert urlopen(url, timeout=10).read() == clients.other.body
