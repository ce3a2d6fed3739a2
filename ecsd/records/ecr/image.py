"""Images of ECR; their bytes are in the registry behind."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record


class Image(Record, frozen=True, kw_only=True):
    """A manifest of a repository with its tags, which no other image of it has."""

    KIND: ClassVar[str] = "ecr_image"
    KEY: ClassVar[str] = "place"
    INDEXES: ClassVar[tuple[str, ...]] = ("repository_arn", "tag_places")

    repository_arn: str
    digest: str
    media_type: str
    artifact_type: str = ""
    image_tags: tuple[str, ...] = ()
    size: int  # bytes; of a list: of its largest image
    pushed_at: datetime
    pulled_at: datetime | None = None  # noted once an hour at most
    children: tuple[str, ...] = ()  # digests of the images that a list names
    subject: str = ""  # digest of the image that an artifact is about
    scan_wanted: bool = False  # its repository had scans when it came; none is made here

    @property
    def place(self) -> str:
        """Its repository and digest."""
        return f"{self.repository_arn}@{self.digest}"

    @property
    def tag_places(self) -> tuple[str, ...]:
        """Its repository and each of its tags."""
        return tuple(f"{self.repository_arn}:{tag}" for tag in self.image_tags)


class LayerUpload(Record, frozen=True, kw_only=True):
    """A layer that is being uploaded through the API. next_url: where the registry awaits more."""

    KIND: ClassVar[str] = "ecr_layer_upload"
    KEY: ClassVar[str] = "upload_id"

    upload_id: str
    repository_arn: str
    next_url: str
    received: int = 0  # bytes
    expires_at: datetime


class ManifestToFree(Record, frozen=True, kw_only=True):
    """Something of the registry that no repository names any more: remembered until it is gone.

    digest: of a manifest; empty: all of the repository.
    """

    KIND: ClassVar[str] = "ecr_manifest_to_free"
    KEY: ClassVar[str] = "place"

    path: str  # what the registry calls the repository
    digest: str = ""

    @property
    def place(self) -> str:
        """Where it is."""
        return f"{self.path}@{self.digest}"
