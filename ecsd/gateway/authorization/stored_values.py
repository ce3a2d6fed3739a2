"""What operations of Secrets Manager and Parameter Store need.

Source: Service Authorization Reference, AWS Secrets Manager; AWS Systems Manager.
"""

from collections.abc import Iterator

from ecsd.gateway.authorization.need import ANY, Asked, Need, spread, unique
from ecsd.store.finders import secretsmanager, ssm

UNKNOWN_SUFFIX = "-??????"  # of a secret that is not there: fits whatever a policy names by it
ABOUT_NO_SECRET = frozenset({"BatchGetSecretValue", "GetRandomPassword", "ListSecrets"})
SECRET_KEYS = {  # member → condition key
    "Name": "secretsmanager:name",
    "Description": "secretsmanager:description",
    "KmsKeyId": "secretsmanager:kmskeyid",
    "VersionId": "secretsmanager:versionid",
    "VersionStage": "secretsmanager:versionstage",
    "RecoveryWindowInDays": "secretsmanager:recoverywindowindays",
    "ForceDeleteWithoutRecovery": "secretsmanager:forcedeletewithoutrecovery",
    "BlockPublicPolicy": "secretsmanager:blockpublicpolicy",
    "RotationLambdaARN": "secretsmanager:rotationlambdaarn",
    "RotateImmediately": "secretsmanager:rotateimmediately",
}
PARAMETER = spread(
    {
        "Name": "DeleteParameter GetParameter GetParameterHistory LabelParameterVersion "
        "PutParameter UnlabelParameterVersion",
        "Names": "DeleteParameters GetParameters",
        "ResourceId": "AddTagsToResource ListTagsForResource RemoveTagsFromResource",
    }
)


def secretsmanager_needs(asked: Asked) -> Iterator[Need]:
    """Yield what an operation of Secrets Manager needs; a secret's own policy may allow it."""
    action, members = f"secretsmanager:{asked.operation}", asked.members
    if asked.operation == "BatchGetSecretValue":
        yield Need(action)
        if members.get("Filters"):
            yield Need("secretsmanager:ListSecrets")
        held = secretsmanager.filtered_secrets(asked.view, members.get("Filters") or ())
        named = members.get("SecretIdList") or [one.arn for one in held]
        for reference in named:
            yield _about(asked, "secretsmanager:GetSecretValue", reference)
        return
    named = members.get("SecretId") or members.get("Name")
    if asked.operation in ABOUT_NO_SECRET or not named:
        yield Need(action)
        return
    yield _about(asked, action, named)


def ssm_needs(asked: Asked) -> Iterator[Need]:
    """Yield what an operation of Parameter Store needs."""
    action, name = f"ssm:{asked.operation}", asked.operation
    if name == "DescribeParameters":
        yield Need(action, asked.arn("ssm", "*"))
        return
    if name == "GetParametersByPath":
        yield Need(action, _parameter_arn(asked, str(asked.members["Path"])))
        return
    named = asked.values(PARAMETER[name]) if name in PARAMETER else []
    for arn in unique(_parameter_arn(asked, one) for one in named):
        overwrite = asked.members.get("Overwrite")
        yield Need(action, arn, {} if overwrite is None else {"ssm:overwrite": (_text(overwrite),)})


def _about(asked: Asked, action: str, reference: str) -> Need:
    held = secretsmanager.find_secret(asked.view, reference)
    context: dict[str, tuple[str, ...]] = {
        key: (_text(asked.members[member]),)
        for member, key in SECRET_KEYS.items()
        if member in asked.members
    }
    if asked.operation == "RotateSecret":
        context["secretsmanager:modifyrotationrules"] = (_text("RotationRules" in asked.members),)
    if held is not None:
        context["secretsmanager:secretid"] = (held.arn,)
        if held.rotation is not None:
            context["secretsmanager:resource/allowrotationlambdaarn"] = (held.rotation.lambda_arn,)
        return Need(action, held.arn, context, policy=secretsmanager.policy_source(held))
    if reference.startswith("arn:"):
        return Need(action, reference, context)
    arn = f"{secretsmanager.arn_head(asked.view)}{reference}{UNKNOWN_SUFFIX}"
    return Need(action, arn, context)


def _parameter_arn(asked: Asked, reference: str) -> str:
    """Return a parameter's ARN; a version or label does not count."""
    if reference == ANY or reference.startswith("arn:"):
        head, parted, name = reference.partition(":parameter/")
        return f"{head}{parted}{name.partition(':')[0]}"
    name = reference.partition(":")[0].removeprefix("/")
    return f"{ssm.arn_head(asked.view)}/{name}"


def _text(value: object) -> str:
    """Return a member as conditions have it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
