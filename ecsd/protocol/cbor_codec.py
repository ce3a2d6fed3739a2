"""Smithy RPC v2 CBOR. Source: smithy.io, Smithy RPC v2 CBOR protocol."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ecsd.errors import AwsError
from ecsd.protocol.codec import ErrorShape, RequestRules, stream_member
from ecsd.protocol.json_codec import error_members, output_writer, query_error
from ecsd.protocol.message import HttpRequest, HttpResponse
from ecsd.protocol.plain_values import CborValues, parse_cbor
from ecsd.protocol.plain_writers import CborWriters, Write
from ecsd.protocol.readers import Readers
from ecsd.protocol.table import Operation, Table

if TYPE_CHECKING:
    from ecsd.protocol.constraints import Read

EMPTY_MAP = b"\xa0"


class CborCodec:
    """One service in CBOR. ``table`` is None for a service that we do not have."""

    def __init__(
        self, table: Table | None, new_token: Callable[[], str], *, refuse_unknown: bool
    ) -> None:
        self._table = table
        self._read: dict[str, Read] = {}
        self._write: dict[str, Write] = {}
        if table is not None:
            self._rules = RequestRules(table, "cbor", new_token)
            self._readers = Readers(table, CborValues(), refuse_unknown=refuse_unknown)
            self._writers = CborWriters(table)

    def parse(
        self, operation: Operation, request: HttpRequest, _labels: Mapping[str, str]
    ) -> dict[str, Any]:
        """Return the operation's request."""
        if stream_member(self._table, operation) is not None:
            raise AwsError(
                "UnknownOperationException", f"{operation.name} answers in AWS JSON alone."
            )
        read = self._read.get(operation.name)
        if read is None:
            ref = operation.input
            read = self._readers.reader(ref) if ref else self._readers.structure_of((), ())
            self._read[operation.name] = read
        reader, body = read, request.body or EMPTY_MAP
        return self._rules.checked(operation, lambda: reader(parse_cbor(body)))

    def answer(
        self, operation: Operation, output: Mapping[str, Any], request_id: str
    ) -> HttpResponse:
        """Return the HTTP answer."""
        import cbor2

        write = self._write.get(operation.name)
        if write is None:
            write = self._write[operation.name] = output_writer(self._writers, operation)
        return HttpResponse(200, _headers(request_id), cbor2.dumps(write(output)))

    def refuse(self, error: AwsError, request_id: str) -> HttpResponse:
        """Return the HTTP answer of a refusal."""
        import cbor2

        known = ErrorShape(self._table, error)
        headers = _headers(request_id)
        if self._table is not None and self._table.query_compatible:
            headers["x-amzn-query-error"] = query_error(known)
        members = error_members(self._writers if self._table else None, known, error)
        body = cbor2.dumps({"__type": known.name, **members})
        return HttpResponse(known.status, headers, body)


def _headers(request_id: str) -> dict[str, str]:
    return {
        "content-type": "application/cbor",
        "smithy-protocol": "rpc-v2-cbor",
        "x-amzn-requestid": request_id,
    }
