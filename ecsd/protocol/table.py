"""The compiled service models: what ``tools/compile_models.py`` writes and the codecs read.

One file per service, ``tables/<service>.mz`` = zlib(msgpack(Table)), loaded when a service gets
its first request; ``tables/index.mz`` is enough to tell which service a request is for.
"""

import zlib
from pathlib import Path

import msgspec

TABLES = Path(__file__).parent / "tables"
INDEX = "index"


class Ref(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """A use of a shape: a member, a list's item, a map's key or value, an operation's input.

    Traits of the shape are already merged in; a trait of the member wins.
    """

    name: str
    shape: str
    wire: str = ""  # locationName
    location: str = ""  # "", header, headers, uri, querystring, statusCode
    query_name: str = ""  # EC2's input name
    timestamp_format: str = ""  # iso8601, rfc822, unixTimestamp
    namespace: str = ""
    namespace_prefix: str = ""
    flattened: bool = False
    attribute: bool = False  # an XML attribute
    idempotency_token: bool = False
    json_value: bool = False
    streaming: bool = False
    event_stream: bool = False


class Shape(msgspec.Struct, frozen=True, omit_defaults=True):
    """A type. ``minimum`` and ``maximum`` bound a number's value or anything else's length."""

    type: str
    members: tuple[Ref, ...] = ()
    required: tuple[str, ...] = ()
    item: Ref | None = None  # a list's item, a map's value
    key: Ref | None = None
    enum: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str = ""  # Python's syntax, matches the whole value
    payload: str = ""  # the member that is the body
    document: bool = False
    exception: bool = False
    code: str = ""  # an exception's error code where it is not the shape's name
    status: int = 0  # an exception's HTTP status where the model gives one
    fault: bool = False  # the server's fault
    namespace: str = ""


class Operation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One operation of a service."""

    name: str
    method: str
    path: str  # template with {labels}, and literal query parameters
    input: Ref | None = None
    output: Ref | None = None
    status: int = 200
    result_wrapper: str = ""
    errors: tuple[str, ...] = ()


class Identity(msgspec.Struct, frozen=True):
    """How a request names this service."""

    name: str  # botocore's name
    signing_name: str
    api_version: str
    target_prefix: str
    protocols: tuple[str, ...]


class Table(msgspec.Struct, frozen=True):
    """A whole service model."""

    identity: Identity
    model: str  # which botocore it was compiled from
    json_version: str
    namespace: str
    query_compatible: bool
    shapes: dict[str, Shape]
    operations: dict[str, Operation]


class TableError(Exception):
    """A compiled table is missing or does not fit this code: the build is incomplete."""


def pack(table: Table | list[Identity]) -> bytes:
    """Return the file's content."""
    return zlib.compress(msgspec.msgpack.encode(table), 9)


def read_table(service: str, folder: Path = TABLES) -> Table:
    """Read a service's table."""
    return msgspec.msgpack.decode(_read(service, folder), type=Table)


def read_index(folder: Path = TABLES) -> list[Identity]:
    """Read which services have tables."""
    return msgspec.msgpack.decode(_read(INDEX, folder), type=list[Identity])


def _read(name: str, folder: Path) -> bytes:
    path = folder / f"{name}.mz"
    try:
        return zlib.decompress(path.read_bytes())
    except FileNotFoundError as error:
        raise TableError(f"{path} is missing: run tools/compile_models.py") from error
