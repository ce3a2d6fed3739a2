"""AWS JSON 1.0 and 1.1."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from ecsd.errors import AwsError
from ecsd.protocol.codec import ErrorShape, RequestRules, stream_member
from ecsd.protocol.event_stream import CONTENT_TYPE, messages
from ecsd.protocol.json_structs import Parse, fast_parser
from ecsd.protocol.message import HttpRequest, HttpResponse
from ecsd.protocol.plain_values import JsonValues, parse_json
from ecsd.protocol.plain_writers import PlainWriters, Write
from ecsd.protocol.readers import Readers
from ecsd.protocol.table import Operation, Ref, Shape, Table, TableError

if TYPE_CHECKING:
    from ecsd.protocol.constraints import Read

encode = msgspec.json.encode


def json_error_body(table: Table | None, writers: PlainWriters | None, error: AwsError) -> bytes:
    """Return an error's members as JSON, with ``__type``."""
    known = ErrorShape(table, error)
    return encode({"__type": known.name, **error_members(writers, known, error)})


def error_members(
    writers: PlainWriters | None, known: ErrorShape, error: AwsError
) -> dict[str, Any]:
    """Return an error's members as plain values under their wire names."""
    if known.shape is None or writers is None:
        return {"message": error.message}
    names = {ref.name for ref in known.shape.members}
    members = known.members(error)
    fitting = {name: value for name, value in members.items() if name in names}
    return {
        "message": error.message,
        **writers.structure_of(known.name, known.shape.members, ())(fitting),
    }


class JsonCodec:
    """One service in AWS JSON. ``table`` is None for a service that we do not have."""

    def __init__(
        self,
        table: Table | None,
        version: str,
        new_token: Callable[[], str],
        *,
        refuse_unknown: bool,
    ) -> None:
        self._table = table
        self._content_type = f"application/x-amz-json-{version}"
        self._fast: dict[str, Parse | None] = {}
        self._slow: dict[str, Read] = {}
        self._write: dict[str, Write] = {}
        self._refuse_unknown = refuse_unknown
        if table is not None:
            self._rules = RequestRules(table, "json", new_token)
            self._readers = Readers(table, JsonValues(), refuse_unknown=refuse_unknown)
            self._writers = PlainWriters(table)

    def parse(
        self, operation: Operation, request: HttpRequest, _labels: Mapping[str, str]
    ) -> dict[str, Any]:
        """Return the operation's request."""
        body = request.body or b"{}"
        name = operation.name
        if name not in self._slow:
            self._prepare(operation)
        fast = self._fast[name]
        parsed = _try(fast, body) if fast is not None else None
        if parsed is not None:
            return self._rules.with_tokens(operation, parsed)
        return self._rules.checked(operation, lambda: self._slow[name](parse_json(body)))

    def answer(
        self, operation: Operation, output: Mapping[str, Any], request_id: str
    ) -> HttpResponse:
        """Return the HTTP answer; one that goes on where the output has a stream of events."""
        write = self._write.get(operation.name)
        if write is None:
            write = self._write[operation.name] = output_writer(self._writers, operation)
        stream = stream_member(self._table, operation)
        if stream is not None:
            return self._going_on(stream, write, output, request_id)
        return HttpResponse(200, self._headers(request_id), encode(write(output)))

    def refuse(self, error: AwsError, request_id: str) -> HttpResponse:
        """Return the HTTP answer of a refusal."""
        known = ErrorShape(self._table, error)
        headers = self._headers(request_id)
        if self._table is not None and self._table.query_compatible:
            headers["x-amzn-query-error"] = query_error(known)
        writers = self._writers if self._table else None
        return HttpResponse(known.status, headers, json_error_body(self._table, writers, error))

    def _going_on(
        self, stream: Ref, write: Write, output: Mapping[str, Any], request_id: str
    ) -> HttpResponse:
        plain = {name: value for name, value in output.items() if name != stream.name}

        def write_event(name: str, members: Mapping[str, Any]) -> bytes:
            events = self._writers.structure_of(stream.shape, self._shape(stream).members, ())
            (written,) = events({name: members}).values()
            return encode(written)

        headers = self._headers(request_id) | {"content-type": CONTENT_TYPE}
        frames = messages(encode(write(plain)), output[stream.name], write_event)
        return HttpResponse(200, headers, b"", frames)

    def _shape(self, ref: Ref) -> Shape:
        if self._table is None:
            raise TableError("a service without a table has no shapes")
        return self._table.shapes[ref.shape]

    def _prepare(self, operation: Operation) -> None:
        name = operation.name
        if operation.input is None or self._table is None:
            self._fast[name] = None
            self._slow[name] = self._readers.structure_of((), ())
            return
        fast = fast_parser(self._table, operation.input) if self._refuse_unknown else None
        self._fast[name] = fast
        self._slow[name] = self._readers.reader(operation.input)

    def _headers(self, request_id: str) -> dict[str, str]:
        return {"content-type": self._content_type, "x-amzn-requestid": request_id}


def _try(fast: Parse, body: bytes) -> dict[str, Any] | None:
    try:
        return fast(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None  # the reader says what is wrong, or accepts what the types cannot express


def output_writer(writers: PlainWriters, operation: Operation) -> Write:
    """Return the writer of an operation's answer."""
    if operation.output is None:
        return writers.structure_of(operation.name, (), ())
    return writers.writer(operation.output)


def query_error(known: ErrorShape) -> str:
    """Return the header by which services that once spoke query keep their old error codes."""
    return f"{known.code};{'Sender' if known.sender else 'Receiver'}"
