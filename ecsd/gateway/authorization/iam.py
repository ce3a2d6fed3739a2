"""What IAM's operations need. Source: Service Authorization Reference, AWS IAM."""

from collections.abc import Iterator

from ecsd.gateway.authorization.need import ANY, Asked, Need
from ecsd.records.iam.role import InstanceProfile, Role
from ecsd.records.iam.user import AccessKey, Group, User

# The member that says what an operation is about: the first of these that it has.
ENTITIES: tuple[tuple[str, str, type[InstanceProfile | Group | Role | User]], ...] = (
    ("InstanceProfileName", "instance-profile", InstanceProfile),
    ("GroupName", "group", Group),
    ("RoleName", "role", Role),
    ("UserName", "user", User),
)
BY_ARN = ("PolicyArn", "OpenIDConnectProviderArn", "PolicySourceArn")
OF_CALLER = frozenset(
    ["GetUser", "CreateAccessKey", "ListAccessKeys", "UpdateAccessKey", "DeleteAccessKey"]
)


def needs(asked: Asked) -> Iterator[Need]:
    """Yield what an operation of IAM needs."""
    context: dict[str, tuple[str, ...]] = {}
    if "PolicyArn" in asked.members:
        context["iam:policyarn"] = (asked.members["PolicyArn"],)
    if "PermissionsBoundary" in asked.members:
        context["iam:permissionsboundary"] = (asked.members["PermissionsBoundary"],)
    if "AWSServiceName" in asked.members:
        context["iam:awsservicename"] = (asked.members["AWSServiceName"],)
    yield Need(f"iam:{asked.operation}", _resource(asked), context)
    if asked.operation == "AddRoleToInstanceProfile":
        role = _arn(asked, "role", Role, asked.members["RoleName"])
        yield Need("iam:PassRole", role, {"iam:passedtoservice": ("ec2.amazonaws.com",)})


def _resource(asked: Asked) -> str:
    members = asked.members
    if asked.operation == "GetAccessKeyLastUsed":
        return ANY
    for member, kind, record in ENTITIES:
        if member in members:
            return _arn(asked, kind, record, members[member])
    if asked.operation in OF_CALLER:
        key = asked.view.globally().get(AccessKey, members.get("AccessKeyId", ""))
        return asked.caller_arn if key is None else _arn(asked, "user", User, key.user_name)
    for member in BY_ARN:
        if member in members:
            return str(members[member])
    made = _made(asked)
    return ANY if made is None else asked.arn("iam", made, region=False)


def _made(asked: Asked) -> str | None:
    """Return the end of the ARN of what is to be made."""
    members = asked.members
    match asked.operation:
        case "CreatePolicy":
            return f"policy{members.get('Path', '/')}{members['PolicyName']}"
        case "CreateServiceLinkedRole":
            return f"role/aws-service-role/{members['AWSServiceName']}/*"
        case "CreateOpenIDConnectProvider":
            return f"oidc-provider/{members['Url'].partition('://')[2].rstrip('/')}"
        case _:
            return None


def _arn(
    asked: Asked, kind: str, record: type[InstanceProfile | Group | Role | User], name: str
) -> str:
    """Return the ARN of an entity with its path: the stored one's, or of one to be made."""
    found = asked.view.globally().get(record, name)
    if found is not None:
        return found.arn
    path = asked.members.get("Path", "/") if asked.operation.startswith("Create") else "/"
    return asked.arn("iam", f"{kind}{path}{name}", region=False)
