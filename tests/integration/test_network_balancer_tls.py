"""TLS listeners of network load balancers: real clients, by name, while everything changes."""

import ssl
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from functools import partial

import pytest

from tests.certificates.pems import DAY, pair
from tests.integration.nlb_world import Flow, Flows, Host, Knocking
from tests.integration.sample import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
OVER = {
    "deregistration_delay.timeout_seconds": "2",
    "deregistration_delay.connection_termination.enabled": "true",
}


class SecureFlow(Flow):
    """A flow over TLS to a name; its certificate is checked for that name."""

    def __init__(self, place, address, port, context, name):
        super().__init__(place, address, port)
        plain, self._socket = self._socket, None
        try:
            self._socket = context.wrap_socket(plain, server_hostname=name)
        except OSError:
            plain.close()
            raise
        self.protocol = self._socket.selected_alpn_protocol()
        self.serial = self._socket.getpeercert()["serialNumber"]


def ask(place, address, port, root, name, own=None):
    context = ssl.create_default_context(cadata=root)
    if own:
        context.load_cert_chain(own)
    with closing(SecureFlow(place, address, port, context, name)) as flow:
        return flow.ask()


class Shop:
    """A balancer whose TLS listener leads to plain targets, blue, and to one by TLS, green."""

    def __init__(self, flows, root, folder):
        self.flows, self.root = flows, root
        self.elbv2, self.acm = flows.account.elbv2, flows.account.client("acm")
        shop, book = self.certificate("shop.test"), self.certificate("book.test")
        gate = flows.group("nlb", {"CidrIp": "0.0.0.0/0"}, protocol="tcp", port=443)
        behind = flows.group("behind", groups=[gate])
        self.first, self.second, self.third = flows.tasks("a", "a", "a", group=behind)
        (self.client,) = flows.tasks("a")
        mine = pair("target.test")
        (folder / "target.pem").write_bytes(mine.body + mine.private_key)
        for one in (self.first, self.second):
            one.serve()
        self.third.serve(pem=folder / "target.pem")
        self.address = flows.balancer(SecurityGroups=[gate])["a"]
        self.blue = flows.target_group("blue", self.first, self.second, attributes=OVER)
        self.green = flows.target_group("green", self.third, protocol="TLS")
        self.listener = flows.listen(
            443,
            (self.blue, 100),
            (self.green, 0),
            protocol="TLS",
            Certificates=[{"CertificateArn": shop}],
            AlpnPolicy=["HTTP2Preferred"],
        )
        self.elbv2.add_listener_certificates(
            ListenerArn=self.listener, Certificates=[{"CertificateArn": book}]
        )
        flows.healthy(self.blue, self.first, self.second)
        flows.healthy(self.green, self.third)
        eventually(lambda: self.serves("book.test"))

    def certificate(self, name):
        made = self.acm.request_certificate(DomainName=name, ValidationMethod="DNS")
        return made["CertificateArn"]

    def open(self, name, *protocols):
        context = ssl.create_default_context(cadata=self.root)
        if protocols:
            context.set_alpn_protocols(protocols)
        return SecureFlow(self.client, self.address, 443, context, name)

    def serves(self, name):
        try:
            self.open(name).close()
        except OSError:
            return False
        return True

    def settled(self, *protocols):
        """Return the protocol that a client gets of these, and as whom its target sees it."""
        with closing(self.open("shop.test", *protocols)) as flow:
            return flow.protocol, flow.ask()[1]

    def serial(self):
        with closing(self.open("shop.test")) as flow:
            return flow.serial

    def change(self, **more):
        self.elbv2.modify_listener(ListenerArn=self.listener, **more)

    def verify(self, authority):
        """Let only clients of an authority in."""
        s3, bucket = self.flows.account.client("s3"), f"trust-{self.flows.account.number}"
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="ca", Body=authority.body)
        where = {"CaCertificatesBundleS3Bucket": bucket, "CaCertificatesBundleS3Key": "ca"}
        (store,) = self.elbv2.create_trust_store(Name="clients", **where)["TrustStores"]
        mutual = {"Mode": "verify", "TrustStoreArn": store["TrustStoreArn"]}
        self.change(MutualAuthentication=mutual)

    def weigh(self, blue, green):
        weights = {self.blue: blue, self.green: green}
        groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
        self.change(DefaultActions=[action])


@pytest.fixture
def shop(account, ecsd, tmp_path):
    flows = Flows(account)
    try:
        yield Shop(flows, ecsd.run("ca").stdout, tmp_path)
    finally:
        flows.close()


def test_tls_ends_at_the_balancer_for_clients_in_the_vpc_and_on_the_host(shop, tmp_path):
    at = (shop.client, shop.address, 443, shop.root)
    # The name chooses the certificate; the balancer is what targets see.
    assert {ask(*at, name)[1] for name in ("shop.test", "book.test")} == {shop.address}
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(*at, "other.test")
    assert shop.settled("http/1.1", "h2") == ("h2", shop.address)
    assert shop.settled("http/1.1") == ("http/1.1", shop.address)
    assert shop.settled("smtp") == (None, shop.address)
    relay = shop.flows.relays()[0]
    assert _is_refused(shop.client, *relay)  # past the balancer

    entrance = shop.flows.account.entrance()  # as its name is resolved
    targets = {ask(Host(), entrance, 443, shop.root, "book.test")[0] for _ in range(12)}
    assert targets == {shop.first.address, shop.second.address}
    _clients_of_a_trust_store_alone_reach_targets(shop, tmp_path)


def _clients_of_a_trust_store_alone_reach_targets(shop, folder):
    at = (shop.client, shop.address, 443, shop.root, "shop.test")
    now = datetime.now(UTC)
    valid = {"since": now - DAY, "until": now + DAY}
    authority = pair("root.test", authority=True, **valid)
    mine, other = (folder / f"{name}.pem" for name in ("mine", "other"))
    for file, issuer in ((mine, authority), (other, None)):
        made = pair("client.test", issuer=issuer, **valid)
        file.write_bytes(made.body + made.private_key)
    assert ask(*at)[1] == shop.address
    shop.verify(authority)
    eventually(lambda: not _reaches(at))
    assert not _reaches(at, other)
    assert ask(*at, mine)[1] == shop.address


def _reaches(at, own=None):
    try:
        return bool(ask(*at, own))
    except OSError:
        return False


def test_nothing_fails_while_targets_weights_policies_and_certificates_change(shop):
    asking = partial(ask, root=shop.root, name="book.test")
    gone, green = shop.second.address, shop.third.address
    with ExitStack() as stack, Knocking(shop.client, shop.address, 443, asking) as knocking:
        held = [stack.enter_context(closing(shop.open("book.test"))) for _ in range(12)]
        leaving = [one for one in held if one.ask()[0] == gone]
        staying = [one for one in held if one not in leaving]
        assert leaving
        assert staying
        eventually(lambda: knocking.targets[gone])
        shop.flows.deregister(shop.blue, shop.second)
        eventually(lambda: shop.flows.states(shop.blue)[gone] == "draining")
        assert {one.ask()[0] for one in leaving} == {gone}
        eventually(lambda: gone not in shop.flows.states(shop.blue))
        eventually(lambda: all(_is_over(one) for one in leaving))

        # Green's targets speak TLS, and hear what the client has settled.
        shop.weigh(0, 100)
        eventually(lambda: shop.settled("h2", "http/1.1") == ("h2", f"{shop.address}+h2"))
        assert shop.settled("http/1.1") == ("http/1.1", f"{shop.address}+http/1.1")
        assert shop.settled() == (None, f"{shop.address}+None")

        shop.change(SslPolicy="ELBSecurityPolicy-TLS13-1-3-2021-06", AlpnPolicy=["None"])
        eventually(lambda: shop.settled("h2") == (None, f"{shop.address}+None"))
        before = shop.serial()
        again = shop.certificate("shop.test")
        shop.change(Certificates=[{"CertificateArn": again}])
        eventually(lambda: shop.serial() != before)
        seen = knocking.targets[green]
        eventually(lambda: knocking.targets[green] > seen + 20)
        assert {one.ask()[0] for one in staying} == {shop.first.address}
    assert knocking.failures == []
    assert set(knocking.targets) == {shop.first.address, gone, green}


def _is_refused(place, address, port):
    try:
        Flow(place, address, port).close()
    except OSError:
        return True
    return False


def _is_over(flow):
    try:
        flow.ask()
    except OSError:
        return True
    return False
