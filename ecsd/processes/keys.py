"""Whose an access key is: the configured root's, or a role's temporary one."""

from ecsd.gateway.keys import configured_key
from ecsd.gateway.sigv4 import KeyLookup, KnownKey
from ecsd.operations.call import Caller
from ecsd.settings import Settings
from ecsd.store.finders.iam import find_session
from ecsd.store.store import Store

TEMPORARY = "ASIA"  # IAM User Guide, unique identifiers: how temporary keys begin


def find_key(store: Store, settings: Settings) -> KeyLookup:
    """Return the look-up for the gateway."""
    configured = configured_key(settings)

    def find(access_key_id: str) -> KnownKey | None:
        if not access_key_id.startswith(TEMPORARY):
            return configured(access_key_id)
        found = find_session(store, access_key_id)
        if found is None:
            return None
        scope, session = found
        caller = Caller(session.arn, session.user_id, access_key_id)
        return KnownKey(
            session.secret_access_key, scope.account, caller, token=session.session_token
        )

    return find
