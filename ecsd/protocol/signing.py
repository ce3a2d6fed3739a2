"""Signing our own requests to the endpoint, as any AWS client does.

Source: AWS General Reference, Signature Version 4 signing process. The gateway's side of it,
for every form that clients send, is ``gateway/sigv4.py``.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import NamedTuple

ALGORITHM = "AWS4-HMAC-SHA256"


class Signer(NamedTuple):
    """A key pair and what its signatures are for."""

    access_key_id: str
    secret_access_key: str
    region: str
    service: str

    def authorization(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: str = ""
    ) -> str:
        """Return the Authorization header; all of ``headers`` are signed.

        Args:
            method: GET, POST …
            path: as sent, of characters that need no encoding, without its query.
            headers: names in lower case; ``host`` and ``x-amz-date`` have to be among them.
            body: as sent.
            query: as sent, encoded and in the order of its names.
        """
        date = headers["x-amz-date"]
        scope = f"{date[:8]}/{self.region}/{self.service}/aws4_request"
        names = sorted(headers)
        signed = ";".join(names)
        told = "".join(f"{name}:{headers[name]}\n" for name in names)
        payload = hashlib.sha256(body).hexdigest()
        canonical = f"{method}\n{path}\n{query}\n{told}\n{signed}\n{payload}"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        key = f"AWS4{self.secret_access_key}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        text = f"{ALGORITHM}\n{date}\n{scope}\n{digest}"
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        credential = f"Credential={self.access_key_id}/{scope}"
        return f"{ALGORITHM} {credential}, SignedHeaders={signed}, Signature={signature}"
