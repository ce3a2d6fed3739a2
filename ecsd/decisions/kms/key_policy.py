"""The policies that keys begin with.

Source: AWS KMS Developer Guide, Default key policy; AWS managed keys; ``kms:ViaService``.
"""

from typing import Any

import msgspec

NAME = "default"  # the one policy that a key has
SERVICES = ("secretsmanager", "ssm")  # that have an AWS managed key here
MANAGED_ALIASES = {f"alias/aws/{service}": service for service in SERVICES}
DESCRIPTIONS = {
    "secretsmanager": "Default key that protects my Secrets Manager data when no other key is "
    "defined",
    "ssm": "Default key that protects my SSM parameters when no other key is defined",
}
USES = ("Encrypt", "Decrypt", "ReEncrypt*", "GenerateDataKey*", "CreateGrant", "DescribeKey")
READS = ("Describe*", "Get*", "List*", "RevokeGrant")


def default_policy(account: str) -> str:
    """Return the policy that leaves a key to the account's IAM policies."""
    return _document(
        "key-default-1",
        _statement("Enable IAM User Permissions", _root(account), "kms:*"),
    )


def managed_policy(account: str, region: str, service: str) -> str:
    """Return the policy of an AWS managed key: the whole account, through its service alone."""
    through = {
        "StringEquals": {
            "kms:CallerAccount": account,
            "kms:ViaService": f"{service}.{region}.amazonaws.com",
        }
    }
    return _document(
        f"auto-{service}-1",
        _statement(
            f"Allow access through {service} for all principals in the account that are "
            f"authorized to use it",
            "*",
            [f"kms:{name}" for name in USES],
            Condition=through,
        ),
        _statement(
            "Allow direct access to key metadata to the account",
            _root(account),
            [f"kms:{name}" for name in READS],
        ),
    )


def _root(account: str) -> str:
    return f"arn:aws:iam::{account}:root"


def _statement(
    sid: str, principal: str, action: str | list[str], **more: dict[str, Any]
) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": action,
        "Resource": "*",
        **more,
    }


def _document(name: str, *statements: dict[str, Any]) -> str:
    policy = {"Version": "2012-10-17", "Id": name, "Statement": statements}
    return msgspec.json.format(msgspec.json.encode(policy), indent=2).decode()
