"""Which service, which protocol, which operation: told from each request by itself.

Source: shared reference control_plane 1. In this order: the rpc-v2-cbor header, the target
header, a form with an ``Action``, and else the method and path (REST).
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from ecsd.protocol.cbor_codec import CborCodec
from ecsd.protocol.codec import Codec
from ecsd.protocol.credential_scope import credential_scope
from ecsd.protocol.findings import MalformedBodyError
from ecsd.protocol.json_codec import JsonCodec
from ecsd.protocol.message import HttpRequest
from ecsd.protocol.query_codec import Ec2Codec, QueryCodec, form_of
from ecsd.protocol.rest_codec import RestJsonCodec, RestXmlCodec
from ecsd.protocol.rest_paths import RestPaths
from ecsd.protocol.table import TABLES, Identity, Operation, Table, read_index, read_table

CBOR_PATH = re.compile(r"/service/([A-Za-z0-9._]{1,128})/operation/([A-Za-z0-9_]{1,128})/?")
FORM = "application/x-www-form-urlencoded"
REST_XML = frozenset({"s3", "route53", "cloudfront", "s3control"})
MOST_TARGETS = 4096  # distinct targets that are remembered
NO_LABELS: Mapping[str, str] = {}


class Route(msgspec.Struct, frozen=True):
    """Where a request goes.

    Attributes:
        service: botocore's name, or the signing name of a service without a table; "" if none.
        operation: its name; method and path where REST names none; "" for a form without one.
        codec: how to read, answer and refuse.
        model: None when the service has no such operation.
        labels: what the path's template matched.
    """

    service: str
    operation: str
    codec: Codec
    model: Operation | None
    labels: Mapping[str, str] = NO_LABELS


class Wire:
    """All services that have tables; each is loaded at its first request.

    Args:
        new_token: makes an idempotency token for a request that has none.
        refuse_unknown: whether members that the model does not have are refused (AWS ignores
            them; then a newer client's member would be accepted without effect).
        folder: where the tables are.
    """

    def __init__(
        self, new_token: Callable[[], str], *, refuse_unknown: bool = True, folder: Path = TABLES
    ) -> None:
        self._new_token = new_token
        self._refuse_unknown = refuse_unknown
        self._folder = folder
        self._identities = read_index(folder)
        self._tables: dict[str, Table] = {}
        self._codecs: dict[tuple[str, str], Codec] = {}
        self._paths: dict[str, RestPaths] = {}
        self._targets: dict[tuple[str, bool], Route] = {}

    def route(self, request: HttpRequest) -> Route:
        """Return where the request goes. Never raises for what a client sends."""
        target = request.headers.get("x-amz-target")
        if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
            return self._cbor_route(request)
        if target is not None:
            return self._json_route(request, target)
        if _is_form(request):
            try:
                return self._query_route(request, form_of(request))
            except MalformedBodyError:
                return self._query_route(request, {})
        return self._rest_route(request)

    def route_to(self, service: str, request: HttpRequest) -> Route:
        """Return where a request goes that is known to be for one REST service."""
        identity = self._first(lambda each: each.name == service)
        protocol = identity.protocols[0] if identity else "rest-xml"
        found = self._rest_paths(service).find(request)
        if found is None:
            named = f"{request.method} {request.path[:128]}"
            return msgspec.structs.replace(self._route(service, "", protocol), operation=named)
        route = self._route(service, found.operation.name, protocol)
        return msgspec.structs.replace(route, labels=found.labels)

    def table(self, service: str) -> Table | None:
        """Return a service's table, or None if it has none."""
        if service not in self._tables:
            if all(identity.name != service for identity in self._identities):
                return None
            self._tables[service] = read_table(service, self._folder)
        return self._tables[service]

    def _json_route(self, request: HttpRequest, target: str) -> Route:
        old = "json-1.0" in request.headers.get("content-type", "")
        known = self._targets.get((target, old))
        if known is not None:
            return known
        prefix, _, name = target.rpartition(".")
        identity = self._first(lambda each: bool(prefix) and each.target_prefix == prefix)
        service = identity.name if identity else _signing_name(request)
        route = self._route(service, name[:128], f"json-1.{0 if old else 1}")
        if route.model is not None and len(self._targets) < MOST_TARGETS:
            self._targets[target, old] = route
        return route

    def _cbor_route(self, request: HttpRequest) -> Route:
        found = CBOR_PATH.fullmatch(request.path)
        prefix, name = found.groups() if found else ("", request.path[:128])
        identity = self._first(lambda each: bool(prefix) and each.target_prefix == prefix)
        return self._route(identity.name if identity else _signing_name(request), name, "cbor")

    def _query_route(self, request: HttpRequest, form: Mapping[str, str]) -> Route:
        name, version = form.get("Action", "")[:128], form.get("Version", "")
        signed = _signing_name(request)
        identity = (
            self._first(lambda each: each.signing_name == signed and each.api_version == version)
            or self._first(lambda each: each.signing_name == signed)
            or self._first(lambda each: not signed and each.api_version == version)
        )
        if identity is None:
            return self._route(signed, name, "ec2" if signed == "ec2" else "query")
        protocol = "ec2" if "ec2" in identity.protocols else "query"
        return self._route(identity.name, name, protocol)

    def _rest_route(self, request: HttpRequest) -> Route:
        signed = _signing_name(request)
        for identity in self._identities:
            if identity.signing_name == signed and identity.protocols[0].startswith("rest-"):
                route = self.route_to(identity.name, request)
                if route.model is not None:
                    return route
        identity_ = self._first(lambda each: each.signing_name == signed)
        protocol = identity_.protocols[0] if identity_ else ""
        if not protocol:
            protocol = "rest-xml" if signed in REST_XML else "rest-json"
        service = identity_.name if identity_ else signed
        route = self._route(service, "", protocol)
        return msgspec.structs.replace(route, operation=f"{request.method} {request.path[:128]}")

    def _rest_paths(self, service: str) -> RestPaths:
        if service not in self._paths:
            table = self.table(service)
            self._paths[service] = (
                RestPaths(table.operations.values(), table.shapes) if table else RestPaths((), {})
            )
        return self._paths[service]

    def _route(self, service: str, operation: str, protocol: str) -> Route:
        table = self.table(service)
        model = table.operations.get(operation) if table else None
        return Route(service, operation, self._codec(service if table else "", protocol), model)

    def _codec(self, service: str, protocol: str) -> Codec:
        key = (service, protocol)
        if key not in self._codecs:
            self._codecs[key] = self._make(self.table(service), protocol)
        return self._codecs[key]

    def _make(self, table: Table | None, protocol: str) -> Codec:
        token, refuse = self._new_token, self._refuse_unknown
        match protocol:
            case "cbor" | "smithy-rpc-v2-cbor":
                return CborCodec(table, token, refuse_unknown=refuse)
            case "query":
                return QueryCodec(table, token, refuse_unknown=refuse)
            case "ec2":
                return Ec2Codec(table, token, refuse_unknown=refuse)
            case "rest-json":
                return RestJsonCodec(table, token, refuse_unknown=refuse)
            case "rest-xml":
                return RestXmlCodec(table, token, refuse_unknown=refuse)
            case _:
                version = "1.0" if protocol == "json-1.0" else "1.1"
                return JsonCodec(table, version, token, refuse_unknown=refuse)

    def _first(self, fits: Callable[[Identity], bool]) -> Identity | None:
        return next((identity for identity in self._identities if fits(identity)), None)


def _signing_name(request: HttpRequest) -> str:
    scope = credential_scope(request)
    return scope.service if scope else ""


def _is_form(request: HttpRequest) -> bool:
    if request.method == "POST" and request.headers.get("content-type", "").startswith(FORM):
        return True
    return request.method in ("GET", "POST") and "Action=" in request.query
