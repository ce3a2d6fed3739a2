"""From a whole request to a whole answer: route, verify, parse, operate, wait for the disk."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from ecsd.certificates.authority import Authority
from ecsd.clock import Clock
from ecsd.errors import AwsError, StoreError
from ecsd.gateway.authorization.authorizer import authorize
from ecsd.gateway.authorization.endpoint import admit_through
from ecsd.gateway.identification import Identification, Origin
from ecsd.gateway.refusal_words import in_words_of
from ecsd.gateway.request_body import ClientGoneError, RequestBody, decompress
from ecsd.gateway.s3_body import S3Body
from ecsd.gateway.sigv4 import KeyLookup
from ecsd.gateway.unimplemented import UnimplementedCounter, refusal
from ecsd.ids import LONG_TERM, IdSource
from ecsd.operations.call import Call, Handler
from ecsd.protocol.checksums import check_whole
from ecsd.protocol.message import HttpRequest, HttpResponse
from ecsd.protocol.query_codec import QueryCodec
from ecsd.protocol.rest_codec import RestCodec
from ecsd.protocol.table import Operation
from ecsd.protocol.wire import Route, Wire
from ecsd.settings import Settings
from ecsd.store.blobs import Blobs
from ecsd.store.images import Images
from ecsd.store.store import Store
from ecsd.store.streams import LogStreams

log = logging.getLogger(__name__)
# A service's own name for "our fault", in the order of preference.
SERVER_FAULTS = (
    "ServerException",
    "InternalServerException",
    "ServiceUnavailableException",
    "ServiceFailureException",
    "InternalServerError",
)


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """What the gateway is made of.

    Attributes:
        operations: by service and name (``load_operations()``).
        find_key: whose an access key is, or None. Strict mode believes nobody else; local mode
            believes everybody, and uses it to know the callers of temporary keys.
        pages: ecsd's own pages, ``/_ecsd/<name>``: what each shows, as JSON. Strict mode
            shows them to the root credentials alone.
    """

    operations: Mapping[tuple[str, str], Handler]
    store: Store
    streams: LogStreams
    blobs: Blobs
    clock: Clock
    ids: IdSource
    settings: Settings
    authority: Authority
    images: Images
    find_key: KeyLookup
    wire: Wire
    unimplemented: UnimplementedCounter = field(default_factory=UnimplementedCounter)
    pages: Mapping[str, Callable[[], object]] = field(default_factory=dict)

    def call(self, origin: Origin, request_id: str) -> Call:
        """Return what an operation gets."""
        return Call(
            scope=origin.scope,
            caller=origin.caller,
            request_id=request_id,
            store=self.store,
            streams=self.streams,
            clock=self.clock,
            ids=self.ids,
            settings=self.settings,
            authority=self.authority,
            blobs=self.blobs,
            images=self.images,
            judged=origin.is_judged,
        )


class Dispatcher:
    """Answers AWS requests. Whatever happens, the answer is one that the client's SDK can read."""

    def __init__(self, parts: GatewayParts) -> None:
        self._parts = parts
        self._identification = Identification(
            parts.settings, parts.clock, parts.find_key, parts.authority.seal
        )

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Return the answer; ``request.body`` is as sent, perhaps compressed."""
        request_id = self._parts.ids.uuid()
        raw = request.body
        refused: AwsError | None = None
        encoding = request.headers.get("content-encoding", "")
        if encoding:
            try:
                request = with_body(request, decompress(raw, encoding.strip().lower()))
            except AwsError as error:
                request = with_body(request, b"")
                refused = error
        route = self._parts.wire.route(request)
        if refused is not None:
            return route.codec.refuse(refused, request_id)
        return await self._bounded(
            route, lambda: self._operate(route, request, raw, request_id), request_id
        )

    async def answer_s3(
        self, sent: HttpRequest, request: HttpRequest, body: RequestBody
    ) -> HttpResponse:
        """Return S3's answer.

        Args:
            sent: as it came, which is what was signed.
            request: the same in path style.
            body: what is still to come.
        """
        request_id = self._parts.ids.uuid()
        route = self._parts.wire.route_to("s3", request)

        async def operate() -> HttpResponse:
            return await self._operate_s3(route, (sent, request), body, request_id)

        response = await self._bounded(route, operate, request_id)
        if body.complete:
            return response
        if "expect" not in sent.headers:
            await body.drain()
            return response
        headers = {**response.headers, "connection": "close"}  # what it holds back stays unsent
        return HttpResponse(response.status, headers, response.body, response.pieces)

    def refuse(self, request: HttpRequest, error: AwsError) -> HttpResponse:
        """Return the refusal of a request whose body was not read."""
        route = self._parts.wire.route(request)
        return route.codec.refuse(error, self._parts.ids.uuid())

    def admit_operator(self, request: HttpRequest) -> None:
        """Let a request of strict mode see ecsd's own pages. Raises AwsError: it may not."""
        if self._parts.settings.mode == "strict":
            verifier = self._identification.verifier
            known = verifier.verify(request, request.body, self._parts.clock.now())
            if not known.caller.arn.endswith(":root"):
                raise AwsError(
                    "AccessDenied", "Only the root credentials may see this.", status=403
                )

    async def _bounded(
        self, route: Route, operate: Callable[[], Awaitable[HttpResponse]], request_id: str
    ) -> HttpResponse:
        try:
            try:
                response = await operate()
            except AwsError as error:
                response = route.codec.refuse(error, request_id)
            await self._parts.store.durable()  # what was read may not be on disk yet
        except StoreError as error:
            log.warning("a request failed: the store", extra=_facts(route, request_id, error))
            fault = self._server_fault(route)
            message = f"The store could not keep the change; nothing was kept: {error}"
            return route.codec.refuse(AwsError(fault, message, status=503), request_id)
        except ClientGoneError:
            raise  # nobody is there to read an answer
        except Exception as error:
            log.exception("a request failed: a bug", extra=_facts(route, request_id, error))
            message = f"An internal error occurred. Request id: {request_id}"
            return route.codec.refuse(
                AwsError(self._server_fault(route), message, status=500), request_id
            )
        return response

    async def _operate(
        self, route: Route, request: HttpRequest, raw: bytes, request_id: str
    ) -> HttpResponse:
        try:
            origin = self._identification.origin(request, raw, (route.service, route.operation))
        except AwsError as error:
            raise in_words_of(route, error) from error
        handler, model = self._handler(route)
        members = route.codec.parse(model, request, route.labels)
        call = self._parts.call(origin, request_id)
        await self._admit(route, call, request, members)
        output = await handler(call, members)
        return route.codec.answer(model, output, request_id)

    async def _operate_s3(
        self,
        route: Route,
        requests: tuple[HttpRequest, HttpRequest],
        body: RequestBody,
        own_id: str,
    ) -> HttpResponse:
        sent, request = requests
        try:
            origin = self._identification.origin_of_s3(sent, request)
        except AwsError as error:
            raise in_words_of(route, error) from error
        handler, model = self._handler(route)
        content = S3Body(body, sent.headers, origin.chunk_signer)
        streamed = isinstance(route.codec, RestCodec) and route.codec.is_streamed(model)
        if not streamed:
            request = with_body(request, await content.whole())
            check_whole(request.headers, request.body)
        members = route.codec.parse(model, request, route.labels)
        if streamed:
            members["Body"] = content
        call = self._parts.call(origin, own_id)
        await self._admit(route, call, request, members)
        output = await handler(call, members)
        return route.codec.answer(model, output, own_id)

    def _handler(self, route: Route) -> tuple[Handler, Operation]:
        handler = self._parts.operations.get((route.service, route.operation))
        if handler is None or route.model is None:
            raise self._unimplemented(route)
        return handler, route.model

    async def _admit(
        self, route: Route, call: Call, request: HttpRequest, members: Mapping[str, Any]
    ) -> None:
        """Let a request pass, and keep that its key was used."""
        if call.judged or request.through is not None:
            self._authorize(route, call, request, members)
        key_id = call.caller.access_key_id
        if key_id.startswith(LONG_TERM) and not self._identification.is_noted(key_id):
            origin = Origin(call.scope, call.caller)
            await self._identification.note_use(self._parts.store, origin, route.service)

    def _authorize(
        self, route: Route, call: Call, request: HttpRequest, members: Mapping[str, Any]
    ) -> None:
        table = self._parts.wire.table(route.service)
        signing_name = table.identity.signing_name if table is not None else route.service
        named = (route.service, signing_name, route.operation)
        try:
            admit_through(call, named, request, members)
            if call.judged:
                authorize(call, named, request, members)
        except AwsError as error:
            raise in_words_of(route, error) from error

    def _unimplemented(self, route: Route) -> AwsError:
        query = isinstance(route.codec, QueryCodec)
        if query and not route.operation:
            return AwsError("MissingAction", "The request must contain the parameter Action.")
        service = route.service or "unknown"
        self._parts.unimplemented.add(service, route.operation)
        log.info(
            "an operation is not implemented",
            extra={"service": service, "operation": route.operation},
        )
        message = refusal(service, route.operation)
        if service == "s3":
            return AwsError("NotImplemented", message, status=501)
        return AwsError("InvalidAction" if query else "UnknownOperationException", message)

    def _server_fault(self, route: Route) -> str:
        table = self._parts.wire.table(route.service)
        for name in SERVER_FAULTS:
            if table is not None and name in table.shapes:
                return name
        return "InternalError" if route.service in ("ec2", "s3") else "InternalFailure"


def with_body(request: HttpRequest, body: bytes) -> HttpRequest:
    """Return the same request with another body."""
    return replace(request, body=body)


def _facts(route: Route, request_id: str, error: Exception) -> dict[str, str]:
    return {
        "service": route.service,
        "operation": route.operation,
        "request_id": request_id,
        "cause": str(error),
    }
