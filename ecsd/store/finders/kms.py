"""Look-ups in KMS: ``require`` refuses in its own words."""

import re
from collections.abc import Mapping

from ecsd.decisions.iam.evaluation import Source
from ecsd.decisions.iam.statement import compile_policy
from ecsd.errors import AwsError
from ecsd.records.kms.key import DISABLED, PENDING_DELETION, Alias, Key
from ecsd.store.finders.iam_caller import Keys
from ecsd.store.finders.iam_policies import RESOURCE
from ecsd.store.store import View

ARN = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:((?:key|alias)/.+)")
ALIAS = "alias/"


def kms_arn(view: View, rest: str) -> str:
    """Return the ARN of a key or alias of this account and region."""
    return f"arn:aws:kms:{view.scope.region}:{view.scope.account}:{rest}"


def find_key(view: View, reference: str) -> Key | None:
    """Return a key by its id, its ARN, an alias or an alias' ARN."""
    found = ARN.fullmatch(reference)
    rest = found[1] if found else reference
    if rest.startswith(ALIAS):
        alias = view.get(Alias, rest)
        same = alias is not None and (found is None or alias.arn == reference)
        return view.get(Key, alias.key_arn) if alias is not None and same else None
    return view.get(Key, reference if found else kms_arn(view, f"key/{rest}"))


def require_key(view: View, reference: str) -> Key:
    """Return a key by any of its names, or refuse: NotFoundException, InvalidArnException."""
    if reference.startswith("arn:") and ARN.fullmatch(reference) is None:
        raise AwsError("InvalidArnException", f"Invalid arn {reference}")
    key = find_key(view, reference)
    if key is not None:
        return key
    arn = reference if reference.startswith("arn:") else kms_arn(view, reference)
    if ALIAS in reference:
        raise AwsError("NotFoundException", f"Alias {arn} is not found.")
    full = arn if reference.startswith("arn:") else kms_arn(view, f"key/{reference}")
    raise AwsError("NotFoundException", f"Key '{full}' does not exist")


def require_named_key(view: View, reference: str) -> Key:
    """Return a key by id or ARN: what changes a key takes no alias."""
    if ALIAS in reference:
        raise AwsError("NotFoundException", f"Invalid keyId {reference}")
    return require_key(view, reference)


def check_usable(key: Key) -> None:
    """Refuse a key that may not encrypt or decrypt: DisabledException, KMSInvalidStateException."""
    if key.state == DISABLED:
        raise AwsError("DisabledException", f"{key.arn} is disabled.")
    check_kept(key)


def check_kept(key: Key) -> None:
    """Refuse a key that is about to be deleted."""
    if key.state == PENDING_DELETION:
        raise AwsError("KMSInvalidStateException", f"{key.arn} is pending deletion.")


def aliases_of(view: View, key: Key) -> list[Alias]:
    """Return a key's aliases by name."""
    return sorted(view.select(Alias, key_arn=key.arn), key=lambda one: one.name)


def policy_source(key: Key) -> Source:
    """Return a key's policy, compiled."""
    return Source(compile_policy(key.policy), "key policy", RESOURCE)


def condition_keys(
    view: View, key: Key, context: Mapping[str, str] | None, service: str = ""
) -> Keys:
    """Return KMS's condition keys of a request about a key. service: that asks for the caller.

    Source: AWS KMS Developer Guide, AWS KMS condition keys.
    """
    keys: Keys = {
        "kms:calleraccount": (view.scope.account,),
        "kms:keyorigin": ("AWS_KMS",),
        "kms:keyspec": ("SYMMETRIC_DEFAULT",),
        "kms:keyusage": ("ENCRYPT_DECRYPT",),
    }
    aliases = tuple(one.name for one in view.select(Alias, key_arn=key.arn))
    if aliases:
        keys["kms:resourcealiases"] = aliases
    if context:
        keys["kms:encryptioncontextkeys"] = tuple(context)
        for name, value in context.items():
            keys[f"kms:encryptioncontext:{name.lower()}"] = (value,)
    if service:
        keys["kms:viaservice"] = (f"{service}.{view.scope.region}.amazonaws.com",)
    return keys
