"""Who makes a request, and to which account and region it belongs."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from msgspec.structs import replace

from ecsd.clock import Clock
from ecsd.errors import AwsError, StoreError
from ecsd.gateway.sigv4 import KeyLookup, Verifier
from ecsd.operations.call import Caller
from ecsd.protocol.credential_scope import DEFAULT_ACCOUNT, credential_scope
from ecsd.protocol.message import HttpRequest
from ecsd.records.iam.user import AccessKey
from ecsd.settings import Settings
from ecsd.store.scope import Scope
from ecsd.store.sessions import Seal, is_marked
from ecsd.store.store import Store

log = logging.getLogger(__name__)

TOKEN = "x-amz-security-token"
USE_NOTED = timedelta(hours=1)  # how exactly the last use of a key is kept
# Operations that AWS takes without a signature: their own token says who it is.
UNSIGNED: Mapping[tuple[str, str], str] = {
    ("sts", "AssumeRoleWithWebIdentity"): "anonymous",
}


class Origin(NamedTuple):
    """Where a request belongs, whose it is, and whether it needs permission."""

    scope: Scope
    caller: Caller
    is_judged: bool = False


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
            known = self.verifier.verify(request, raw, self._clock.now())
            return Origin(Scope(known.account, region), known.caller, is_judged=True)
        if credential is None:
            return Origin(Scope(DEFAULT_ACCOUNT, region), root_caller(DEFAULT_ACCOUNT, ""))
        found = self._find_key(credential.access_key_id)
        if found is not None:
            found.check_alive(self._clock.now())
            return Origin(Scope(found.account, region), found.caller, found.is_judged)
        self._check_not_ended(credential.access_key_id, request)
        account = credential.account
        return Origin(Scope(account, region), root_caller(account, credential.access_key_id))

    def _check_not_ended(self, access_key_id: str, request: HttpRequest) -> None:
        """Refuse a session of ours that has ended: it would be taken for the account's root."""
        token = request.headers.get(TOKEN, "")
        if token and is_marked(self._seal, access_key_id, token):
            raise AwsError(
                "ExpiredToken", "The security token included in the request is expired", status=403
            )

    async def note_use(self, store: Store, origin: Origin, service: str) -> None:
        """Keep when a user's key was used last, once an hour; of other keys nothing is kept."""
        key_id = origin.caller.access_key_id
        home, now = origin.scope.globally(), self._clock.now()
        key = store.view(home).get(AccessKey, key_id)
        if key is None or (key.last_used_at and now - key.last_used_at < USE_NOTED):
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


def root_caller(account: str, access_key_id: str) -> Caller:
    """Return the caller that local mode takes an unknown key for: the account's root."""
    return Caller(arn=f"arn:aws:iam::{account}:root", user_id=account, access_key_id=access_key_id)
