"""Certificates that users bring: read, checked, refused in words."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from ecsd.certificates.material import Unfit
from ecsd.certificates.reading import read_material
from tests.certificates.pems import DAY, NOW, key_pem, pair

ROOT = pair("Test root", authority=True)
MIDDLE = pair("Test middle", issuer=ROOT, authority=True)
LEAF = pair("www.example.com", "*.example.org", issuer=MIDDLE)


def test_what_a_certificate_says_is_told_in_the_apis_words():
    material = read_material(LEAF.body, MIDDLE.body + ROOT.body, LEAF.private_key, NOW)
    facts = material.facts
    assert facts.domain_names == ("www.example.com", "*.example.org")
    assert (facts.key_algorithm, facts.strength) == ("EC-prime256v1", 256)
    assert facts.signature_algorithm == "SHA256WITHECDSA"
    assert (facts.subject, facts.issuer) == ("CN=www.example.com", "Test middle")
    assert facts.not_after == NOW + timedelta(days=100)
    number = int(facts.serial.replace(":", ""), 16)
    assert number == LEAF.certificate.serial_number
    assert set(map(len, facts.serial.split(":"))) == {2}
    assert material.body == LEAF.body.decode()
    assert material.chain == (MIDDLE.body + ROOT.body).decode()


def test_an_rsa_key_and_text_around_the_pem_are_taken():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    mine = pair("a.example.com", key=key)
    body = b"Bag Attributes\n\n" + mine.body.replace(b"\n", b"\r\n") + b"\n\n"
    material = read_material(body, None, mine.private_key, NOW)
    assert material.facts.key_algorithm == "RSA-2048"
    assert material.body == mine.body.decode()  # as HAProxy may be given it: no empty line
    assert material.chain == ""


OTHER = pair("www.example.com", issuer=MIDDLE)
EXPIRED = pair("www.example.com", since=NOW - 9 * DAY, until=NOW - DAY)
EARLY = pair("www.example.com", since=NOW + DAY)
OLD_ROOT = pair("Test root", key=ROOT.key, authority=True, since=NOW - 9 * DAY, until=NOW - DAY)
ODD = ed25519.Ed25519PrivateKey.generate()
SMALL = pair("www.example.com", key=ec.generate_private_key(ec.SECP224R1()))


@pytest.mark.parametrize(
    ("body", "chain", "key", "words"),
    [
        (b"nonsense", None, LEAF.private_key, "The certificate is not PEM-encoded"),
        (LEAF.body + MIDDLE.body, None, LEAF.private_key, "more than one certificate"),
        (LEAF.body, None, b"nonsense", "The private key is not PEM-encoded"),
        (LEAF.body, None, key_pem(LEAF.key, b"pass"), "The private key is not supported"),
        (LEAF.body, None, key_pem(ODD), "The private key is not supported"),
        (SMALL.body, None, SMALL.private_key, "The private key is not supported"),
        (LEAF.body, None, OTHER.private_key, "does not match"),
        (EXPIRED.body, None, EXPIRED.private_key, "has expired"),
        (EARLY.body, None, EARLY.private_key, "not yet valid"),
        (LEAF.body, b"nonsense", LEAF.private_key, "The certificate chain is not PEM-encoded"),
        (LEAF.body, ROOT.body, LEAF.private_key, "Could not validate"),
        (LEAF.body, ROOT.body + MIDDLE.body, LEAF.private_key, "Could not validate"),
        (LEAF.body, LEAF.body, LEAF.private_key, "Could not validate"),
        (LEAF.body, MIDDLE.body + OLD_ROOT.body, LEAF.private_key, "Could not validate"),
    ],
)
def test_what_cannot_be_served_is_refused(body, chain, key, words):
    with pytest.raises(Unfit, match=words):
        read_material(body, chain, key, NOW)


def test_what_openssl_would_not_serve_is_read_and_told_apart():
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    weak_root = pair("Weak root", key=short, authority=True)
    weak_middle = pair("Weak middle", key=short, issuer=ROOT, authority=True)

    def servable(mine, chain=None):
        return read_material(mine.body, chain, mine.private_key, NOW).facts.servable

    assert servable(LEAF, MIDDLE.body + ROOT.body)
    assert not servable(pair("a.test", key=short))
    assert not servable(pair("a.test", issuer=weak_root), weak_root.body)
    assert not servable(pair("a.test", issuer=weak_middle), weak_middle.body)
    assert servable(pair("a.test", issuer=weak_root))  # without its chain nobody sees it


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@given(st.integers(0, 900), st.binary(max_size=4))
def test_whatever_is_brought_is_read_or_refused(at, noise):
    """No damage to a file ends in another error than a refusal."""
    body = LEAF.body[:at] + noise + LEAF.body[at + len(noise) :]
    key = LEAF.private_key[:at] + noise + LEAF.private_key[at + len(noise) :]
    for brought in ((body, LEAF.private_key), (LEAF.body, key)):
        try:
            read_material(brought[0], None, brought[1], NOW)
        except Unfit:
            continue  # refused in words: any other error fails this test
