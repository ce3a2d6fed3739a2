"""KMS keys at work: made, rotated, and used, by KMS's own operations and by other services.

Key material is in the store sealed; it is opened for one use and not kept.
"""

import base64
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from ecsd.decisions.iam.evaluation import Request, decide
from ecsd.decisions.iam.wording import refusal
from ecsd.decisions.kms.ciphertext import KEY_BYTES, NONCE_BYTES, associated, parse, seal, unseal
from ecsd.decisions.kms.key_policy import DESCRIPTIONS, MANAGED_ALIASES, managed_policy
from ecsd.errors import AwsError
from ecsd.ids import IdSource
from ecsd.records.kms.key import AWS, Alias, BackingKey, Key
from ecsd.store.finders.iam_caller import context_of, identify
from ecsd.store.finders.kms import (
    check_usable,
    condition_keys,
    find_key,
    kms_arn,
    policy_source,
    require_key,
)
from ecsd.store.store import Store, Transaction, View

if TYPE_CHECKING:
    from ecsd.certificates.sealing import KeySeal

Context = Mapping[str, str]
MATERIAL_ID_DIGITS = 64
YEAR = 365  # days between rotations, where nothing else is said


class Workshop(NamedTuple):
    """What work with keys needs."""

    seal: "KeySeal"
    ids: IdSource
    now: datetime


def new_backing_key(shop: Workshop, key_arn: str, number: int, rotation: str = "") -> BackingKey:
    """Return new key material for a key, sealed for this place in it alone."""
    material = base64.b64encode(shop.ids.random_bytes(KEY_BYTES)).decode()
    return BackingKey(
        sealed_material=shop.seal.seal(material, f"{key_arn}/{number}"),
        material_id=shop.ids.hexadecimal(MATERIAL_ID_DIGITS),
        made_at=shop.now,
        rotation=rotation,
    )


def new_key(shop: Workshop, view: View, policy: str, **more: object) -> Key:
    """Return a key to be stored. more: further members of the record."""
    key_id = shop.ids.uuid()
    arn = kms_arn(view, f"key/{key_id}")
    return Key(
        arn=arn,
        key_id=key_id,
        backing_keys=(new_backing_key(shop, arn, 0),),
        policy=policy,
        created_at=shop.now,
        **more,  # type: ignore[arg-type]
    )


def key_for_use(shop: Workshop, change: Transaction, reference: str) -> Key:
    """Return a key by any of its names; AWS managed keys are made at their first use."""
    name = reference.rpartition(":")[2]
    service = MANAGED_ALIASES.get(name)
    if service is None or find_key(change, reference) is not None:
        return require_key(change, reference)
    policy = managed_policy(change.scope.account, change.scope.region, service)
    key = new_key(
        shop,
        change,
        policy,
        manager=AWS,
        description=DESCRIPTIONS[service],
        rotation_period=YEAR,
        rotation_at=shop.now + timedelta(days=YEAR),
    )
    change.put(key, new_alias(change, name, key, shop.now))
    return require_key(change, reference)


def rotated(shop: Workshop, key: Key, rotation: str) -> Key:
    """Return a key with new material, which encrypts from now on. rotation: what asks for it."""
    fresh = new_backing_key(shop, key.arn, len(key.backing_keys), rotation)
    return replace(key, backing_keys=(*key.backing_keys, fresh))


def new_alias(view: View, name: str, key: Key, now: datetime) -> Alias:
    """Return an alias to be stored."""
    return Alias(
        name=name, arn=kms_arn(view, name), key_arn=key.arn, created_at=now, updated_at=now
    )


def encrypt(shop: Workshop, key: Key, plaintext: bytes, context: Context | None) -> bytes:
    """Return the ciphertext blob of a text. Raises AwsError: the key may not be used."""
    check_usable(key)
    number = len(key.backing_keys) - 1
    made = seal(
        _material(shop, key, number),
        (key.key_id, number),
        shop.ids.random_bytes(NONCE_BYTES),
        plaintext,
        associated(context),
    )
    return made.blob


def decrypt(shop: Workshop, key: Key, blob: bytes, context: Context | None) -> bytes:
    """Return what a ciphertext blob of a key holds.

    Raises:
        AwsError: InvalidCiphertextException: damaged, of another key, or another context; or the
            key may not be used.
    """
    check_usable(key)
    given = parse(blob)
    if given is None or given.key_id != key.key_id or given.number >= len(key.backing_keys):
        raise invalid_ciphertext()
    plaintext = unseal(_material(shop, key, given.number), given, associated(context))
    if plaintext is None:
        raise invalid_ciphertext()
    return plaintext


def key_of_ciphertext(view: View, blob: bytes) -> Key | None:
    """Return the key that a ciphertext blob needs, None if it is not of this account and region."""
    given = parse(blob)
    return None if given is None else view.get(Key, kms_arn(view, f"key/{given.key_id}"))


def invalid_ciphertext() -> AwsError:
    """Return the refusal of a ciphertext that does not open. AWS gives no reason with it."""
    return AwsError("InvalidCiphertextException", "")


class ServiceKeys:
    """KMS as another service uses it for its caller, who needs permission on the key itself.

    may: says no in AWS's sentence, or None; None in its place: nobody is judged.
    """

    def __init__(
        self, shop: Workshop, may: Callable[[View, Key, str, Context], str | None] | None
    ) -> None:
        self._shop = shop
        self._may = may

    def encrypt(
        self, change: Transaction, reference: str, action: str, text: bytes, context: Context
    ) -> tuple[Key, bytes]:
        """Return the key and the blob. Raises AwsError with KMS's codes."""
        key = key_for_use(self._shop, change, reference)
        self._check(change, key, action, context)
        return key, encrypt(self._shop, key, text, context)

    def decrypt(self, view: View, blob: bytes, context: Context) -> bytes:
        """Return the text. Raises AwsError with KMS's codes."""
        key = key_of_ciphertext(view, blob)
        if key is None:
            raise unknown_ciphertext()
        self._check(view, key, "kms:Decrypt", context)
        return decrypt(self._shop, key, blob, context)

    def _check(self, view: View, key: Key, action: str, context: Context) -> None:
        said = self._may(view, key, action, context) if self._may is not None else None
        if said is not None:
            raise AwsError("AccessDeniedException", said)


def key_judge(
    store: Store, who: tuple[str, str], service: str, now: datetime
) -> Callable[[View, Key, str, Context], str | None]:
    """Return what judges a caller's use of keys through a service. who: ARN, access key id."""

    def may(view: View, key: Key, action: str, context: Context) -> str | None:
        identity = identify(store, view.scope.account, *who)
        asked = {
            **context_of(identity, now, view.scope.region),
            **condition_keys(view, key, context, service),
        }
        policies = identity.policies._replace(resource=policy_source(key), resource_decides=True)
        decision = decide(Request(identity.principal, action, key.arn, asked), policies)
        return None if decision.allowed else refusal(decision, who[0], action, key.arn)

    return may


def unknown_ciphertext() -> AwsError:
    """Return the refusal of a ciphertext whose key is not of this account and region."""
    return AwsError(
        "AccessDeniedException",
        "The ciphertext refers to a customer master key that does not exist, does not exist in "
        "this region, or you are not allowed to access.",
    )


def _material(shop: Workshop, key: Key, number: int) -> bytes:
    sealed = key.backing_keys[number].sealed_material
    return base64.b64decode(shop.seal.unseal(sealed, f"{key.arn}/{number}"), validate=True)
