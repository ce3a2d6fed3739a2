"""The value of a secret as another service reads it, by its own right."""

import base64

from ecsd.records.secretsmanager.secret import Secret
from ecsd.store.finders.secretsmanager import find_version
from ecsd.store.kms_keys import ServiceKeys
from ecsd.store.store import View

CURRENT = "AWSCURRENT"


def secret_context(arn: str, version_id: str) -> dict[str, str]:
    """Return what a version's ciphertext is bound to."""
    return {"SecretARN": arn, "SecretVersionId": version_id}


def current_value(view: View, secret: Secret, keys: ServiceKeys) -> bytes | None:
    """Return a secret's current value, None while it has none. Raises AwsError with KMS's codes."""
    version = find_version(view, secret, secret.stages.get(CURRENT, ""))
    if version is None:
        return None
    blob = base64.b64decode(version.kept_value)
    return keys.decrypt(view, blob, secret_context(secret.arn, version.version_id))
