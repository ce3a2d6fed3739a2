"""Who makes a request, and to which account and region it belongs."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from ecsd.clock import Clock
from ecsd.errors import AwsError, StoreError
from ecsd.gateway import sigv2
from ecsd.gateway.s3_address import is_presigned_v2
from ecsd.gateway.sigv4 import KeyLookup, KnownKey, Verifier, check_presigned_time
from ecsd.operations.call import Caller
from ecsd.protocol.aws_chunked import ChunkSigner, form_of
from ecsd.protocol.credential_scope import DEFAULT_ACCOUNT, account_of, credential_scope
from ecsd.protocol.message import HttpRequest
from ecsd.records.iam.user import AccessKey
from ecsd.settings import Settings
from ecsd.store.scope import Scope
from ecsd.store.sessions import Seal, is_marked
from ecsd.store.store import Store

log = logging.getLogger(__name__)

TOKEN = "x-amz-security-token"
USE_NOTED = timedelta(hours=1)  # how exactly the last use of a key is kept
NOTED = 4096  # keys of which is remembered that their use is noted
# Operations that AWS takes without a signature: their own token says who it is.
UNSIGNED: Mapping[tuple[str, str], str] = {
    ("sts", "AssumeRoleWithWebIdentity"): "anonymous",
}


class Origin(NamedTuple):
    """Where a request belongs, whose it is, and whether it needs permission."""

    scope: Scope
    caller: Caller
    is_judged: bool = False
    chunk_signer: ChunkSigner | None = None  # S3: where chunks of the body are signed and verified


class Identification:
    """Strict mode believes signatures; local mode believes what a request says of itself.

    Strict mode judges everybody; local mode the roles of tasks, whose policies would count on AWS.
    """

    def __init__(self, settings: Settings, clock: Clock, find_key: KeyLookup, seal: Seal) -> None:
        self._settings = settings
        self._strict = settings.mode == "strict"
        self._clock = clock
        self._find_key = find_key
        self._seal = seal
        self.verifier = Verifier(find_key)
        self._noted: dict[str, datetime] = {}  # key id → until when its use needs no noting

    def origin(self, request: HttpRequest, raw: bytes, operation: tuple[str, str]) -> Origin:
        """Return the origin of a request; ``raw`` is its body as sent.

        Raises:
            AwsError: strict mode: no signature, a wrong one, or a key that is not good; local mode:
                temporary credentials whose time is over.
        """
        credential = credential_scope(request)
        region = credential.region if credential else self._settings.region
        if credential is None and operation in UNSIGNED:
            nobody = Caller(arn="", user_id=UNSIGNED[operation], access_key_id="")
            return Origin(Scope(DEFAULT_ACCOUNT, region), nobody, self._strict)
        if self._strict:
            return _of(self.verifier.verify(request, raw, self._clock.now()), region, judged=True)
        if credential is None:
            return Origin(Scope(DEFAULT_ACCOUNT, region), root_caller(DEFAULT_ACCOUNT, ""))
        return self._believed(credential.access_key_id, region, request)

    def origin_of_s3(self, sent: HttpRequest, path_style: HttpRequest) -> Origin:
        """Return the origin of a request to S3, whose body is still to come.

        In strict mode an unsigned one is nobody's: buckets' policies may allow it.

        Raises:
            AwsError: as ``origin``; in both modes: a presigned URL whose time is over.
        """
        now = self._clock.now()
        credential = credential_scope(sent)
        region = credential.region if credential else self._settings.region
        if credential is None and is_presigned_v2(sent.query):
            if self._strict:
                known = sigv2.verify(sent, path_style, self._find_key, now)
                return _of(known, region, judged=True)
            sigv2.check_time(sent, now)
            return self._believed(sigv2.access_key_id(sent), region, sent)
        if self._strict:
            if credential is None and "authorization" not in sent.headers:
                return Origin(Scope("", region), Caller("", "anonymous", ""), is_judged=True)
            known = self.verifier.verify(sent, None, now)
            form = form_of(sent.headers.get("x-amz-content-sha256", ""))
            signed = form is not None and form.signed
            signer = self.verifier.chunk_signer(sent, known) if signed else None
            return _of(known, region, judged=True)._replace(chunk_signer=signer)
        if credential is None:
            return Origin(Scope(DEFAULT_ACCOUNT, region), root_caller(DEFAULT_ACCOUNT, ""))
        check_presigned_time(sent, now)
        return self._believed(credential.access_key_id, region, sent)

    def _believed(self, access_key_id: str, region: str, request: HttpRequest) -> Origin:
        """Return the origin that local mode takes a key for."""
        found = self._find_key(access_key_id)
        if found is not None:
            found.check_alive(self._clock.now())
            return _of(found, region, judged=found.is_judged)
        self._check_not_ended(access_key_id, request)
        account = account_of(access_key_id)
        return Origin(Scope(account, region), root_caller(account, access_key_id))

    def _check_not_ended(self, access_key_id: str, request: HttpRequest) -> None:
        """Refuse a session of ours that has ended: it would be taken for the account's root."""
        token = request.headers.get(TOKEN, "")
        if token and is_marked(self._seal, access_key_id, token):
            raise AwsError(
                "ExpiredToken", "The security token included in the request is expired", status=403
            )

    def is_noted(self, access_key_id: str) -> bool:
        """Tell whether the use of a key was noted within the last hour."""
        until = self._noted.get(access_key_id)
        return until is not None and self._clock.now() < until

    async def note_use(self, store: Store, origin: Origin, service: str) -> None:
        """Keep when a user's key was used last, once an hour; of other keys nothing is kept."""
        key_id = origin.caller.access_key_id
        home, now = origin.scope.globally(), self._clock.now()
        key = store.view(home).get(AccessKey, key_id)
        if key is None:
            return
        if key.last_used_at and now - key.last_used_at < USE_NOTED:
            if len(self._noted) >= NOTED:
                self._noted.clear()
            self._noted[key_id] = key.last_used_at + USE_NOTED
            return
        used = replace(
            key,
            last_used_at=now,
            last_used_service=service,
            last_used_region=origin.scope.region,
        )
        try:
            async with store.transaction(home) as change:
                if change.get(AccessKey, key_id) == key:
                    change.put(used)
        except StoreError as error:  # what is only read may go on while nothing can be written
            log.warning("the use of a key was not noted", extra={"cause": str(error)})


def _of(known: KnownKey, region: str, *, judged: bool) -> Origin:
    return Origin(Scope(known.account, region), known.caller, judged)


def root_caller(account: str, access_key_id: str) -> Caller:
    """Return the caller that local mode takes an unknown key for: the account's root."""
    return Caller(arn=f"arn:aws:iam::{account}:root", user_id=account, access_key_id=access_key_id)
