"""A listener of HTTPS, its certificates and clients, for tests with a real HAProxy."""

import json
import socket
import ssl
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import NamedTuple

import pytest
from cryptography import x509
from msgspec.structs import replace

from ecsd.certificates.authority import Authority
from ecsd.decisions.balancers.sni import sni_choices
from ecsd.records.acm.certificate import Certificate
from ecsd.records.plan import ListenerPlan, TlsPlan
from tests.integration.balancer_world import (
    DNS_NAME,
    ENTRANCE,
    forward,
    group,
    opened_world,
    plan,
)

PORT = 18443
NOW = datetime.now(UTC)
AUTHORITY = Authority(None)
POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
TLS12 = "ELBSecurityPolicy-2016-08"
MODERN = "ELBSecurityPolicy-TLS13-1-3-2021-06"


class Served(NamedTuple):
    """A certificate as a plan holds it."""

    record: Certificate
    pem: str


def served(arn, *names, key="EC_prime256v1"):
    issued = AUTHORITY.issue(names, key, NOW)
    facts = issued.facts
    record = Certificate(
        certificate_arn=f"arn:aws:acm:us-east-1:000000000000:certificate/{arn}",
        type="AMAZON_ISSUED",
        domain_name=names[0],
        subject_alternative_names=names,
        body=issued.body,
        sealed_key="",
        facts=facts,
        created_at=NOW,
    )
    return Served(record, issued.body + issued.chain + issued.private_key)


def https(target, default, *listed, policy=POLICY, attributes=None):
    """A balancer with an HTTP listener and an HTTPS listener."""
    made = plan(group("a", target), attributes=attributes)
    tls = TlsPlan(
        ssl_policy=policy,
        default_certificate=default.record.certificate_arn,
        choices=sni_choices([one.record for one in listed]),
    )
    listener = ListenerPlan(
        listener_arn=f"{made.listeners[0].listener_arn}-https",
        port=PORT,
        protocol="HTTPS",
        rules=(),
        default_actions=forward(("a", 1)),
        open_to_world=True,
        tls=tls,
    )
    pems = {one.record.certificate_arn: one.pem for one in (default, *listed)}
    return replace(made, listeners=(*made.listeners, listener), certificates=pems)


def trusting(**more):
    context = ssl.create_default_context(cadata=AUTHORITY.root(NOW))
    for name, value in more.items():
        setattr(context, name, value)
    return context


def handshake(name=None, context=None):
    """Return the certificate that a client gets for a name, and the protocol spoken."""
    if context is None:
        context = trusting(check_hostname=False)
    with (
        socket.create_connection((ENTRANCE, PORT), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname=name) as wrapped,
    ):
        shown = x509.load_der_x509_certificate(wrapped.getpeercert(binary_form=True))
        return shown, wrapped.version()


def negotiated(*protocols):
    """Return which of these protocols is spoken to a client that offers them."""
    context = trusting()
    context.set_alpn_protocols(protocols)
    with (
        socket.create_connection((ENTRANCE, PORT), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname=DNS_NAME) as wrapped,
    ):
        return wrapped.selected_alpn_protocol()


def names_of(certificate):
    alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return alternative.value.get_values_for_type(x509.DNSName)


def serial(one):
    return x509.load_pem_x509_certificate(one.record.body.encode()).serial_number


class Secure(HTTPConnection):
    """A connection that checks certificate and name, and is opened again when it was closed."""

    def __init__(self):
        super().__init__(ENTRANCE, PORT, timeout=10)

    def connect(self):
        raw = socket.create_connection((ENTRANCE, PORT), timeout=10)
        self.sock = trusting().wrap_socket(raw, server_hostname=DNS_NAME)


def fetch(path="/", **headers):
    connection = Secure()
    try:
        connection.request("GET", path, headers={"Host": DNS_NAME} | headers)
        answer = connection.getresponse()
        return json.loads(answer.read())
    finally:
        connection.close()


def at_edge(name, context=None):
    """Ask over TLS on 127.0.0.1; return the certificate's names and what the target heard."""
    context = context or trusting(check_hostname=False)
    with (
        socket.create_connection(("127.0.0.1", PORT), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname=name) as wrapped,
    ):
        shown = x509.load_der_x509_certificate(wrapped.getpeercert(binary_form=True))
        connection = HTTPConnection("127.0.0.1", PORT)
        connection.sock = wrapped
        connection.request("GET", "/", headers={"Host": name or "nobody"})
        heard = json.loads(connection.getresponse().read())
    return names_of(shown), heard


DEFAULT = served("default", DNS_NAME)


@pytest.fixture
async def world():
    async with opened_world() as made:
        yield made
