"""A codec: bytes in, dict out, and back. One per service and wire protocol, no socket anywhere."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ecsd.errors import AwsError
from ecsd.protocol.findings import InvalidMemberError, MalformedBodyError
from ecsd.protocol.message import HttpRequest, HttpResponse
from ecsd.protocol.refusals import malformed, refusal
from ecsd.protocol.table import Operation, Ref, Shape, Table, TableError

SERVER_ERROR = 500


class Codec(Protocol):
    """One wire protocol of one service."""

    def parse(
        self, operation: Operation, request: HttpRequest, labels: Mapping[str, str]
    ) -> dict[str, Any]:
        """Return the operation's request: members by the model's names, validated.

        ``labels`` are what the path's template matched (REST only). Raises AwsError.
        """
        ...

    def answer(
        self, operation: Operation, output: Mapping[str, Any], request_id: str
    ) -> HttpResponse:
        """Return the HTTP answer. Raises AnswerError when the output does not fit the model."""
        ...

    def refuse(self, error: AwsError, request_id: str) -> HttpResponse:
        """Return the HTTP answer of a refusal."""
        ...


class RequestRules:
    """What reading a request needs whatever the protocol: findings to errors, tokens filled in."""

    def __init__(self, table: Table, protocol: str, new_token: Callable[[], str]) -> None:
        self.table = table
        self.protocol = protocol
        self._new_token = new_token

    def checked(self, operation: Operation, read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what ``read`` returns, its complaints turned into the service's own error."""
        try:
            request = read()
        except InvalidMemberError as error:
            raise refusal(self.table, self.protocol, operation, error.findings) from error
        except MalformedBodyError as error:
            raise malformed(self.protocol, str(error)) from error
        except RecursionError as error:
            raise malformed(self.protocol, "the body is nested too deeply") from error
        return self.with_tokens(operation, request)

    def with_tokens(self, operation: Operation, request: dict[str, Any]) -> dict[str, Any]:
        """Fill in absent idempotency tokens, as SDKs do."""
        if operation.input is not None:
            for ref in self.table.shapes[operation.input.shape].members:
                if ref.idempotency_token and not request.get(ref.name):
                    request[ref.name] = self._new_token()
        return request


class ErrorShape:
    """An error as the model knows it: its name, its code, its status.

    Attributes:
        name: the shape's name, or the code itself when the model does not know it.
        code: what query protocols call it (``TargetGroupNotFound``).
        status: HTTP.
        shape: None when the model does not know it.
    """

    def __init__(self, table: Table | None, error: AwsError) -> None:
        self.name = self.code = error.code
        self.status = error.status
        self.shape: Shape | None = None
        found = _find(table, error.code) if table else None
        if found is None:
            return
        self.name, self.shape = found
        self.code = self.shape.code or self.name
        if self.shape.status and error.status < SERVER_ERROR:
            self.status = self.shape.status
        elif self.shape.fault and error.status < SERVER_ERROR:
            self.status = SERVER_ERROR

    @property
    def sender(self) -> bool:
        """Whether it is the client's fault."""
        return self.status < SERVER_ERROR

    def members(self, error: AwsError) -> dict[str, Any]:
        """Return the error's members: its message, its details, and its code where required."""
        values: dict[str, Any] = {self.message_member: error.message, **error.details}
        if self.shape is not None:
            for name in self.shape.required:
                if name in ("ErrorCode", "Code"):
                    values.setdefault(name, self.code)
        return values

    @property
    def message_member(self) -> str:
        """The member that carries the sentence."""
        for ref in self.shape.members if self.shape else ():
            if ref.name.lower() in ("message", "errormessage"):
                return ref.name
        return "message"

    def ref(self) -> Ref:
        """Return a use of the shape, for writers."""
        if self.shape is None:
            raise TableError(f"the model has no error {self.name}")
        return Ref(self.name, self.name)


def stream_member(table: Table | None, operation: Operation) -> Ref | None:
    """Return the member of an operation's output that is a stream of events, or None."""
    if table is None or operation.output is None:
        return None
    members = table.shapes[operation.output.shape].members
    return next((ref for ref in members if ref.event_stream), None)


def _find(table: Table, code: str) -> tuple[str, Shape] | None:
    shape = table.shapes.get(code)
    if shape is not None and shape.exception:
        return code, shape
    for name, other in table.shapes.items():
        if other.exception and other.code == code:
            return name, other
    return None
