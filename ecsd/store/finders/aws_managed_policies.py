"""The policies that AWS itself publishes, of those that container guides attach.

Source: AWS Managed Policy Reference Guide (paths, versions, documents; late 2026). AWS's unique ids
are not published there; the ones here are derived from the name, stable and of AWS's form.
"""

import base64
import hashlib
from datetime import datetime
from functools import cache
from importlib import resources

import msgspec

from ecsd.records.iam.role import Policy, PolicyVersion

ARN_PREFIX = "arn:aws:iam::aws:policy"


class _Published(msgspec.Struct, frozen=True):
    name: str
    path: str
    version: str
    created: datetime
    updated: datetime
    document: msgspec.Raw


@cache
def aws_managed_policies() -> dict[str, Policy]:
    """Return ARN → policy, each with its newest version alone."""
    table = resources.files("ecsd.store.finders") / "aws_managed_policies.json"
    published = msgspec.json.decode(table.read_bytes(), type=list[_Published])
    policies = [_policy(one) for one in published]
    return {policy.arn: policy for policy in policies}


def _policy(published: _Published) -> Policy:
    digest = hashlib.sha256(published.name.encode()).digest()
    version = PolicyVersion(
        version_id=published.version,
        document=bytes(published.document).decode(),
        is_default=True,
        created_at=published.updated,
    )
    return Policy(
        arn=f"{ARN_PREFIX}{published.path}{published.name}",
        policy_name=published.name,
        policy_id="ANPA" + base64.b32encode(digest).decode()[:17],
        path=published.path,
        created_at=published.created,
        updated_at=published.updated,
        versions=(version,),
    )
