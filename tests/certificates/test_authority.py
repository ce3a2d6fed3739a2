"""The local authority: its root, its files, what it issues."""

import stat
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from ecsd.certificates.authority import Authority
from ecsd.certificates.issuing import VALID_DAYS
from ecsd.errors import CertificateError
from tests.certificates.pems import NOW


def verified(issued, root, host):
    store = Store([x509.load_pem_x509_certificate(root.encode())])
    verifier = PolicyBuilder().store(store).time(NOW).build_server_verifier(x509.DNSName(host))
    return verifier.verify(x509.load_pem_x509_certificate(issued.body.encode()), [])


@pytest.mark.parametrize("algorithm", ["RSA_2048", "EC_prime256v1", "EC_secp384r1"])
def test_a_client_that_trusts_the_root_takes_what_it_issues(algorithm):
    authority = Authority(None)
    issued = authority.issue(["example.com", "*.example.com"], algorithm, NOW)
    for host in ("example.com", "www.example.com"):
        assert verified(issued, authority.root(NOW), host)
    assert issued.chain == authority.root(NOW)


def test_a_client_refuses_it_for_other_names_and_after_its_time():
    authority = Authority(None)
    issued = authority.issue(["example.com"], "EC_prime256v1", NOW)
    with pytest.raises(x509.verification.VerificationError):
        verified(issued, authority.root(NOW), "example.org")
    body = x509.load_pem_x509_certificate(issued.body.encode())
    assert body.not_valid_after_utc == NOW + timedelta(days=VALID_DAYS)
    usage = body.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_the_root_is_made_once_and_its_key_is_its_owners(tmp_path):
    folder = tmp_path / "authority"
    root = Authority(folder).root(NOW)
    assert Authority(folder).root(NOW + timedelta(days=1)) == root
    assert stat.S_IMODE((folder / "root.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "PRIVATE" not in (folder / "root.pem").read_text()


def test_a_root_cut_off_in_its_making_is_made_anew(tmp_path):
    Authority(tmp_path).root(NOW)
    (tmp_path / "root.pem").unlink()
    root = Authority(tmp_path).root(NOW)
    assert Authority(tmp_path).root(NOW) == root


def test_a_damaged_authority_says_so_and_is_not_replaced(tmp_path):
    Authority(tmp_path).root(NOW)
    other = tmp_path / "other"
    Authority(other).root(NOW)
    key = tmp_path / "root.key"
    key.write_bytes((other / "root.key").read_bytes())
    with pytest.raises(CertificateError, match="is not the key"):
        Authority(tmp_path).root(NOW)
    key.write_text("nonsense")
    with pytest.raises(CertificateError, match="cannot be read"):
        Authority(tmp_path).root(NOW)
