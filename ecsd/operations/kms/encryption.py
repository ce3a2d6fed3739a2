"""Encryption under keys: texts, data keys, random bytes.

Source: AWS Key Management Service API Reference, Encrypt, Decrypt, ReEncrypt, GenerateDataKey.
"""

from typing import Any

from ecsd.decisions.kms.ciphertext import parse
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.kms.requests import refuse, workshop
from ecsd.records.kms.key import Key
from ecsd.store.finders.kms import check_usable, require_key
from ecsd.store.kms_keys import (
    decrypt,
    encrypt,
    invalid_ciphertext,
    key_for_use,
    key_of_ciphertext,
    unknown_ciphertext,
)

ALGORITHM = "SYMMETRIC_DEFAULT"
KEY_SPECS = {"AES_256": 32, "AES_128": 16}  # bytes


@operation("kms", "Encrypt")
async def encrypt_text(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Encrypt up to 4096 bytes."""
    _check(request, "EncryptionAlgorithm")
    key, blob = await _encrypted(
        call, request, request["Plaintext"], request.get("EncryptionContext")
    )
    return {"CiphertextBlob": blob, "KeyId": key.arn, "EncryptionAlgorithm": ALGORITHM}


@operation("kms", "Decrypt")
async def decrypt_text(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Decrypt what Encrypt or GenerateDataKey answered."""
    _check(request, "EncryptionAlgorithm")
    blob = request.get("CiphertextBlob") or b""
    key = _source(call, blob, request.get("KeyId"))
    plaintext = decrypt(workshop(call), key, blob, request.get("EncryptionContext"))
    _check_dry_run(request)
    return {
        "KeyId": key.arn,
        "Plaintext": plaintext,
        "EncryptionAlgorithm": ALGORITHM,
        "KeyMaterialId": _material_id(key, blob),
    }


@operation("kms", "ReEncrypt")
async def re_encrypt(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Encrypt anew, under another key or context; the text does not leave."""
    _check(request, "SourceEncryptionAlgorithm", "DestinationEncryptionAlgorithm")
    blob = request.get("CiphertextBlob") or b""
    source = _source(call, blob, request.get("SourceKeyId"))
    plaintext = decrypt(workshop(call), source, blob, request.get("SourceEncryptionContext"))
    wanted = {"KeyId": request["DestinationKeyId"], "DryRun": request.get("DryRun")}
    key, made = await _encrypted(
        call, wanted, plaintext, request.get("DestinationEncryptionContext")
    )
    return {
        "CiphertextBlob": made,
        "SourceKeyId": source.arn,
        "KeyId": key.arn,
        "SourceEncryptionAlgorithm": ALGORITHM,
        "DestinationEncryptionAlgorithm": ALGORITHM,
        "SourceKeyMaterialId": _material_id(source, blob),
        "DestinationKeyMaterialId": key.backing_keys[-1].material_id,
    }


@operation("kms", "GenerateDataKey")
async def generate_data_key(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return random bytes, plain and encrypted."""
    answer, plaintext = await _data_key(call, request)
    return {**answer, "Plaintext": plaintext}


@operation("kms", "GenerateDataKeyWithoutPlaintext")
async def generate_data_key_without_plaintext(
    call: Call, request: dict[str, Any]
) -> dict[str, Any]:
    """Return random bytes, encrypted alone."""
    answer, _ = await _data_key(call, request)
    return answer


@operation("kms", "GenerateRandom")
async def generate_random(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return random bytes."""
    refuse(request, "CustomKeyStoreId", "Recipient")
    if not request.get("NumberOfBytes"):
        raise AwsError("ValidationException", "NumberOfBytes is required.")
    return {"Plaintext": call.ids.random_bytes(request["NumberOfBytes"])}


async def _data_key(call: Call, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    _check(request)
    spec, number = request.get("KeySpec"), request.get("NumberOfBytes")
    if bool(spec) is bool(number):
        raise AwsError("ValidationException", "Please specify either number of bytes or key spec.")
    plaintext = call.ids.random_bytes(KEY_SPECS[spec] if spec else number or 0)
    key, blob = await _encrypted(call, request, plaintext, request.get("EncryptionContext"))
    material = key.backing_keys[-1].material_id
    return {"CiphertextBlob": blob, "KeyId": key.arn, "KeyMaterialId": material}, plaintext


async def _encrypted(
    call: Call, request: dict[str, Any], plaintext: bytes, context: dict[str, str] | None
) -> tuple[Key, bytes]:
    """Return the key that KeyId means, perhaps made now, and the blob."""
    async with call.transaction() as change:
        key = key_for_use(workshop(call), change, request["KeyId"])
        blob = encrypt(workshop(call), key, plaintext, context)
    _check_dry_run(request)
    return key, blob


def _source(call: Call, blob: bytes, reference: str | None) -> Key:
    """Return the key that a blob needs, which has to be the one that is named, if one is."""
    if parse(blob) is None:
        raise invalid_ciphertext()
    key = key_of_ciphertext(call.view, blob)
    if reference:
        named = require_key(call.view, reference)
        check_usable(named)
        if key is None or named.arn != key.arn:
            raise AwsError(
                "IncorrectKeyException",
                "The key ID in the request does not identify a CMK that can perform this "
                "operation.",
            )
    if key is None:
        raise unknown_ciphertext()
    return key


def _material_id(key: Key, blob: bytes) -> str:
    given = parse(blob)
    return key.backing_keys[given.number if given else -1].material_id


def _check(request: dict[str, Any], *algorithms: str) -> None:
    if request.get("GrantTokens"):
        raise AwsError("InvalidGrantTokenException", "GrantTokens is not supported by ecsd yet")
    refuse(request, "Recipient", "DryRunModifiers")
    for member in algorithms:
        if request.get(member, ALGORITHM) != ALGORITHM:
            raise AwsError(
                "InvalidKeyUsageException",
                f"{member} {request[member]} is not that of a symmetric key.",
            )


def _check_dry_run(request: dict[str, Any]) -> None:
    if request.get("DryRun"):
        raise AwsError(
            "DryRunOperationException",
            "The request would have succeeded, but the DryRun option is set.",
        )
