"""What the operations of services with plain ARNs need, as tables: template → operations.

What is not in a table is about any resource.
Source: Service Authorization Reference, a page per service.
"""

from collections.abc import Iterator

from ecsd.gateway.authorization.need import ANY, Asked, Need, by_template, spread, unique
from ecsd.gateway.authorization.s3 import object_need
from ecsd.records.efs.mount_target import MountTarget

ELBV2 = spread(
    {
        "{LoadBalancerArn}": "CreateListener DeleteLoadBalancer ModifyLoadBalancerAttributes "
        "SetIpAddressType SetSecurityGroups SetSubnets",
        "{ListenerArn}": "AddListenerCertificates RemoveListenerCertificates CreateRule "
        "DeleteListener ModifyListener ModifyListenerAttributes",
        "{RuleArn}": "DeleteRule ModifyRule",
        "{TargetGroupArn}": "DeleteTargetGroup ModifyTargetGroup ModifyTargetGroupAttributes "
        "RegisterTargets DeregisterTargets",
        "{TrustStoreArn}": "AddTrustStoreRevocations DeleteSharedTrustStoreAssociation "
        "DeleteTrustStore GetTrustStoreCaCertificatesBundle GetTrustStoreRevocationContent "
        "ModifyTrustStore RemoveTrustStoreRevocations",
        "{ResourceArn}": "GetResourcePolicy",
        "{ResourceArns}": "AddTags RemoveTags",
        "targetgroup/{Name}/*": "CreateTargetGroup",
        "truststore/{Name}/*": "CreateTrustStore",
    }
)
BUNDLE = "CaCertificatesBundleS3"  # how members that name an authorities' bundle begin
LOG_GROUP = spread(
    {
        "logGroupName": "CreateLogGroup CreateLogStream DeleteLogGroup DeleteLogStream "
        "DeleteRetentionPolicy PutRetentionPolicy PutLogEvents TagLogGroup UntagLogGroup "
        "ListTagsLogGroup DescribeLogStreams FilterLogEvents GetLogEvents GetLogGroupFields "
        "PutMetricFilter DeleteMetricFilter DescribeMetricFilters PutSubscriptionFilter "
        "DeleteSubscriptionFilter DescribeSubscriptionFilters",
        "logGroupIdentifier": "PutLogGroupDeletionProtection",
        "resourceArn": "TagResource UntagResource ListTagsForResource",
    }
)
LOG_GROUPS = frozenset({"StartQuery", "StartLiveTail"})  # of several groups
SERVICEDISCOVERY = spread(
    {
        "namespace/{Id}": "DeleteNamespace GetNamespace UpdateHttpNamespace "
        "UpdatePrivateDnsNamespace UpdatePublicDnsNamespace",
        "namespace/{NamespaceId}": "CreateService",
        "service/{Id}": "DeleteService GetService UpdateService",
        "service/{ServiceId}": "RegisterInstance DeregisterInstance GetInstance ListInstances "
        "GetInstancesHealthStatus UpdateInstanceCustomHealthStatus GetServiceAttributes "
        "UpdateServiceAttributes DeleteServiceAttributes",
        "{ResourceARN}": "TagResource UntagResource ListTagsForResource",
    }
)
ROUTE53_ZONE = spread(
    {
        "HostedZoneId": "AssociateVPCWithHostedZone DisassociateVPCFromHostedZone "
        "ChangeResourceRecordSets GetDNSSEC ListResourceRecordSets",
        "Id": "DeleteHostedZone GetHostedZone UpdateHostedZoneComment",
        "ResourceId": "ChangeTagsForResource ListTagsForResource",
        "ResourceIds": "ListTagsForResources",
    }
)
ROUTE53_CHECK = frozenset(
    {
        "DeleteHealthCheck",
        "GetHealthCheck",
        "GetHealthCheckLastFailureReason",
        "GetHealthCheckStatus",
        "UpdateHealthCheck",
    }
)
ACM = spread(
    {
        "{CertificateArn}": "AddTagsToCertificate RemoveTagsFromCertificate DeleteCertificate "
        "DescribeCertificate ExportCertificate GetCertificate ListTagsForCertificate "
        "RenewCertificate UpdateCertificateOptions",
        "certificate/*": "RequestCertificate",
    }
)

EFS = spread(
    {
        "file-system/{FileSystemId}": "CreateAccessPoint CreateMountTarget CreateTags "
        "DeleteFileSystem DeleteFileSystemPolicy DeleteTags DescribeBackupPolicy "
        "DescribeFileSystemPolicy DescribeLifecycleConfiguration DescribeTags PutBackupPolicy "
        "PutFileSystemPolicy PutLifecycleConfiguration UpdateFileSystem "
        "UpdateFileSystemProtection DescribeFileSystems DescribeReplicationConfigurations",
        "file-system/{SourceFileSystemId}": "CreateReplicationConfiguration "
        "DeleteReplicationConfiguration",
        "access-point/{AccessPointId}": "DeleteAccessPoint",
    }
)
OF_TARGET = frozenset(
    {
        "DeleteMountTarget",
        "DescribeMountTargetSecurityGroups",
        "DescribeMountTargets",
        "ModifyMountTargetSecurityGroups",
    }
)


# What reads files of S3 in the caller's name.
READING_TRUST = frozenset({"AddTrustStoreRevocations", "CreateTrustStore", "ModifyTrustStore"})


def elbv2_needs(asked: Asked) -> Iterator[Need]:
    """Yield what an operation of Elastic Load Balancing needs."""
    service, name = "elasticloadbalancing", asked.operation
    if name == "CreateLoadBalancer":
        kind = "net" if asked.members.get("Type") == "network" else "app"
        arns = [asked.arn(service, f"loadbalancer/{kind}/{asked.members.get('Name', '')}/*")]
    elif name == "SetRulePriorities":
        arns = [str(one.get("RuleArn")) for one in asked.members.get("RulePriorities", [])]
    else:
        arns = by_template(asked, service, ELBV2.get(name, ANY))
    for arn in unique(arns):
        yield Need(f"{service}:{name}", arn)
    if name in READING_TRUST:
        yield from _files_of_trust(asked)


def _files_of_trust(asked: Asked) -> Iterator[Need]:
    """Yield what it needs to read a trust store's files, which S3 gives to the caller alone."""
    members = asked.members
    if f"{BUNDLE}Bucket" in members:
        names = (f"{BUNDLE}Bucket", f"{BUNDLE}Key", f"{BUNDLE}ObjectVersion")
        yield object_need(*(members.get(one) for one in names))
    for one in members.get("RevocationContents") or []:
        yield object_need(one.get("S3Bucket"), one.get("S3Key"), one.get("S3ObjectVersion"))


def logs_needs(asked: Asked) -> Iterator[Need]:
    """Yield what an operation of CloudWatch Logs needs: on a group's streams, as AWS asks."""
    name, members = asked.operation, asked.members
    action = f"logs:{name}"
    if name in ("DescribeLogGroups", "ListLogGroups"):
        yield Need(action, asked.arn("logs", "log-group::log-stream:"))
        return
    if name in LOG_GROUPS:
        members_of_groups = ("logGroupName", "logGroupNames", "logGroupIdentifiers")
        groups = [one for member in members_of_groups for one in asked.values(member)]
    elif name in LOG_GROUP:
        groups = [str(members.get(LOG_GROUP[name]) or members.get("logGroupIdentifier") or "")]
    else:
        yield Need(action)
        return
    stream = members.get("logStreamName", "")
    names = [
        one.partition(":log-group:")[2].removesuffix(":*") if one.startswith("arn:") else one
        for one in groups
    ]
    for arn in unique(asked.arn("logs", f"log-group:{one}:log-stream:{stream}") for one in names):
        yield Need(action, arn)


def servicediscovery_needs(asked: Asked) -> Iterator[Need]:
    """Yield what an operation of Cloud Map needs."""
    template = SERVICEDISCOVERY.get(asked.operation, ANY)
    for arn in unique(by_template(asked, "servicediscovery", template)):
        yield Need(f"servicediscovery:{asked.operation}", arn)


def route53_needs(asked: Asked) -> Iterator[Need]:
    """Yield what an operation of Route 53 needs; its ARNs name neither region nor account."""
    member = ROUTE53_ZONE.get(asked.operation, "")
    kind = str(asked.members.get("ResourceType", "hostedzone"))
    if asked.operation == "GetChange":
        member, kind = "Id", "change"
    elif asked.operation in ROUTE53_CHECK:
        member, kind = "HealthCheckId", "healthcheck"
    arns = [
        asked.arn("route53", f"{kind}/{value.rpartition('/')[2]}", account=False, region=False)
        for value in asked.values(member)
    ]
    for arn in unique(arns):
        yield Need(f"route53:{asked.operation}", arn)


def acm_needs(asked: Asked) -> Iterator[Need]:
    """Yield what an operation of Certificate Manager needs."""
    template = ACM.get(asked.operation, ANY)
    if asked.operation == "ImportCertificate":
        template = "{CertificateArn}" if "CertificateArn" in asked.members else "certificate/*"
    for arn in unique(by_template(asked, "acm", template)):
        yield Need(f"acm:{asked.operation}", arn)


def efs_needs(asked: Asked) -> Iterator[Need]:
    """Yield what an operation of EFS needs: a mount target is its file system's."""
    service, name = "elasticfilesystem", asked.operation
    kind = "file-system/{FileSystemId}"
    if name in OF_TARGET:
        targets = [asked.view.get(MountTarget, one) for one in asked.values("MountTargetId")]
        own = [one.file_system_id for one in targets if one is not None]
        arns = [asked.arn(service, f"file-system/{one}") for one in own]
        arns = arns or by_template(asked, service, kind)
    elif name in ("TagResource", "UntagResource", "ListTagsForResource"):
        is_point = any("fsap-" in one for one in asked.values("ResourceId"))
        arns = by_template(
            asked, service, f"{'access-point' if is_point else 'file-system'}/{{ResourceId}}"
        )
    elif name == "DescribeAccessPoints" and "AccessPointId" in asked.members:
        arns = by_template(asked, service, "access-point/{AccessPointId}")
    elif name == "DescribeAccessPoints":
        arns = by_template(asked, service, kind)
    else:
        arns = by_template(asked, service, EFS.get(name, ANY))
    for arn in unique(arns):
        yield Need(f"{service}:{name}", arn)


def sts_needs(asked: Asked) -> Iterator[Need]:
    """Yield what an operation of STS needs, where who asks is not enough."""
    if asked.operation != "GetFederationToken":
        yield Need(f"sts:{asked.operation}")
        return
    arn = asked.arn("sts", f"federated-user/{asked.members['Name']}", region=False)
    yield Need("sts:GetFederationToken", arn)
    if asked.members.get("Tags"):
        yield Need("sts:TagSession", arn)
