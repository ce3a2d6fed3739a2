"""Images of other registries, fetched for pull through caches and kept as if they were pushed.

Source: Amazon ECR User Guide, pull through cache rules: a repository is made at the first pull; a
tag is compared with the upstream's once a day; what is here is served when upstream is away.
"""

import logging
from contextlib import aclosing
from datetime import datetime

import msgspec

from ecsd.decisions.ecr.manifest import Manifest, read_manifest
from ecsd.decisions.ecr.names import Place, is_digest
from ecsd.decisions.ecr.pull_through import (
    FRESH,
    PATIENCE,
    is_due,
    template_for,
    upstream_repository,
)
from ecsd.errors import AwsError, UpstreamError
from ecsd.operations.call import Call
from ecsd.operations.ecr.push import Pushed, take_in
from ecsd.records.ecr.pull_through import (
    PullThroughCacheRule,
    RepositoryCreationTemplate,
    UpstreamCheck,
)
from ecsd.records.ecr.repository import Repository
from ecsd.store.finders.ecr import find_image, find_repository
from ecsd.store.finders.secretsmanager import find_secret
from ecsd.store.image_removal import free_pending
from ecsd.store.kms_keys import ServiceKeys, Workshop
from ecsd.store.secret_values import current_value
from ecsd.store.store import View
from ecsd.store.upstream_registry import Source, UpstreamRegistry

log = logging.getLogger(__name__)


async def fetch_if_due(
    call: Call, place: Place, rule: PullThroughCacheRule, reference: str
) -> str | None:
    """Have an image here as the upstream has it; return why it could not be had, or None.

    call: of the repository's account and region. reference: a tag or a digest.
    """
    if not _is_due(call, place, reference):
        return None
    async with call.images.turn(f"upstream {place.path}"):
        if not _is_due(call, place, reference):
            return None  # whoever had the turn before has fetched it
        try:
            await _fetch(call, place, rule, reference)
            words, later = None, FRESH
        except (UpstreamError, AwsError) as error:
            words, later = _words(error), PATIENCE
            log.warning(
                "an upstream's image is not fetched",
                extra={"repository": place.path, "reference": reference, "cause": words},
            )
        if not is_digest(reference):
            await _note(call, place, reference, call.clock.now() + later)
    return words


def _is_due(call: Call, place: Place, reference: str) -> bool:
    view, by_digest = call.view, is_digest(reference)
    repository = find_repository(view, place.name)
    wanted = {"digest": reference} if by_digest else {"tag": reference}
    known = find_image(view, repository, **wanted) if repository else None
    check = view.get(UpstreamCheck, f"{place.arn}:{reference}")
    due_at = check.due_at if check and known and check.digest == known.digest else None
    now = call.clock.now()
    return is_due(known=known is not None, due_at=due_at, by_digest=by_digest, now=now)


async def _note(call: Call, place: Place, tag: str, due_at: datetime) -> None:
    """Note when a tag is compared with the upstream's again, if it is here."""
    async with call.transaction() as change:
        repository = change.get(Repository, place.arn)
        image = find_image(change, repository, tag=tag) if repository else None
        if image is not None:
            check = UpstreamCheck(
                repository_arn=place.arn, tag=tag, digest=image.digest, due_at=due_at
            )
            change.put(check)


async def reach(call: Call, rule: PullThroughCacheRule) -> None:
    """Return if the upstream of a rule lets us in. Raises UpstreamError."""
    try:
        credentials = read_credentials(call, call.view, rule)
    except AwsError as error:
        raise UpstreamError(_words(error)) from error
    source = Source(base_of(call, rule), "", credentials)
    async with UpstreamRegistry.opened(source, call.clock) as upstream:
        await upstream.ping()


def base_of(call: Call, rule: PullThroughCacheRule) -> str:
    """Return the URL at which a rule's upstream is asked: a mirror's, where there is one."""
    host = rule.upstream_url
    return call.settings.ecr_mirrors.get(host, f"https://{host}")


def read_credentials(call: Call, view: View, rule: PullThroughCacheRule) -> tuple[str, str] | None:
    """Return user and password for a rule's upstream; None: it asks for none.

    Raises:
        AwsError: the secret is not there, or holds something else.
    """
    if rule.credential_arn is None:
        return None
    content = secret_content(call, view, rule.credential_arn)
    try:
        said = msgspec.json.decode(content or b"")
        user, token = said["username"], said["accessToken"]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise AwsError(
            "UnableToAccessSecretException",
            f"The secret {rule.credential_arn} must be JSON with the keys username and "
            "accessToken.",
        ) from error
    return str(user), str(token)


def secret_content(call: Call, view: View, arn: str) -> bytes | None:
    """Return what a secret holds; None: nothing yet.

    Raises:
        AwsError: it is not there, or cannot be opened.
    """
    secret = find_secret(view, arn)
    if secret is None or secret.deletion_at is not None:
        raise AwsError(
            "SecretNotFoundException",
            f"The ARN of the secret specified in the pull through cache rule was not found: {arn}",
        )
    keys = ServiceKeys(Workshop(call.authority.seal, call.ids, call.clock.now()), None)
    try:
        return current_value(view, secret, keys)
    except AwsError as error:
        raise AwsError("UnableToDecryptSecretValueException", error.message) from error


async def _fetch(call: Call, place: Place, rule: PullThroughCacheRule, reference: str) -> None:
    credentials = read_credentials(call, call.view, rule)
    source = Source(base_of(call, rule), upstream_repository(place.name, rule), credentials)
    tag = "" if is_digest(reference) else reference
    async with UpstreamRegistry.opened(source, call.clock) as upstream:
        found = await upstream.manifest(reference)
        if found is None:
            raise UpstreamError(f"{rule.upstream_url} has no {source.repository}, {reference}")
        try:
            await _take(call, place, upstream, Pushed(*found, tag))
        except AwsError as error:
            if error.code != "ImageTagAlreadyExistsException":
                raise  # one that may not move stays what it was


async def _take(call: Call, place: Place, upstream: UpstreamRegistry, pushed: Pushed) -> None:
    """Keep an image with all that it names: of a list every image, as ECR does."""
    manifest = read_manifest(pushed.content, pushed.media_type)
    if isinstance(manifest, str):
        raise UpstreamError(manifest)
    await _provide_repository(call, place)
    for digest in manifest.children:
        repository = find_repository(call.view, place.name)
        if repository is not None and find_image(call.view, repository, digest=digest) is None:
            found = await upstream.manifest(digest)
            if found is None:
                raise UpstreamError(f"the upstream lacks {digest}, which its list names")
            await _take(call, place, upstream, Pushed(*found))
    await _keep_layers(call, place, upstream, manifest)
    await take_in(call, place, pushed)


async def _keep_layers(
    call: Call, place: Place, upstream: UpstreamRegistry, manifest: Manifest
) -> None:
    for digest, size in manifest.blobs.items():
        if await call.images.blob_size(place.path, digest) is not None:
            continue
        url: str | None = await call.images.begin_upload(place.path)
        async with aclosing(upstream.blob(digest, size)) as pieces:
            async for piece in pieces:
                url = await call.images.append(url or "", piece)
                if url is None:
                    raise UpstreamError(f"the registry forgot the upload of {digest}")
        fault = await call.images.finish(url or "", digest)
        if fault is not None:
            raise UpstreamError(f"the layer {digest} is not what the upstream says: {fault}")


async def _provide_repository(call: Call, place: Place) -> None:
    """Make a repository as its template says, unless there is one."""
    if find_repository(call.view, place.name) is not None:
        return
    template = template_for(place.name, call.view.select(RepositoryCreationTemplate))
    made = Repository(
        arn=place.arn,
        repository_name=place.name,
        created_at=call.clock.now(),
        **template.of_repositories if template else {},
    )
    async with call.images.turn(place.path):
        await free_pending(call.store, call.scope, call.images, place.path)
        async with call.transaction() as change:
            if change.get(Repository, place.arn) is None:
                change.put(made)


def _words(error: UpstreamError | AwsError) -> str:
    return error.message if isinstance(error, AwsError) else str(error)
