"""Objects, their versions, and uploads in parts. Source: Amazon S3 API 2006-03-01."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Part, Record
from ecsd.records.tag import Tag

NULL = "null"  # the version of an object that was put while versioning was not on


class Checksum(Part, frozen=True, kw_only=True):
    """A checksum in S3's form: base64, of parts ``<value>-<count>`` where it is composite."""

    algorithm: str  # CRC32, CRC32C, CRC64NVME, SHA1, SHA256
    value: str
    type: str = "FULL_OBJECT"  # or COMPOSITE


class Piece(Part, frozen=True, kw_only=True):
    """A file that holds an object, or one of its parts."""

    blob: str  # its name in the blob store
    size: int  # bytes
    md5: str  # hexadecimal
    number: int = 0  # of the part; 0: the object was put whole
    checksum: Checksum | None = None


class Headers(Part, frozen=True, kw_only=True):
    """What is told with an object besides its bytes."""

    content_type: str = "binary/octet-stream"
    cache_control: str | None = None
    content_disposition: str | None = None
    content_encoding: str | None = None
    content_language: str | None = None
    expires: datetime | None = None
    metadata: dict[str, str] = {}


class StoredObject(Record, frozen=True, kw_only=True):
    """One version of an object, or a delete marker. Of one name the newest comes first."""

    KIND: ClassVar[str] = "s3_object"
    KEY: ClassVar[str] = "place"
    INDEXES: ClassVar[tuple[str, ...]] = ("bucket",)
    ORDERED: ClassVar[bool] = True

    place: str  # see decisions/s3/places.py
    bucket: str
    name: str  # the object's key
    version_id: str = NULL
    modified_at: datetime
    delete_marker: bool = False
    etag: str = ""  # without quotation marks
    size: int = 0
    pieces: tuple[Piece, ...] = ()
    headers: Headers = Headers()
    checksum: Checksum | None = None
    tags: tuple[Tag, ...] = ()
    noncurrent_at: datetime | None = None  # when another version took its place


class MultipartUpload(Record, frozen=True, kw_only=True):
    """An upload that is not complete yet."""

    KIND: ClassVar[str] = "s3_upload"
    KEY: ClassVar[str] = "upload_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("bucket",)

    upload_id: str
    bucket: str
    name: str
    initiated_at: datetime
    initiator: str  # ARN
    headers: Headers = Headers()
    tags: tuple[Tag, ...] = ()
    checksum_algorithm: str = ""  # empty: none was asked for
    checksum_type: str = "FULL_OBJECT"


class UploadPart(Record, frozen=True, kw_only=True):
    """A part that was uploaded; another upload of its number takes its place."""

    KIND: ClassVar[str] = "s3_part"
    KEY: ClassVar[str] = "place"
    INDEXES: ClassVar[tuple[str, ...]] = ("upload_id",)

    place: str  # <upload id>/<number>
    upload_id: str
    piece: Piece
    modified_at: datetime
