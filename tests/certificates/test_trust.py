"""Authorities and revocation lists that users bring for trust stores."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from ecsd.certificates.material import Unfit
from ecsd.certificates.trust import MOST_AUTHORITIES, read_bundle, read_revocations
from tests.certificates.pems import pair, revocations

MINE = pair("root.test", authority=True)
OTHER = pair("other.test", authority=True)
CLIENT = pair("client.test", issuer=MINE)
AUTHORITIES = MINE.body.decode()


def test_a_bundle_comes_back_as_what_was_understood_of_it():
    noise = b"who: me\n" + MINE.body + b"# and\n" + MINE.private_key + OTHER.body
    read = read_bundle(noise)
    assert (read.text, read.number) == ((MINE.body + OTHER.body).decode(), 2)


def weak():
    return pair("a", authority=True, key=rsa.generate_private_key(65537, 1024)).body


def long_subjects():
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "n" * 60)] * 9)
    assert len(name.public_bytes()) * 20 > 10_000
    key = MINE.key
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(MINE.certificate.not_valid_before_utc)
        .not_valid_after(MINE.certificate.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, MINE.certificate.signature_hash_algorithm)
    )
    return MINE._replace(certificate=made).body * 20


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (lambda: b"", "not PEM-encoded"),
        (lambda: b"\xff\x00", "not PEM-encoded"),
        (lambda: MINE.body[:-40], "not PEM-encoded"),
        (lambda: MINE.body + CLIENT.body, "not one of a CA"),
        (lambda: MINE.body * (MOST_AUTHORITIES + 1), "more than 25"),
        (lambda: pair(*(f"{n}.test" for n in range(1800)), authority=True).body, "larger than"),
        (weak, "too weak"),
        (long_subjects, "more than 10000 bytes"),
    ],
)
def test_a_bundle_that_could_not_be_gone_by_is_refused(text, words):
    with pytest.raises(Unfit) as caught:
        read_bundle(text())
    assert words in str(caught.value)


def test_keys_that_tls_has_no_use_for_are_refused():
    strange = pair("a", issuer=MINE, authority=True, key=ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(Unfit, match="not supported"):
        read_bundle(strange.body)


def test_a_list_counts_what_it_revokes():
    text = revocations(MINE, CLIENT, OTHER)
    read = read_revocations(b"comment\n" + text, AUTHORITIES)
    assert (read.text, read.entries) == (text.decode(), 2)
    assert read_revocations(revocations(MINE), AUTHORITIES).entries == 0


def test_a_list_of_an_issuer_between_is_taken_as_it_is():
    between = pair("between.test", issuer=MINE, authority=True)
    assert read_revocations(revocations(between, CLIENT), AUTHORITIES).entries == 1


def point(**more):
    whole = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**whole | more)


REASONS = frozenset({x509.ReasonFlags.key_compromise})
STRANGE = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
FORGED = MINE._replace(key=OTHER.key)
OF_ANOTHER_KIND = MINE._replace(key=rsa.generate_private_key(65537, 2048))


def said_to_be_signed_by(number):
    """Make a list that names another algorithm of PKCS #1. Source: RFC 8017, A.2.4."""
    made = x509.load_pem_x509_crl(revocations(OF_ANOTHER_KIND)).public_bytes(Encoding.DER)
    sha256, other = (bytes.fromhex(f"2a864886f70d0101{one:02x}") for one in (11, number))
    return x509.load_der_x509_crl(made.replace(sha256, other)).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "not PEM-encoded"),
        (MINE.body, "not PEM-encoded"),
        (revocations(MINE)[:-40], "not PEM-encoded"),
        (revocations(MINE) + revocations(OTHER), "more than one"),
        (revocations(FORGED, CLIENT), "not signed by the CA"),
        (revocations(OF_ANOTHER_KIND, CLIENT), "not signed by the CA"),
        (said_to_be_signed_by(5), "sha1"),
        (said_to_be_signed_by(31), "algorithm of the list is not supported"),
        (revocations(MINE, extensions=[(x509.DeltaCRLIndicator(1), True)]), "Delta"),
        (revocations(MINE, extensions=[(point(indirect_crl=True), True)]), "Indirect"),
        (revocations(MINE, extensions=[(point(only_some_reasons=REASONS), True)]), "reasons"),
        (
            revocations(MINE, extensions=[(point(only_contains_attribute_certs=True), True)]),
            "Indirect",
        ),
        (revocations(MINE, extensions=[(STRANGE, True)]), "1.2.3.4"),
    ],
)
def test_a_list_that_would_revoke_nobody_in_silence_is_refused(text, words):
    with pytest.raises(Unfit) as caught:
        read_revocations(text, AUTHORITIES)
    assert words in str(caught.value)


def test_extensions_that_change_nothing_are_no_hindrance():
    users = point(only_contains_user_certs=True)
    text = revocations(MINE, CLIENT, extensions=[(STRANGE, False), (users, True)])
    assert read_revocations(text, AUTHORITIES).entries == 1


PIECES = st.sampled_from([MINE.body, CLIENT.body, revocations(MINE, CLIENT), b"\n", b"\x80"])


@given(st.lists(PIECES), st.integers(0, 2000), st.binary(max_size=4))
def test_whatever_is_brought_is_read_or_unfit(pieces, cut, noise):
    text = b"".join(pieces)[:cut] + noise
    for read in (read_bundle, lambda brought: read_revocations(brought, AUTHORITIES)):
        try:
            understood = read(text).text
        except Unfit:
            continue
        assert understood.startswith("-----BEGIN")
        assert read(understood.encode()).text == understood
