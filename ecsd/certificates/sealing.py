"""The seal on private keys at rest: the store holds none that is readable by itself.

Source: Fernet's specification (AES-128-CBC, HMAC-SHA256), as ``cryptography`` implements it.
"""

import hashlib
import hmac
from pathlib import Path
from typing import TYPE_CHECKING

from ecsd.certificates.private_files import write_private
from ecsd.errors import CertificateError

if TYPE_CHECKING:  # loaded at first use
    from cryptography.fernet import Fernet

FILE = "seal.key"


class KeySeal:
    """Seals texts under one key, which lies beside the store in a file of mode 0600.

    folder: where that file is, or is made at first use; None: the key goes with the process.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._fernet: Fernet | None = None
        self._key = b""

    def seal(self, text: str, about: str) -> str:
        """Return the text sealed; it opens for the same ``about`` alone."""
        if self._fernet is None:
            self._fernet = self._opened() or self._made()
        return self._fernet.encrypt(f"{about}\n{text}".encode()).decode()

    def mark(self, text: str) -> str:
        """Return 32 hexadecimal digits by which a text is known again as marked here."""
        if self._fernet is None:
            self._fernet = self._opened() or self._made()
        return hmac.new(self._key, f"mark\n{text}".encode(), hashlib.sha256).hexdigest()[:32]

    def unseal(self, sealed: str, about: str) -> str:
        """Return what was sealed.

        Raises:
            CertificateError: it was sealed under another key, or for something else.
        """
        from cryptography.fernet import InvalidToken

        if self._fernet is None:
            self._fernet = self._opened()
        if self._fernet is None:
            raise CertificateError(f"{self._folder}/{FILE} is missing: what it sealed is lost")
        try:
            name, _, text = self._fernet.decrypt(sealed.encode()).decode().partition("\n")
        except InvalidToken as error:
            raise CertificateError(
                f"the private key of {about} was sealed under another key than "
                f"{self._folder}/{FILE}: import or request the certificate again"
            ) from error
        if name != about:
            raise CertificateError(f"the private key of {about} is that of {name}")
        return text

    def _opened(self) -> "Fernet | None":
        from cryptography.fernet import Fernet

        if self._folder is None:
            return None
        try:
            self._key = (self._folder / FILE).read_bytes()
            return Fernet(self._key)
        except FileNotFoundError:
            return None  # first use
        except ValueError as error:
            raise CertificateError(f"{self._folder}/{FILE} is no key: {error}") from error

    def _made(self) -> "Fernet":
        from cryptography.fernet import Fernet

        self._key = Fernet.generate_key()
        if self._folder is not None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self._folder / FILE, self._key)
        return Fernet(self._key)
