"""Private keys at rest."""

import stat

import pytest

from ecsd.certificates.sealing import KeySeal
from ecsd.errors import CertificateError


def test_what_is_sealed_opens_again_and_is_not_readable(tmp_path):
    sealed = KeySeal(tmp_path).seal("secret text", "arn:1")
    assert "secret" not in sealed
    assert KeySeal(tmp_path).unseal(sealed, "arn:1") == "secret text"
    assert stat.S_IMODE((tmp_path / "seal.key").stat().st_mode) == 0o600


def test_it_opens_for_nothing_else(tmp_path):
    seal = KeySeal(tmp_path)
    with pytest.raises(CertificateError, match="is that of arn:1"):
        seal.unseal(seal.seal("secret", "arn:1"), "arn:2")


def test_a_lost_or_foreign_seal_is_told_and_not_replaced(tmp_path):
    sealed = KeySeal(tmp_path).seal("secret", "arn:1")
    (tmp_path / "seal.key").unlink()
    with pytest.raises(CertificateError, match="missing"):
        KeySeal(tmp_path).unseal(sealed, "arn:1")
    assert not (tmp_path / "seal.key").exists()
    (tmp_path / "seal.key").write_text("nonsense")
    with pytest.raises(CertificateError, match="is no key"):
        KeySeal(tmp_path).unseal(sealed, "arn:1")


def test_another_seal_does_not_open_it(tmp_path):
    sealed = KeySeal(tmp_path).seal("secret", "arn:1")
    other = KeySeal(None)
    other.seal("something", "arn:2")
    with pytest.raises(CertificateError, match="import or request"):
        other.unseal(sealed, "arn:1")
