"""The one table of what each operation needs: actions by IAM's names, and resources' ARNs."""

from collections.abc import Callable, Iterable, Mapping

from ecsd.gateway.authorization import ec2, ecs, iam, services
from ecsd.gateway.authorization.need import Asked, Need

NEEDS: Mapping[str, Callable[[Asked], Iterable[Need]]] = {
    "acm": services.acm_needs,
    "ec2": ec2.needs,
    "ecs": ecs.needs,
    "efs": services.efs_needs,
    "elbv2": services.elbv2_needs,
    "iam": iam.needs,
    "logs": services.logs_needs,
    "route53": services.route53_needs,
    "servicediscovery": services.servicediscovery_needs,
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


def needs_of(service: str, signing_name: str, asked: Asked) -> list[Need]:
    """Return what a request needs: all of it. Any resource, where a service has no table."""
    if (service, asked.operation) in FREE:
        return []
    found = NEEDS.get(service)
    if found is not None:
        return list(found(asked))
    return [Need(f"{signing_name}:{asked.operation}")]
