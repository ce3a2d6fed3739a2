"""Whose an access key is: the configured root's, a user's, or a session's."""

import logging

from ecsd.certificates.authority import Authority
from ecsd.errors import CertificateError
from ecsd.gateway.keys import configured_key
from ecsd.gateway.sigv4 import KeyLookup, KnownKey
from ecsd.ids import LONG_TERM, TEMPORARY
from ecsd.operations.call import Caller
from ecsd.records.iam.session import Session
from ecsd.records.iam.user import AccessKey, User
from ecsd.settings import Settings
from ecsd.store.finders.iam import Credentials, find_key_of
from ecsd.store.scope import Scope
from ecsd.store.store import Store

log = logging.getLogger(__name__)

OPENED = 4096  # secrets kept open


def find_key(store: Store, settings: Settings, authority: Authority) -> KeyLookup:
    """Return the look-up for the gateway."""
    return _Keys(store, settings, authority).find


class _Keys:
    """The look-up. Only strict mode needs secrets: local mode opens none."""

    def __init__(self, store: Store, settings: Settings, authority: Authority) -> None:
        self._store = store
        self._strict = settings.mode == "strict"
        self._seal = authority.seal
        self._configured = configured_key(settings)
        self._homes: dict[str, Scope] = {}  # key id → where it was found last
        self._opened: dict[str, tuple[str, str]] = {}  # key id → sealed, secret
        self._known: dict[str, tuple[object, KnownKey]] = {}  # key id → the store's callers, key

    def find(self, access_key_id: str) -> KnownKey | None:
        """Return whose a key is; None: nobody's, or an inactive one's."""
        known = self._known.get(access_key_id)
        if known is not None and known[0] is self._store.callers:
            return known[1]
        configured = self._configured(access_key_id)
        if configured is not None:
            return configured
        found = None
        if access_key_id.startswith(TEMPORARY):
            found = self._temporary(access_key_id)
        elif access_key_id.startswith(LONG_TERM):
            found = self._long_term(access_key_id)
        if found is not None:
            if len(self._known) >= OPENED:
                self._known.clear()
            self._known[access_key_id] = (self._store.callers, found)
        return found

    def _temporary(self, access_key_id: str) -> KnownKey | None:
        found = self._found(Session, access_key_id)
        if found is None:
            return None
        scope, session = found
        secret = self._secret(access_key_id, session.sealed_secret)
        if secret is None:
            return None
        return KnownKey(
            secret=secret,
            account=scope.account,
            caller=Caller(session.arn, session.user_id, access_key_id),
            token_digest=session.token_digest,
            expires_at=session.expires_at,
            is_judged=session.is_judged,
        )

    def _long_term(self, access_key_id: str) -> KnownKey | None:
        found = self._found(AccessKey, access_key_id)
        if found is None or found[1].status != "Active":
            return None
        scope, key = found
        user = self._user(scope, key)
        secret = self._secret(access_key_id, key.sealed_secret)
        if user is None or secret is None:
            return None
        caller = Caller(user.arn, user.user_id, access_key_id)
        return KnownKey(secret=secret, account=scope.account, caller=caller)

    def _found(
        self, kind: type[Credentials], access_key_id: str
    ) -> tuple[Scope, Credentials] | None:
        """Return a key's record as it is now, looked for first where it was before."""
        found = find_key_of(self._store, kind, access_key_id, self._homes.get(access_key_id))
        if found is not None:
            if len(self._homes) >= OPENED:
                self._homes.clear()
            self._homes[access_key_id] = found[0]
        return found

    def _user(self, scope: Scope, key: AccessKey) -> User | None:
        return self._store.view(scope).get(User, key.user_name)

    def _secret(self, access_key_id: str, sealed: str) -> str | None:
        """Return a key's secret; None: it does not open, as where the seal's file was lost."""
        if not self._strict:
            return ""
        known = self._opened.get(access_key_id)
        if known is not None and known[0] == sealed:
            return known[1]
        try:
            secret = self._seal.unseal(sealed, access_key_id)
        except CertificateError as error:
            log.error("an access key does not open: make another", extra={"cause": str(error)})  # noqa: TRY400 - the text is the whole reason
            return None
        if len(self._opened) >= OPENED:
            self._opened.clear()
        self._opened[access_key_id] = (sealed, secret)
        return secret
