"""The one table of what each operation needs: actions by IAM's names, and resources' ARNs."""

from collections.abc import Callable, Iterable, Mapping

from ecsd.gateway.authorization import ec2, ecr, ecs, iam, kms, s3, services, stored_values
from ecsd.gateway.authorization.need import Asked, Need

NEEDS: Mapping[str, Callable[[Asked], Iterable[Need]]] = {
    "acm": services.acm_needs,
    "ec2": ec2.needs,
    "ecr": ecr.needs,
    "ecs": ecs.needs,
    "efs": services.efs_needs,
    "elbv2": services.elbv2_needs,
    "iam": iam.needs,
    "kms": kms.needs,
    "logs": services.logs_needs,
    "route53": services.route53_needs,
    "s3": s3.needs,
    "secretsmanager": stored_values.secretsmanager_needs,
    "servicediscovery": services.servicediscovery_needs,
    "ssm": stored_values.ssm_needs,
    "sts": services.sts_needs,
}
# Operations that need no permission: who asks is enough, or their own rules decide (trust).
FREE = frozenset(
    {
        ("sts", "AssumeRole"),
        ("sts", "AssumeRoleWithWebIdentity"),
        ("sts", "GetCallerIdentity"),
        ("sts", "GetSessionToken"),
    }
)

# Services whose operations need their own action, and no other, on resources without policies.
ITS_OWN_ALONE = frozenset({"acm", "ecs", "elbv2", "logs", "route53", "servicediscovery"})
MORE = {"ecs": ecs.PASSING, "elbv2": services.READING_TRUST}  # but for these of them


def needs_its_own_alone(service: str, operation: str) -> bool:
    """Tell whether an operation needs the action of its name alone, whatever it is about."""
    return service in ITS_OWN_ALONE and operation not in MORE.get(service, ())


def needs_of(service: str, signing_name: str, asked: Asked) -> list[Need]:
    """Return what a request needs: all of it. Any resource, where a service has no table."""
    if (service, asked.operation) in FREE:
        return []
    found = NEEDS.get(service)
    if found is not None:
        return list(found(asked))
    return [Need(f"{signing_name}:{asked.operation}")]
