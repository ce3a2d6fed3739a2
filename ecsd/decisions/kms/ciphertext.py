"""What Encrypt answers: which key and backing key made it, then nonce and sealed text.

Layout: 4 bytes of mark, 16 of key id, 4 of the backing key's number, 12 of nonce, then the text
and the 16 bytes of tag of AES-256-GCM. What comes before the nonce, and the encryption context, are
authenticated with it. Source: AWS KMS Developer Guide, encryption context; NIST SP 800-38D.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

MARK = b"\x01\x02\x02\x00"
ID_BYTES, NUMBER_BYTES, NONCE_BYTES, TAG_BYTES = 16, 4, 12, 16
KEY_BYTES = 32
HEAD_BYTES = len(MARK) + ID_BYTES + NUMBER_BYTES


class Ciphertext(NamedTuple):
    """A ciphertext blob, taken apart. number: of the backing key, from 0."""

    key_id: str
    number: int
    nonce: bytes
    sealed: bytes

    @property
    def head(self) -> bytes:
        """What says which key it needs."""
        identity = bytes.fromhex(self.key_id.replace("-", ""))
        return MARK + identity + self.number.to_bytes(NUMBER_BYTES, "big")

    @property
    def blob(self) -> bytes:
        """The whole of it."""
        return self.head + self.nonce + self.sealed


def parse(blob: bytes) -> Ciphertext | None:
    """Return a blob's parts; None for what is none."""
    if len(blob) < HEAD_BYTES + NONCE_BYTES + TAG_BYTES or not blob.startswith(MARK):
        return None
    digits = blob[len(MARK) :][:ID_BYTES].hex()
    cuts = (0, 8, 12, 16, 20, 32)
    return Ciphertext(
        key_id="-".join(digits[start:end] for start, end in pairwise(cuts)),
        number=int.from_bytes(blob[HEAD_BYTES - NUMBER_BYTES : HEAD_BYTES], "big"),
        nonce=blob[HEAD_BYTES:][:NONCE_BYTES],
        sealed=blob[HEAD_BYTES + NONCE_BYTES :],
    )


def seal(
    material: bytes, place: tuple[str, int], nonce: bytes, plaintext: bytes, context: bytes
) -> Ciphertext:
    """Return a text encrypted under key material. place: key id, number of the backing key.

    context: as ``associated`` writes it. A nonce may be used once with the same material.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    bare = Ciphertext(*place, nonce, b"")
    sealed = AESGCM(material).encrypt(nonce, plaintext, bare.head + context)
    return bare._replace(sealed=sealed)


def unseal(material: bytes, given: Ciphertext, context: bytes) -> bytes | None:
    """Return the plaintext; None when text, head, context or key are not those it was made with."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(material).decrypt(given.nonce, given.sealed, given.head + context)
    except InvalidTag:
        return None  # the caller has its own words for it


def associated(context: Mapping[str, str] | None) -> bytes:
    """Return an encryption context as bytes: the same for the same pairs in any order."""
    pairs = sorted((context or {}).items())
    texts = [text.encode() for pair in pairs for text in pair]
    return b"".join(len(text).to_bytes(4, "big") + text for text in texts)
