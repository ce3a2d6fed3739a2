"""Whose an access key is."""

from ecsd.gateway.identification import root_caller
from ecsd.gateway.sigv4 import KeyLookup, KnownKey
from ecsd.protocol.credential_scope import ACCOUNT, DEFAULT_ACCOUNT
from ecsd.settings import Settings


def configured_key(settings: Settings) -> KeyLookup:
    """Return the lookup of the root credentials that the settings name; all others are unknown.

    As everywhere, a 12-digit access key id is its account's number.
    """
    key_id, secret = settings.access_key_id, settings.secret_access_key
    account = key_id if ACCOUNT.fullmatch(key_id) else DEFAULT_ACCOUNT
    root = KnownKey(secret, account, root_caller(account, key_id))
    return lambda access_key_id: root if secret and access_key_id == key_id else None
