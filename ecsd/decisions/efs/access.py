"""What a client of a file system may do: by its own policies and the file system's.

Source: Amazon EFS User Guide, Using IAM to control access to file systems (default policy, client
actions, condition keys).
"""

from collections.abc import Mapping
from typing import NamedTuple

from ecsd.decisions.iam.evaluation import Policies, Request, decide
from ecsd.decisions.iam.principal import Principal, PrincipalKind

ANONYMOUS = Principal(PrincipalKind.FEDERATED, "")  # nobody but a ``*`` names it
POINT_KEY = "elasticfilesystem:accesspointarn"
TARGET_KEY = "elasticfilesystem:accessedviamounttarget"


class Access(NamedTuple):
    """What a client may do. root: act as root; else its root is nobody."""

    mount: bool
    write: bool
    root: bool


EVERYTHING = Access(mount=True, write=True, root=True)


class Client(NamedTuple):
    """Who mounts, with its own policies and the condition keys it brings.

    Policies of an anonymous client are the file system's alone.
    """

    principal: Principal
    policies: Policies
    context: Mapping[str, tuple[str, ...]]


def access_of(client: Client, file_system_arn: str, account: str) -> Access:
    """Return what a client may do with a file system of an account.

    Without a policy of its own a file system is open to everybody who reaches a mount target,
    but a client that shows who it is needs its role's permission.
    """
    if client.principal == ANONYMOUS and client.policies.resource is None:
        return EVERYTHING

    def may(action: str) -> bool:
        name = f"elasticfilesystem:{action}"
        asked = Request(client.principal, name, file_system_arn, client.context, account)
        return decide(asked, client.policies).allowed

    return Access(may("ClientMount"), may("ClientWrite"), may("ClientRootAccess"))


def client_keys(*, encrypted: bool, access_point_arn: str) -> dict[str, tuple[str, ...]]:
    """Return the condition keys of EFS's own that a mount has."""
    keys: dict[str, tuple[str, ...]] = {
        "aws:securetransport": ("true" if encrypted else "false",),
        TARGET_KEY: ("true",),
    }
    if access_point_arn:
        keys[POINT_KEY] = (access_point_arn,)
    return keys
