"""The local certificate authority: a root made at first use, and what it issues.

Source: RFC 5280; AWS Certificate Manager User Guide, characteristics of public certificates.
"""

import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ecsd.certificates.material import Material
from ecsd.certificates.private_files import write_private
from ecsd.certificates.sealing import KeySeal
from ecsd.certificates.token_key import TokenKey
from ecsd.decisions.balancers.certificate import Issue
from ecsd.errors import CertificateError

if TYPE_CHECKING:
    from ecsd.certificates.issuing import Root

ROOT_FILE = "root.pem"
KEY_FILE = "root.key"
KEY_ALGORITHMS = ("EC_prime256v1", "EC_secp384r1", "RSA_2048")


class Authority:
    """Issues certificates under its own root; keeps the seal on private keys and the tokens' key.

    folder: where the root and its key (mode 0600) are, or are made at first use; None: both go
    with the process. May be used from several threads.
    """

    def __init__(self, folder: Path | None) -> None:
        self.seal = KeySeal(folder)
        self.token_key = TokenKey(folder)
        self._folder = folder
        self._root: Root | None = None
        self._lock = threading.Lock()

    def root(self, now: datetime) -> str:
        """Return the root certificate (PEM), made if there is none yet."""
        from ecsd.certificates.issuing import pem

        return pem(self._entered(now).certificate)

    def issue(self, names: Sequence[str], key_algorithm: str, now: datetime) -> Material:
        """Return a server certificate for domain names, the first its subject; takes a while.

        key_algorithm: one of ``KEY_ALGORITHMS``.
        """
        from ecsd.certificates.issuing import issue

        return issue(self._entered(now), names, key_algorithm, now)

    def kept(self, material: Material, certificate_arn: str) -> Issue:
        """Return a certificate as the store keeps it: its private key sealed."""
        sealed_key = self.seal.seal(material.private_key, certificate_arn)
        return Issue(material.body, material.chain, sealed_key, material.facts)

    def _entered(self, now: datetime) -> "Root":
        with self._lock:
            if self._root is None:
                self._root = self._read() or self._made(now)
            return self._root

    def _read(self) -> "Root | None":
        from ecsd.certificates.issuing import read_root

        if self._folder is None or not (self._folder / ROOT_FILE).exists():
            return None  # first use, or cut off in it: the certificate comes last
        try:
            root = read_root(
                (self._folder / ROOT_FILE).read_bytes(), (self._folder / KEY_FILE).read_bytes()
            )
        except (OSError, ValueError) as error:
            raise CertificateError(
                f"the local authority in {self._folder} cannot be read: {error}"
            ) from error
        if root is None:
            raise CertificateError(f"{self._folder}/{KEY_FILE} is not the key of {ROOT_FILE}")
        return root

    def _made(self, now: datetime) -> "Root":
        from ecsd.certificates.issuing import key_pem, new_root, pem

        root = new_root(now)
        if self._folder is not None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self._folder / KEY_FILE, key_pem(root.key).encode())
            write_private(self._folder / ROOT_FILE, pem(root.certificate).encode())
        return root
