"""Keys as clients of KMS see them."""

import json
from datetime import timedelta

import pytest

from ecsd.clock import VIRTUAL_START
from ecsd.controllers.kms_key import KeyController
from ecsd.records.kms.key import Alias, Key
from tests.conftest import SCOPE
from tests.operations.conftest import AUTHORITY

CONTEXT = {"app": "web", "stage": "prod"}


@pytest.fixture
def controller(store, moment, ids):
    return KeyController(store, moment, ids, AUTHORITY.seal)


async def encrypted(kms, key, text=b"hello", **more):
    return (await kms("Encrypt", KeyId=key, Plaintext=text, **more))["CiphertextBlob"]


async def test_a_text_comes_back_under_every_name_of_its_key(kms, key):
    await kms("CreateAlias", AliasName="alias/app", TargetKeyId=key)
    alias = f"{key.partition(':key/')[0]}:alias/app"
    for name in (key, key.rpartition("/")[2], "alias/app", alias):
        blob = await encrypted(kms, name)
        assert b"hello" not in blob
        for more in ({}, {"KeyId": name}):
            opened = await kms("Decrypt", CiphertextBlob=blob, **more)
            assert (opened["Plaintext"], opened["KeyId"]) == (b"hello", key)


async def test_the_encryption_context_has_to_be_the_same(kms, key, refused):
    blob = await encrypted(kms, key, EncryptionContext=CONTEXT)
    turned = dict(reversed(CONTEXT.items()))
    opened = await kms("Decrypt", CiphertextBlob=blob, EncryptionContext=turned)
    assert opened["Plaintext"] == b"hello"
    for other in ({}, {"app": "web"}, CONTEXT | {"app": "db"}):
        error = await refused("Decrypt", CiphertextBlob=blob, EncryptionContext=other)
        assert error.code == "InvalidCiphertextException"


async def test_a_changed_byte_anywhere_is_noticed(kms, key, refused):
    blob = await encrypted(kms, key)
    for place in range(len(blob)):
        changed = blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :]
        error = await refused("Decrypt", CiphertextBlob=changed)
        unknown = 4 <= place < 20  # the key's id: there is no such key
        wanted = "AccessDeniedException" if unknown else "InvalidCiphertextException"
        assert error.code == wanted, place
    assert (await refused("Decrypt", CiphertextBlob=blob[:-1])).code == "InvalidCiphertextException"
    assert (await refused("Decrypt", CiphertextBlob=b"x")).code == "InvalidCiphertextException"


async def test_another_key_than_the_ciphertexts_is_refused(kms, key, refused):
    other = (await kms("CreateKey"))["KeyMetadata"]["Arn"]
    blob = await encrypted(kms, key)
    error = await refused("Decrypt", CiphertextBlob=blob, KeyId=other)
    assert error.code == "IncorrectKeyException"
    moved = await kms("ReEncrypt", CiphertextBlob=blob, DestinationKeyId=other)
    assert (moved["SourceKeyId"], moved["KeyId"]) == (key, other)
    opened = await kms("Decrypt", CiphertextBlob=moved["CiphertextBlob"], KeyId=other)
    assert opened["Plaintext"] == b"hello"


async def test_data_keys_come_plain_and_encrypted(kms, key, refused):
    made = await kms("GenerateDataKey", KeyId=key, KeySpec="AES_256", EncryptionContext=CONTEXT)
    assert len(made["Plaintext"]) == 32
    opened = await kms("Decrypt", CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == made["Plaintext"]
    hidden = await kms("GenerateDataKeyWithoutPlaintext", KeyId=key, NumberOfBytes=64)
    assert "Plaintext" not in hidden
    assert len((await kms("Decrypt", CiphertextBlob=hidden["CiphertextBlob"]))["Plaintext"]) == 64
    both = await refused("GenerateDataKey", KeyId=key, KeySpec="AES_256", NumberOfBytes=1)
    assert both.code == "ValidationException"
    assert (await refused("GenerateDataKey", KeyId=key)).code == "ValidationException"
    assert len((await kms("GenerateRandom", NumberOfBytes=7))["Plaintext"]) == 7
    assert (await refused("GenerateRandom")).code == "ValidationException"


async def test_a_rotated_key_opens_what_it_sealed_before(kms, key):
    before = await encrypted(kms, key)
    assert (await kms("RotateKeyOnDemand", KeyId=key))["KeyId"] == key
    after = await encrypted(kms, key)
    opened = [await kms("Decrypt", CiphertextBlob=blob) for blob in (before, after)]
    assert [one["Plaintext"] for one in opened] == [b"hello", b"hello"]
    assert opened[0]["KeyMaterialId"] != opened[1]["KeyMaterialId"]
    [listed] = (await kms("ListKeyRotations", KeyId=key))["Rotations"]
    assert (listed["RotationType"], listed["KeyMaterialId"]) == (
        "ON_DEMAND",
        opened[1]["KeyMaterialId"],
    )


async def test_rotation_on_demand_has_an_end(kms, key, refused):
    for _ in range(25):
        await kms("RotateKeyOnDemand", KeyId=key)
    assert (await refused("RotateKeyOnDemand", KeyId=key)).code == "LimitExceededException"


async def test_a_key_is_rotated_by_itself_when_its_time_has_come(kms, key, moment, controller):
    await kms("EnableKeyRotation", KeyId=key, RotationPeriodInDays=90)
    status = await kms("GetKeyRotationStatus", KeyId=key)
    due = VIRTUAL_START + timedelta(days=90)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 90)
    assert status["NextRotationDate"] == due
    assert await controller.reconcile(SCOPE, key) == due
    blob = await encrypted(kms, key)
    moment.pass_by(days=90)
    assert await controller.reconcile(SCOPE, key) == due + timedelta(days=90)
    [listed] = (await kms("ListKeyRotations", KeyId=key))["Rotations"]
    assert (listed["RotationType"], listed["RotationDate"]) == ("AUTOMATIC", due)
    assert (await kms("Decrypt", CiphertextBlob=blob))["Plaintext"] == b"hello"
    await kms("DisableKey", KeyId=key)
    moment.pass_by(days=90)
    assert await controller.reconcile(SCOPE, key) is None  # not while it is disabled
    await kms("EnableKey", KeyId=key)
    await kms("DisableKeyRotation", KeyId=key)
    assert await controller.reconcile(SCOPE, key) is None
    assert not (await kms("GetKeyRotationStatus", KeyId=key))["KeyRotationEnabled"]


async def test_a_disabled_key_is_used_by_nobody(kms, key, refused):
    blob = await encrypted(kms, key)
    await kms("DisableKey", KeyId=key)
    shown = (await kms("DescribeKey", KeyId=key))["KeyMetadata"]
    assert (shown["Enabled"], shown["KeyState"]) == (False, "Disabled")
    for name, more in (
        ("Decrypt", {"CiphertextBlob": blob}),
        ("Encrypt", {"KeyId": key, "Plaintext": b"x"}),
        ("GenerateDataKey", {"KeyId": key, "KeySpec": "AES_128"}),
        ("EnableKeyRotation", {"KeyId": key}),
        ("RotateKeyOnDemand", {"KeyId": key}),
    ):
        error = await refused(name, **more)
        assert (error.code, error.message) == ("DisabledException", f"{key} is disabled.")
    await kms("EnableKey", KeyId=key)
    assert (await kms("Decrypt", CiphertextBlob=blob))["Plaintext"] == b"hello"


async def test_a_key_is_deleted_when_its_window_is_over(
    kms, key, moment, controller, refused, store
):
    await kms("CreateAlias", AliasName="alias/app", TargetKeyId=key)
    blob = await encrypted(kms, key)
    said = await kms("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
    assert said["DeletionDate"] == VIRTUAL_START + timedelta(days=7)
    for name, more in (
        ("Decrypt", {"CiphertextBlob": blob}),
        ("EnableKey", {"KeyId": key}),
        ("ScheduleKeyDeletion", {"KeyId": key}),
        ("CreateAlias", {"AliasName": "alias/b", "TargetKeyId": key}),
    ):
        error = await refused(name, **more)
        assert error.code == "KMSInvalidStateException"
        assert error.message == f"{key} is pending deletion."
    moment.pass_by(days=6)
    assert await controller.reconcile(SCOPE, key) == said["DeletionDate"]
    moment.pass_by(days=1)
    assert await controller.reconcile(SCOPE, key) is None
    assert (await refused("DescribeKey", KeyId=key)).code == "NotFoundException"
    assert (await refused("Decrypt", CiphertextBlob=blob)).code == "AccessDeniedException"
    assert store.view(SCOPE).select(Alias) == []


async def test_a_deletion_that_is_cancelled_leaves_the_key_disabled(kms, key, refused):
    assert (await refused("CancelKeyDeletion", KeyId=key)).code == "KMSInvalidStateException"
    for days in (6, 31):
        error = await refused("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=days)
        assert error.code == "ValidationException"
    await kms("ScheduleKeyDeletion", KeyId=key)
    await kms("CancelKeyDeletion", KeyId=key)
    shown = (await kms("DescribeKey", KeyId=key))["KeyMetadata"]
    assert (shown["KeyState"], shown.get("DeletionDate")) == ("Disabled", None)


async def test_aliases_move_and_go(kms, key, refused):
    other = (await kms("CreateKey"))["KeyMetadata"]["KeyId"]
    await kms("CreateAlias", AliasName="alias/a", TargetKeyId=key)
    twice = await refused("CreateAlias", AliasName="alias/a", TargetKeyId=other)
    assert twice.code == "AlreadyExistsException"
    await kms("UpdateAlias", AliasName="alias/a", TargetKeyId=other)
    [listed] = (await kms("ListAliases", KeyId=other))["Aliases"]
    assert (listed["AliasName"], listed["TargetKeyId"]) == ("alias/a", other)
    assert (await kms("ListAliases", KeyId=key))["Aliases"] == []
    await kms("DeleteAlias", AliasName="alias/a")
    for name in ("DeleteAlias", "UpdateAlias"):
        more = {} if name == "DeleteAlias" else {"TargetKeyId": key}
        error = await refused(name, AliasName="alias/a", **more)
        assert error.code == "NotFoundException"
    reserved = await refused("CreateAlias", AliasName="alias/aws/x", TargetKeyId=key)
    assert reserved.code == "NotAuthorizedException"
    wrong = await refused("CreateAlias", AliasName="app", TargetKeyId=key)
    assert wrong.code == "ValidationException"
    assert (await refused("Encrypt", KeyId="alias/a", Plaintext=b"x")).code == "NotFoundException"


async def test_an_aws_managed_key_is_made_at_its_first_use_and_kept_from_change(kms, refused):
    listed = {one["AliasName"]: one for one in (await kms("ListAliases"))["Aliases"]}
    assert set(listed) == {"alias/aws/secretsmanager", "alias/aws/ssm"}
    assert not any("TargetKeyId" in one for one in listed.values())
    shown = (await kms("DescribeKey", KeyId="alias/aws/ssm"))["KeyMetadata"]
    assert shown["KeyManager"] == "AWS"
    again = (await kms("DescribeKey", KeyId="alias/aws/ssm"))["KeyMetadata"]
    assert again["Arn"] == shown["Arn"]
    status = await kms("GetKeyRotationStatus", KeyId=shown["Arn"])
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 365)
    for name, more in (
        ("DisableKey", {}),
        ("ScheduleKeyDeletion", {}),
        (
            "PutKeyPolicy",
            {
                "Policy": (await kms("GetKeyPolicy", KeyId=shown["Arn"]))["Policy"],
                "BypassPolicyLockoutSafetyCheck": True,
            },
        ),
    ):
        error = await refused(name, KeyId=shown["Arn"], **more)
        assert error.code == "AccessDeniedException"
        assert f"kms:{name} on resource: {shown['Arn']} because no resource-based" in error.message


async def test_policies_are_kept_as_given_and_lock_nobody_out(kms, key, refused):
    policy = json.loads((await kms("GetKeyPolicy", KeyId=key))["Policy"])
    [statement] = policy["Statement"]
    assert statement["Principal"] == {"AWS": "arn:aws:iam::000000000000:root"}
    policy["Statement"].append({**statement, "Sid": "more", "Action": "kms:Decrypt"})
    await kms("PutKeyPolicy", KeyId=key, Policy=json.dumps(policy))
    assert (await kms("GetKeyPolicy", KeyId=key))["Policy"] == json.dumps(policy)
    only = json.dumps({**policy, "Statement": policy["Statement"][1:]})
    locked = await refused("PutKeyPolicy", KeyId=key, Policy=only)
    assert locked.code == "MalformedPolicyDocumentException"
    await kms("PutKeyPolicy", KeyId=key, Policy=only, BypassPolicyLockoutSafetyCheck=True)
    assert (await refused("CreateKey", Policy="{}")).code == "MalformedPolicyDocumentException"
    assert (await kms("ListKeyPolicies", KeyId=key))["PolicyNames"] == ["default"]
    other = await refused("GetKeyPolicy", KeyId=key, PolicyName="x")
    assert other.code == "NotFoundException"


@pytest.mark.parametrize(
    "members",
    [
        {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
        {"KeySpec": "HMAC_256"},
        {"CustomerMasterKeySpec": "ECC_NIST_P256"},
        {"KeyUsage": "GENERATE_VERIFY_MAC"},
        {"Origin": "EXTERNAL"},
        {"MultiRegion": True},
        {"CustomKeyStoreId": "cks-1234567890abcdef0"},
    ],
)
async def test_other_sorts_of_keys_are_refused_by_name(refused, members):
    error = await refused("CreateKey", **members)
    assert error.code == "UnsupportedOperationException"
    assert any(
        str(value) in error.message or name in error.message for name, value in members.items()
    )


async def test_what_would_have_no_effect_is_refused(kms, key, refused):
    tokens = await refused("Encrypt", KeyId=key, Plaintext=b"x", GrantTokens=["t"])
    assert tokens.code == "InvalidGrantTokenException"
    algorithm = {"EncryptionAlgorithm": "RSAES_OAEP_SHA_1"}
    error = await refused("Encrypt", KeyId=key, Plaintext=b"x", **algorithm)
    assert error.code == "InvalidKeyUsageException"
    dry = await refused("Encrypt", KeyId=key, Plaintext=b"x", DryRun=True)
    assert dry.code == "DryRunOperationException"


async def test_tags_are_set_replaced_and_removed(kms, key, refused):
    tag = {"TagKey": "team", "TagValue": "a"}
    await kms("TagResource", KeyId=key, Tags=[tag, {"TagKey": "b", "TagValue": ""}])
    await kms("TagResource", KeyId=key, Tags=[tag | {"TagValue": "c"}])
    await kms("UntagResource", KeyId=key, TagKeys=["b"])
    assert (await kms("ListResourceTags", KeyId=key))["Tags"] == [tag | {"TagValue": "c"}]
    reserved = await refused("TagResource", KeyId=key, Tags=[tag | {"TagKey": "aws:x"}])
    assert reserved.code == "TagException"
    many = [{"TagKey": f"k{number}", "TagValue": ""} for number in range(50)]
    assert (await refused("TagResource", KeyId=key, Tags=many)).code == "LimitExceededException"


async def test_lists_come_in_pages(kms, refused):
    made = {(await kms("CreateKey"))["KeyMetadata"]["KeyId"] for _ in range(5)}
    seen, marker = [], {}
    while True:
        page = await kms("ListKeys", Limit=2, **marker)
        seen += [one["KeyId"] for one in page["Keys"]]
        if not page["Truncated"]:
            break
        marker = {"Marker": page["NextMarker"]}
    assert set(seen) == made
    assert len(seen) == 5
    assert (await refused("ListKeys", Marker="x")).code == "InvalidMarkerException"


async def test_a_name_of_nothing_is_not_found(kms, key, refused):
    other = key.replace("us-east-1", "eu-west-1")
    for name in ("00000000-0000-4000-8000-000000000000", other):
        error = await refused("DescribeKey", KeyId=name)
        assert error.code == "NotFoundException"
        assert "does not exist" in error.message
    assert (await refused("DescribeKey", KeyId="arn:aws:s3:::x")).code == "InvalidArnException"
    await kms("CreateAlias", AliasName="alias/a", TargetKeyId=key)
    assert (await refused("DisableKey", KeyId="alias/a")).code == "NotFoundException"


async def test_key_material_is_sealed_in_the_store(kms, key, store):
    [held] = store.view(SCOPE).select(Key)
    sealed = held.backing_keys[0].sealed_material
    opened = AUTHORITY.seal.unseal(sealed, f"{key}/0")
    assert opened not in str(held)
