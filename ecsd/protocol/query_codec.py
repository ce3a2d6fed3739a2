"""AWS query and EC2 query: forms in, XML out."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ecsd.errors import AwsError
from ecsd.protocol.codec import ErrorShape, RequestRules
from ecsd.protocol.form_values import Ec2Values, QueryValues, grow, parse_form
from ecsd.protocol.message import HttpRequest, HttpResponse
from ecsd.protocol.readers import Readers
from ecsd.protocol.table import Operation, Table
from ecsd.protocol.xml_writers import Write, XmlWriters, escape

if TYPE_CHECKING:
    from ecsd.protocol.constraints import Read

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
# Parameters that belong to the protocol or to signatures, not to an operation.
NOT_MEMBERS = frozenset(
    {
        "Action",
        "Version",
        "AWSAccessKeyId",
        "Signature",
        "SignatureMethod",
        "SignatureVersion",
        "SecurityToken",
    }
)


def form_of(request: HttpRequest) -> dict[str, str]:
    """Return a request's parameters, from its body or, for GET, from its query string.

    Raises MalformedBodyError when they are not UTF-8.
    """
    form = parse_form(request.query.encode("latin-1", "replace")) if request.query else {}
    if request.body:
        form.update(parse_form(request.body))
    return form


class QueryCodec:
    """One service in AWS query; ``Ec2Codec`` differs in names and envelopes."""

    protocol = "query"
    dialect: type[QueryValues] = QueryValues

    def __init__(
        self, table: Table | None, new_token: Callable[[], str], *, refuse_unknown: bool
    ) -> None:
        self._table = table
        self._namespace = escape(table.namespace) if table else ""
        self._read: dict[str, Read] = {}
        self._write: dict[str, Write] = {}
        if table is not None:
            self._rules = RequestRules(table, self.protocol, new_token)
            self._readers = Readers(table, self.dialect(), refuse_unknown=refuse_unknown)
            self._writers = XmlWriters(table)

    def parse(
        self, operation: Operation, request: HttpRequest, _labels: Mapping[str, str]
    ) -> dict[str, Any]:
        """Return the operation's request."""
        read = self._read.get(operation.name)
        if read is None:
            ref = operation.input
            read = self._readers.reader(ref) if ref else self._readers.structure_of((), ())
            self._read[operation.name] = read
        reader = read
        return self._rules.checked(operation, lambda: reader(grow(_members(request))))

    def answer(
        self, operation: Operation, output: Mapping[str, Any], request_id: str
    ) -> HttpResponse:
        """Return the HTTP answer."""
        write = self._write.get(operation.name)
        if write is None:
            ref = operation.output
            writers = self._writers
            write = writers.writer(ref) if ref else writers.structure_of(operation.name, (), ())
            self._write[operation.name] = write
        parts: list[str] = []
        write(parts, output)
        return self._response(
            200, self._envelope(operation, "".join(parts), request_id), request_id
        )

    def refuse(self, error: AwsError, request_id: str) -> HttpResponse:
        """Return the HTTP answer of a refusal."""
        known = ErrorShape(self._table, error)
        return self._response(
            known.status, self._error_envelope(known, error, request_id), request_id
        )

    def _envelope(self, operation: Operation, content: str, request_id: str) -> str:
        name = operation.name
        if operation.result_wrapper:
            content = f"<{operation.result_wrapper}>{content}</{operation.result_wrapper}>"
        return (
            f'<{name}Response xmlns="{self._namespace}">{content}<ResponseMetadata>'
            f"<RequestId>{request_id}</RequestId></ResponseMetadata></{name}Response>"
        )

    def _error_envelope(self, known: ErrorShape, error: AwsError, request_id: str) -> str:
        space = f' xmlns="{self._namespace}"' if self._namespace else ""
        content = error_element(self._writers if self._table else None, known, error)
        return (
            f"<ErrorResponse{space}><Error>{content}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )

    def _response(self, status: int, text: str, request_id: str) -> HttpResponse:
        headers = {"content-type": "text/xml;charset=UTF-8", "x-amzn-requestid": request_id}
        return HttpResponse(status, headers, (DECLARATION + text).encode())


class Ec2Codec(QueryCodec):
    """EC2's query."""

    protocol = "ec2"
    dialect = Ec2Values

    def _envelope(self, operation: Operation, content: str, request_id: str) -> str:
        name = operation.name
        return (
            f'<{name}Response xmlns="{self._namespace}/"><requestId>{request_id}</requestId>'
            f"{content}</{name}Response>"
        )

    def _error_envelope(self, known: ErrorShape, error: AwsError, request_id: str) -> str:
        return (
            f"<Response><Errors><Error><Code>{escape(known.code)}</Code>"
            f"<Message>{escape(error.message)}</Message></Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )


def error_element(writers: XmlWriters | None, known: ErrorShape, error: AwsError) -> str:
    """Return the content of an ``Error`` element: type, code, message and the shape's members."""
    kind = "Sender" if known.sender else "Receiver"
    text = (
        f"<Type>{kind}</Type><Code>{escape(known.code)}</Code>"
        f"<Message>{escape(error.message)}</Message>"
    )
    if known.shape is None or writers is None or not error.details:
        return text
    names = {ref.name for ref in known.shape.members}
    details = {name: value for name, value in error.details.items() if name in names}
    parts: list[str] = []
    writers.structure_of(known.name, known.shape.members, ())(parts, details)
    return text + "".join(parts)


def _members(request: HttpRequest) -> dict[str, str]:
    return {
        name: value
        for name, value in form_of(request).items()
        if name not in NOT_MEMBERS and not name.startswith("X-Amz-")
    }
