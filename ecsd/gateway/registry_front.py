"""The registry's front: tokens and manifests of ``docker login``, ``push`` and ``pull``.

Clients meet the registry's own HAProxy, which hands on what is the server's, below ``PREFIX``. A
token says what its holder may do with which repository; it is judged here, by IAM and the
repository's policy, when docker asks for it, and lives for five minutes.
Source: Distribution, token authentication specification and HTTP API V2; Amazon ECR User Guide.
"""

import base64
import binascii
import dataclasses
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

import msgspec
from msgspec.structs import replace

from ecsd.decisions.ecr.manifest import digest_of
from ecsd.decisions.ecr.names import Place, is_digest, is_tag, place_of
from ecsd.decisions.ecr.pull_through import template_for
from ecsd.decisions.ecr.registry_config import PREFIX, SERVICE
from ecsd.decisions.ecr.token_scope import ACTIONS, PULL, PUSH, Scope, read_scopes
from ecsd.errors import AwsError, CertificateError
from ecsd.gateway.authorization.authorizer import authorize
from ecsd.gateway.dispatch import GatewayParts
from ecsd.gateway.identification import Origin, root_caller
from ecsd.operations.call import Call, Caller
from ecsd.operations.ecr.push import Pushed, take_in
from ecsd.operations.ecr.registry import TOKEN, USER, Holder
from ecsd.operations.ecr.upstream import fetch_if_due
from ecsd.protocol.message import HttpRequest, HttpResponse
from ecsd.records.ecr.image import Image
from ecsd.records.ecr.pull_through import RepositoryCreationTemplate
from ecsd.store.finders.ecr import (
    cache_rule,
    find_image,
    find_repository,
    images_of,
    no_repository,
)
from ecsd.store.images import TOKEN_LIFE, Access, claims_of
from ecsd.store.scope import Scope as Home
from ecsd.store.store import View

JSON = {"content-type": "application/json", "docker-distribution-api-version": "registry/2.0"}
PULL_NOTED = timedelta(hours=1)  # how exactly the last pull of an image is kept
IMPORT = ("BatchImportUpstreamImage",)  # beside what a pull needs
CREATE, TAG = "CreateRepository", "TagResource"
LATE = "Your authorization token has expired. Reauthenticate and try again."
MANIFEST = re.compile(r"/v2/(?P<path>.+)/manifests/(?P<reference>[^/]+)")
TAGS = re.compile(r"/v2/(?P<path>.+)/tags/list")
# What refusals of ECR's are called in the registry's protocol.
CODES: Mapping[str, tuple[int, str]] = {
    "AccessDenied": (403, "DENIED"),
    "RepositoryNotFoundException": (404, "NAME_UNKNOWN"),
    "ImageTagAlreadyExistsException": (400, "TAG_INVALID"),
    "LayersNotFoundException": (404, "MANIFEST_BLOB_UNKNOWN"),
    "ReferencedImagesNotFoundException": (404, "MANIFEST_BLOB_UNKNOWN"),
    "InvalidParameterException": (400, "MANIFEST_INVALID"),
}


class _Bearer(NamedTuple):
    """Who holds a registry's token, and what it may do: path → actions."""

    claims: Mapping[str, Any]
    access: Mapping[str, frozenset[str]]


class _Client(NamedTuple):
    """Who got an authorization token. judged: its permissions count."""

    call: Call
    judged: bool


class RegistryFront:
    """Answers what the registry's HAProxy hands on."""

    def __init__(self, parts: GatewayParts) -> None:
        self._parts = parts

    async def answer(self, request: HttpRequest) -> HttpResponse | None:
        """Return the answer; None for a path that is not the registry's."""
        if not request.path.startswith(f"{PREFIX}/"):
            return None
        try:
            response = await self._answer(request, unquote(request.path.removeprefix(PREFIX)))
        except AwsError as error:
            status, code = CODES.get(error.code, (error.status, "UNKNOWN"))
            response = _refusal(status, code, error.message)
        await self._parts.store.durable()
        return response

    async def _answer(self, request: HttpRequest, path: str) -> HttpResponse:
        if path == "/token" and request.method == "GET":
            return self._token(request)
        if path in ("/v2/", "/v2"):
            return _json(200, {}) if self._bearer(request) else self._challenge("")
        manifest, tags = MANIFEST.fullmatch(path), TAGS.fullmatch(path)
        found = manifest or tags
        place = place_of(found["path"]) if found else None
        if found is None or place is None:
            return _refusal(404, "NAME_UNKNOWN", "There is no such repository or resource here.")
        action = PUSH if request.method == "PUT" else PULL
        bearer = self._bearer(request)
        if bearer is None or action not in bearer.access.get(place.path, ()):
            return self._unauthorized(place, action)
        if action == PULL and bearer.claims.get("reads") != "yes":
            return _refusal(403, "DENIED", "ecr:BatchGetImage is not allowed")
        if tags is not None and request.method == "GET":
            return self._tags(place)
        if manifest is not None and request.method == "PUT":
            return await self._put(request, place, manifest["reference"])
        if manifest is not None and request.method in ("GET", "HEAD"):
            fault = None
            if place.path in bearer.claims.get("imports", ()):
                fault = await self._fetch(place, manifest["reference"])
            return await self._manifest(request, place, manifest["reference"], fault)
        return _refusal(405, "UNSUPPORTED", "Delete images by BatchDeleteImage.")

    # ------------------------------------------------------------ tokens

    def _token(self, request: HttpRequest) -> HttpResponse:
        """Return a token for what is asked, as far as the caller may."""
        client = self._client(request)
        if isinstance(client, HttpResponse):
            return client
        access = []
        scopes = read_scopes(parse_qs(request.query).get("scope", []))
        for number, scope in enumerate(scopes):
            try:
                access.append(self._granted(client, request, scope))
            except AwsError:
                if number == 0:
                    raise
                continue  # a layer that could have come from another repository is sent instead
        now = self._parts.clock.now()
        if any(PUSH in one.actions for one in access):
            self._parts.images.active_at = now
        claims = claims_of(access, client.call.caller.arn, now, TOKEN_LIFE)
        token = self._parts.authority.token_key.sign(claims)
        seconds = int(TOKEN_LIFE.total_seconds())
        issued = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        return _json(200, {"token": token, "expires_in": seconds, "issued_at": issued})

    def _granted(self, client: _Client, request: HttpRequest, scope: Scope) -> Access:
        """Return what a caller may do of what it asks for; refuse what it is there for."""
        place = scope.place
        there = find_repository(self._view(place), place.name) is not None
        imports = scope.leading == PULL and self._may_import(client, request, place, there=there)
        if not there and not imports:
            self._judge(client, request, place, ACTIONS[scope.leading][:1])
            raise no_repository(place.account, place.name)
        self._judge(client, request, place, ACTIONS[scope.leading])
        reads = scope.leading == PULL
        if not reads:
            try:
                self._judge(client, request, place, ACTIONS[PULL])
                reads = True
            except AwsError:
                reads = False  # whoever pushes asks which layers are there, and needs no more
        actions = (PULL, PUSH) if PUSH in scope.wanted else (PULL,)
        return Access(place.path, actions, reads, imports)

    def _may_import(
        self, client: _Client, request: HttpRequest, place: Place, *, there: bool
    ) -> bool:
        """Tell whether a caller may have an upstream's image fetched; refuse where it has to be."""
        view = self._view(place)
        if cache_rule(view, place.name) is None:
            return False
        needed = IMPORT if there else (*IMPORT, CREATE)
        template = template_for(place.name, view.select(RepositoryCreationTemplate))
        if not there and template is not None and template.tags:
            needed = (*needed, TAG)
        try:
            self._judge(client, request, place, needed)
        except AwsError:
            if not there:
                raise
            return False  # what is here is served all the same
        return True

    def _judge(
        self, client: _Client, request: HttpRequest, place: Place, actions: tuple[str, ...]
    ) -> None:
        if not client.judged:
            return  # of local mode, which judges roles of tasks alone
        call = dataclasses.replace(client.call, scope=Home(client.call.scope.account, place.region))
        members = {"repositoryName": place.name, "registryId": place.account}
        for action in actions:
            authorize(call, ("ecr", "ecr", action), request, members)

    def _client(self, request: HttpRequest) -> _Client | HttpResponse:
        """Return whoever has got an authorization token; or the refusal."""
        holder = self._holder(request.headers.get("authorization", ""))
        if holder is None:
            return _refusal(401, "UNAUTHORIZED", "Log in by ecr:GetAuthorizationToken.")
        settings, now = self._parts.settings, self._parts.clock.now()
        known = self._parts.find_key(holder.access_key_id)
        strict = settings.mode == "strict"
        ended = known is not None and known.expires_at is not None and now >= known.expires_at
        lost = known is None and (strict or not holder.arn.endswith(":root"))
        if holder.until <= now.timestamp() or ended or lost:
            return _refusal(403, "DENIED", LATE)
        caller = known.caller if known else root_caller(holder.account, holder.access_key_id)
        judged = strict or (known is not None and known.is_judged)
        return _Client(self._call(Home(holder.account, settings.region), caller), judged)

    def _holder(self, authorization: str) -> Holder | None:
        kind, _, value = authorization.partition(" ")
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
            if kind.lower() != "basic" or user != USER:
                return None
            text = self._parts.authority.seal.unseal(password, TOKEN)
            return msgspec.json.decode(text, type=Holder)
        except (binascii.Error, ValueError, CertificateError, msgspec.DecodeError):
            return None  # it was not given out here

    def _bearer(self, request: HttpRequest) -> _Bearer | None:
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return None
        claims = self._parts.authority.token_key.verify(value, SERVICE, self._parts.clock.now())
        if claims is None:
            return None
        access = {one["name"]: frozenset(one["actions"]) for one in claims["access"]}
        return _Bearer(claims, access)

    def _unauthorized(self, place: Place, action: str) -> HttpResponse:
        wanted = f"{PULL},{PUSH}" if action == PUSH else PULL
        return self._challenge(f',scope="repository:{place.path}:{wanted}"')

    def _challenge(self, scope: str) -> HttpResponse:
        """Return where to get a token. scope: what it has to be for, as a further parameter."""
        realm = f"http://{self._parts.settings.registry_name}/token"
        challenge = f'Bearer realm="{realm}",service="{SERVICE}"{scope}'
        refusal = _refusal(401, "UNAUTHORIZED", "authentication required")
        return HttpResponse(401, {**refusal.headers, "www-authenticate": challenge}, refusal.body)

    # ------------------------------------------------------------ manifests

    def _tags(self, place: Place) -> HttpResponse:
        view = self._view(place)
        repository = find_repository(view, place.name)
        if repository is None:
            raise no_repository(place.account, place.name)
        tags = sorted(tag for one in images_of(view, repository) for tag in one.image_tags)
        return _json(200, {"name": place.path, "tags": tags or None})

    async def _put(self, request: HttpRequest, place: Place, reference: str) -> HttpResponse:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip()
        tag = "" if is_digest(reference) else reference
        digest = digest_of(request.body)
        if not tag and digest != reference:
            return _refusal(400, "DIGEST_INVALID", f"the manifest's digest is {digest}")
        # What may be done was judged when the token was given out.
        call = self._call(Home(place.account, place.region), root_caller(place.account, ""))
        image, _ = await take_in(call, place, Pushed(request.body, media_type, tag))
        location = f"/v2/{place.path}/manifests/{image.digest}"
        headers = {**JSON, "docker-content-digest": image.digest, "location": location}
        if image.subject:
            headers["oci-subject"] = image.subject
        return HttpResponse(201, headers, b"")

    async def _fetch(self, place: Place, reference: str) -> str | None:
        """Have an upstream's image here; return why it could not be had, or None."""
        rule = cache_rule(self._view(place), place.name)
        if rule is None or not (is_digest(reference) or is_tag(reference)):
            return None
        # What may be done was judged when the token was given out.
        call = self._call(Home(place.account, place.region), root_caller(place.account, ""))
        return await fetch_if_due(call, place, rule, reference)

    async def _manifest(
        self, request: HttpRequest, place: Place, reference: str, fault: str | None
    ) -> HttpResponse:
        """Answer with a manifest. fault: why the upstream's could not be had."""
        view = self._view(place)
        repository = find_repository(view, place.name)
        if repository is None and fault is not None:
            return _refusal(404, "MANIFEST_UNKNOWN", fault)
        if repository is None:
            raise no_repository(place.account, place.name)
        wanted = {"digest": reference} if is_digest(reference) else {"tag": reference}
        known = is_digest(reference) or is_tag(reference)
        image = find_image(view, repository, **wanted) if known else None
        content = None
        if image is not None:
            content = await self._parts.images.manifest(place.path, image.digest, image.media_type)
        if image is None or content is None:
            return _refusal(404, "MANIFEST_UNKNOWN", fault or "Requested image not found")
        if request.method == "GET":
            await self._note_pull(place, image)
        headers = {
            "content-type": image.media_type,
            "docker-content-digest": image.digest,
            "docker-distribution-api-version": "registry/2.0",
            "etag": f'"{image.digest}"',
        }
        return HttpResponse(200, headers, content)

    async def _note_pull(self, place: Place, image: Image) -> None:
        now = self._parts.clock.now()
        if image.pulled_at is not None and now - image.pulled_at < PULL_NOTED:
            return
        async with self._parts.store.transaction(Home(place.account, place.region)) as change:
            if change.get(Image, image.place) == image:
                change.put(replace(image, pulled_at=now))

    def _view(self, place: Place) -> View:
        return self._parts.store.view(Home(place.account, place.region))

    def _call(self, scope: Home, caller: Caller) -> Call:
        return self._parts.call(Origin(scope, caller), self._parts.ids.uuid())


def _refusal(status: int, code: str, message: str) -> HttpResponse:
    return _json(status, {"errors": [{"code": code, "message": message}]})


def _json(status: int, document: Mapping[str, Any]) -> HttpResponse:
    return HttpResponse(status, JSON, msgspec.json.encode(document))
