"""What an image's manifest says: what it is, and what it rests on.

Source: OCI Image Specification 1.1, manifest and index; Docker Image Manifest V2, Schema 2.
"""

from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from ecsd.decisions.ecr.names import is_digest

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
SINGLE, MANY = (DOCKER_MANIFEST, OCI_MANIFEST), (DOCKER_LIST, OCI_INDEX)
MOST_BYTES = 4 << 20  # of a manifest


class Manifest(NamedTuple):
    """A manifest that was read.

    Attributes:
        blobs: digests of its configuration and layers, and how large each is in bytes.
        children: digests of the images that a list names.
        artifact_type: of an artifact, or of the configuration.
        subject: digest of the image that an artifact is about.
    """

    digest: str
    media_type: str
    blobs: dict[str, int]
    children: tuple[str, ...] = ()
    artifact_type: str = ""
    subject: str = ""

    @property
    def size(self) -> int:
        """Bytes of configuration and layers together."""
        return sum(self.blobs.values())


def read_manifest(content: bytes, media_type: str) -> Manifest | str:
    """Return a manifest, or what is wrong with it. media_type: as told; empty: its own."""
    if len(content) > MOST_BYTES:
        return f"the manifest is larger than {MOST_BYTES} bytes"
    try:
        document = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError) as error:
        return f"the manifest is no JSON: {error}"
    if not isinstance(document, dict) or document.get("schemaVersion") != 2:  # noqa: PLR2004
        return "the manifest's schemaVersion must be 2"
    own = document.get("mediaType") or media_type or _guess(document)
    if media_type and own != media_type:
        return f"the manifest says that it is {own}, and was sent as {media_type}"
    if own not in SINGLE + MANY:
        return f"manifests of the type {own} are not supported"
    return _read(content, str(own), document)


def _read(content: bytes, media_type: str, document: dict[str, Any]) -> Manifest | str:
    many = media_type in MANY
    named = "manifests" if many else "layers"
    listed = document.get(named)
    if not isinstance(listed, list) or (not many and "config" not in document):
        return f"the manifest has no {named}" if many else "the manifest lacks config or layers"
    parts = listed if many else [document["config"], *listed]
    faults = [fault for one in parts if (fault := _fault(one))]
    subject = document.get("subject")
    if subject is not None:
        faults += [fault for fault in [_fault(subject)] if fault]
    if faults:
        return faults[0]
    config_type = "" if many else str(document["config"].get("mediaType", ""))
    return Manifest(
        digest=digest_of(content),
        media_type=media_type,
        blobs={} if many else {one["digest"]: one["size"] for one in parts},
        children=tuple(one["digest"] for one in parts) if many else (),
        artifact_type=str(document.get("artifactType") or config_type),
        subject=subject["digest"] if subject else "",
    )


def digest_of(content: bytes) -> str:
    """Return what a manifest is known by."""
    return f"sha256:{sha256(content).hexdigest()}"


def _guess(document: dict[str, Any]) -> str:
    """Return the type of a manifest that says none: OCI's may leave it out."""
    return OCI_INDEX if "manifests" in document else OCI_MANIFEST


def _fault(part: object) -> str:
    if not isinstance(part, dict):
        return "the manifest names something that is no descriptor"
    digest, size = part.get("digest"), part.get("size")
    if not isinstance(digest, str) or not is_digest(digest):
        return f"{str(digest)[:100]} is no digest of SHA-256"
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        return f"the size of {digest} is no number of bytes"
    return ""
