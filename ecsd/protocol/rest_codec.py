"""REST JSON and REST XML: path, query and headers, and a body in either."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from ecsd.errors import AwsError
from ecsd.protocol.codec import ErrorShape, RequestRules
from ecsd.protocol.findings import Finding, InvalidMemberError, MalformedBodyError
from ecsd.protocol.json_codec import encode, error_members
from ecsd.protocol.message import HttpRequest, HttpResponse
from ecsd.protocol.plain_values import JsonValues, parse_json
from ecsd.protocol.plain_writers import PlainWriters
from ecsd.protocol.query_codec import DECLARATION, error_element
from ecsd.protocol.readers import Readers, missing_members
from ecsd.protocol.rest_members import OUTSIDE, OutsideReader, outside_headers
from ecsd.protocol.table import Operation, Ref, Shape, Table
from ecsd.protocol.xml_values import XmlNode, XmlValues, parse_xml
from ecsd.protocol.xml_writers import XmlWriters, element_name, escape, namespace_attribute

ReadBody = Callable[[bytes], dict[str, Any]]
WriteBody = Callable[[Mapping[str, Any]], bytes]
PARTIAL, NOT_MODIFIED = 206, 304
RAW = ("blob", "string")
S3_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
# What S3's documents are called, where that is not the shape's name. Source: S3 API Reference.
S3_ROOTS = {
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLocation": "LocationConstraint",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetObjectAcl": "AccessControlPolicy",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetObjectTagging": "Tagging",
    "ListBucketAnalyticsConfigurations": "ListBucketAnalyticsConfigurationResult",
    "ListBucketInventoryConfigurations": "ListInventoryConfigurationsResult",
    "ListBucketMetricsConfigurations": "ListMetricsConfigurationsResult",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListParts": "ListPartsResult",
}
NOTHING = Shape("structure")


class RestCodec(ABC):
    """What both REST protocols do; the body is theirs."""

    protocol = ""
    content_type = ""

    def __init__(
        self, table: Table | None, new_token: Callable[[], str], *, refuse_unknown: bool
    ) -> None:
        self._table = table
        self._refuse_unknown = refuse_unknown
        self._outside: dict[str, OutsideReader] = {}
        self._bodies: dict[str, ReadBody] = {}
        self._write: dict[str, WriteBody] = {}
        self._shapes: Mapping[str, Shape] = table.shapes if table else {}
        if table is not None:
            self._rules = RequestRules(table, self.protocol, new_token)

    def parse(
        self, operation: Operation, request: HttpRequest, labels: Mapping[str, str]
    ) -> dict[str, Any]:
        """Return the operation's request."""
        name = operation.name
        if name not in self._bodies and self._table is not None:
            self._outside[name] = OutsideReader(
                self._table, operation, refuse_unknown=self._refuse_unknown
            )
            self._bodies[name] = self._body_reader(self._shape(operation.input))
        return self._rules.checked(operation, lambda: self._read(operation, request, labels))

    def _read(
        self, operation: Operation, request: HttpRequest, labels: Mapping[str, str]
    ) -> dict[str, Any]:
        out: dict[str, Any] = {}
        findings: list[Finding] = self._outside[operation.name].read(request, labels, out)
        try:
            out.update(self._bodies[operation.name](request.body))
        except InvalidMemberError as error:
            findings += error.findings
        shape = self._shape(operation.input)
        tokens = {ref.name for ref in shape.members if ref.idempotency_token}
        wanted = [
            ref.name
            for ref in shape.members
            if ref.name in shape.required
            and ref.name not in tokens
            and (ref.location or ref.name == shape.payload)
        ]
        findings += missing_members(wanted, out, findings)
        if findings:
            raise InvalidMemberError(findings)
        return out

    def _body_reader(self, shape: Shape) -> ReadBody:
        payload = next((ref for ref in shape.members if ref.name == shape.payload), None)
        if payload is None:
            members = [ref for ref in shape.members if ref.location not in OUTSIDE]
            if not members:
                return lambda _body: {}
            needed = {ref.name for ref in members if not ref.idempotency_token}
            return self.members_reader(members, needed & set(shape.required))
        if self._shapes[payload.shape].type in RAW:
            return _raw_reader(payload, self._shapes[payload.shape].type)
        return self.payload_reader(payload)

    def answer(
        self, operation: Operation, output: Mapping[str, Any], request_id: str
    ) -> HttpResponse:
        """Return the HTTP answer."""
        shape = self._shape(operation.output)
        write = self._write.get(operation.name)
        if write is None:
            write = self._write[operation.name] = self._body_writer(operation, shape)
        status = self.status(operation, output)
        for ref in shape.members:
            if ref.location == "statusCode" and output.get(ref.name) is not None:
                status = output[ref.name]
        headers = self.headers(request_id)
        if any(ref.name == shape.payload for ref in shape.members if self._is_raw(ref)):
            del headers["content-type"]  # the body is whatever it is
        headers.update(outside_headers(self._shapes, shape.members, output))
        inside = {
            ref.name for ref in shape.members if ref.location in OUTSIDE and ref.name in output
        }
        streamed = output.get(shape.payload) if shape.payload else None
        if isinstance(streamed, AsyncGenerator):
            return HttpResponse(status, headers, b"", streamed)
        body = write({name: value for name, value in output.items() if name not in inside})
        return HttpResponse(status, headers, body)

    def _is_raw(self, ref: Ref) -> bool:
        return self._shapes[ref.shape].type in RAW

    def status(self, operation: Operation, output: Mapping[str, Any]) -> int:
        """Return the status of an answer that names none."""
        return operation.status

    def is_streamed(self, operation: Operation) -> bool:
        """Say whether the operation takes its body as it comes; ``parse`` leaves it out then."""
        shape = self._shape(operation.input)
        return any(ref.streaming for ref in shape.members if ref.name == shape.payload)

    def _body_writer(self, operation: Operation, shape: Shape) -> WriteBody:
        payload = next((ref for ref in shape.members if ref.name == shape.payload), None)
        if payload is None:
            members = [ref for ref in shape.members if ref.location not in OUTSIDE]
            required = {ref.name for ref in members} & set(shape.required)
            return self.members_writer(operation, members, required)
        if self._shapes[payload.shape].type in RAW:
            return lambda output: _raw(output.get(payload.name))
        return self.payload_writer(payload)

    def _shape(self, ref: Ref | None) -> Shape:
        return self._shapes[ref.shape] if ref else NOTHING

    def headers(self, request_id: str) -> dict[str, str]:
        """Return the headers of every answer."""
        return {"content-type": self.content_type, "x-amzn-requestid": request_id}

    @abstractmethod
    def members_reader(self, members: list[Ref], required: set[str]) -> ReadBody:
        """Return the reader of a body that holds these members."""

    @abstractmethod
    def payload_reader(self, ref: Ref) -> ReadBody:
        """Return the reader of a body that is one member."""

    @abstractmethod
    def members_writer(
        self, operation: Operation, members: list[Ref], required: set[str]
    ) -> WriteBody:
        """Return the writer of a body that holds these members."""

    @abstractmethod
    def payload_writer(self, ref: Ref) -> WriteBody:
        """Return the writer of a body that is one member."""


class RestJsonCodec(RestCodec):
    """One service in REST JSON."""

    protocol = "rest-json"
    content_type = "application/json"

    def __init__(
        self, table: Table | None, new_token: Callable[[], str], *, refuse_unknown: bool
    ) -> None:
        super().__init__(table, new_token, refuse_unknown=refuse_unknown)
        if table is not None:
            self._readers = Readers(table, JsonValues(), refuse_unknown=refuse_unknown)
            self._writers = PlainWriters(table)

    def refuse(self, error: AwsError, request_id: str) -> HttpResponse:
        """Return the HTTP answer of a refusal."""
        known = ErrorShape(self._table, error)
        headers = self.headers(request_id)
        headers["x-amzn-errortype"] = known.name
        members = error_members(self._writers if self._table else None, known, error)
        return HttpResponse(known.status, headers, encode(members))

    def members_reader(self, members: list[Ref], required: set[str]) -> ReadBody:
        """Return the reader of a body that holds these members."""
        read = self._readers.structure_of(members, required)
        return lambda body: read(parse_json(body or b"{}"))

    def payload_reader(self, ref: Ref) -> ReadBody:
        """Return the reader of a body that is one member."""
        read = self._readers.reader(ref)
        return lambda body: {ref.name: _below(ref, lambda: read(parse_json(body)))} if body else {}

    def members_writer(
        self, operation: Operation, members: list[Ref], required: set[str]
    ) -> WriteBody:
        """Return the writer of a body that holds these members."""
        write = self._writers.structure_of(operation.name, members, required)
        return lambda output: encode(write(output))

    def payload_writer(self, ref: Ref) -> WriteBody:
        """Return the writer of a body that is one member."""
        write = self._writers.writer(ref)
        return lambda output: (
            encode(write(output[ref.name])) if output.get(ref.name) is not None else b"{}"
        )


class RestXmlCodec(RestCodec):
    """One service in REST XML."""

    protocol = "rest-xml"
    content_type = "application/xml"

    def __init__(
        self, table: Table | None, new_token: Callable[[], str], *, refuse_unknown: bool
    ) -> None:
        super().__init__(table, new_token, refuse_unknown=refuse_unknown)
        self._bare = table is not None and table.identity.name == "s3"
        space = S3_NAMESPACE if self._bare else table.namespace if table else ""
        self._namespace = f' xmlns="{escape(space)}"' if space else ""
        if table is not None:
            self._readers = Readers(table, XmlValues(), refuse_unknown=refuse_unknown)
            self._writers = XmlWriters(table)

    def refuse(self, error: AwsError, request_id: str) -> HttpResponse:
        """Return the HTTP answer of a refusal."""
        known = ErrorShape(self._table, error)
        headers = self.headers(request_id)
        request = f"<RequestId>{request_id}</RequestId>"
        if self._bare:
            if known.status == NOT_MODIFIED:  # has no body
                return HttpResponse(known.status, {**headers, "etag": error.details["ETag"]}, b"")
            told = {"Code": known.code, "Message": error.message, **error.details}
            content = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in told.items())
            text = f"<Error>{content}{request}<HostId>{request_id}</HostId></Error>"
        else:
            content = error_element(self._writers if self._table else None, known, error)
            text = (
                f"<ErrorResponse{self._namespace}><Error>{content}</Error>{request}</ErrorResponse>"
            )
        return HttpResponse(known.status, headers, (DECLARATION + text).encode())

    def headers(self, request_id: str) -> dict[str, str]:
        """Return the headers of every answer."""
        if not self._bare:
            return super().headers(request_id)
        named = {"x-amz-request-id": request_id, "x-amz-id-2": request_id}
        return {"content-type": self.content_type, **named}

    def status(self, operation: Operation, output: Mapping[str, Any]) -> int:
        """Return the status of an answer that names none: of a part of an object 206."""
        return PARTIAL if self._bare and output.get("ContentRange") else operation.status

    def members_reader(self, members: list[Ref], required: set[str]) -> ReadBody:
        """Return the reader of a body that holds these members."""
        read = self._readers.structure_of(members, required)
        return lambda body: read([parse_xml(body) if body else XmlNode("", {})])

    def payload_reader(self, ref: Ref) -> ReadBody:
        """Return the reader of a body that is one member."""
        read = self._readers.reader(ref)
        return lambda body: {ref.name: _below(ref, lambda: read([parse_xml(body)]))} if body else {}

    def members_writer(
        self, operation: Operation, members: list[Ref], required: set[str]
    ) -> WriteBody:
        """Return the writer of a body that holds these members."""
        write = self._writers.structure_of(operation.name, members, required)
        root = operation.output.shape if operation.output else ""
        root = S3_ROOTS.get(operation.name, root) if self._bare else root
        unwrapped = self._bare and operation.name == "GetBucketLocation"
        space = self._namespace

        def to_body(output: Mapping[str, Any]) -> bytes:
            parts: list[str] = []
            write(parts, output)
            if not members or not root:
                return b""
            if unwrapped:  # the answer is its one member
                text = escape(output.get("LocationConstraint") or "")
                parts[:] = [text]
            return f"{DECLARATION}<{root}{space}>{''.join(parts)}</{root}>".encode()

        return to_body

    def payload_writer(self, ref: Ref) -> WriteBody:
        """Return the writer of a body that is one member."""
        write = self._writers.writer(ref)
        name = element_name(ref, self._shapes[ref.shape])
        space = namespace_attribute(ref) or self._namespace

        def to_body(output: Mapping[str, Any]) -> bytes:
            if output.get(ref.name) is None:
                return b""
            parts: list[str] = []
            write(parts, output[ref.name])
            return f"{DECLARATION}<{name}{space}>{''.join(parts)}</{name}>".encode()

        return to_body


def _below(ref: Ref, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except InvalidMemberError as error:
        raise InvalidMemberError(error.below(ref.name)) from error


def _raw_reader(ref: Ref, kind: str) -> ReadBody:
    def read(body: bytes) -> dict[str, Any]:
        if kind == "blob":
            return {ref.name: body}
        try:
            return {ref.name: body.decode()} if body else {}
        except UnicodeDecodeError as error:
            raise MalformedBodyError("the body is not valid UTF-8") from error

    return read


def _raw(value: Any) -> bytes:
    if value is None:
        return b""
    content: bytes = value.encode() if isinstance(value, str) else value
    return content
