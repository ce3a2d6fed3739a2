"""Fields that are refused by name, and fields that have nothing to act on."""

from tests.integration.fields.rows import NotApplicable, Refused, Row

C = "containerDefinitions[]."
P = f"{C}portMappings[]"
LATER = "is not supported by ecsd yet."
NO_INSTANCES = "No Container Instances were found in your cluster."
CONNECT = "of services alone: Service Connect offers the port by it, and speaks so"


def of_container(**members):
    return {"containerDefinitions": [{"name": "app", "image": "app:1", "memory": 64} | members]}


def container_row(member, value, *inner):
    """A member of a container that is refused, with all that is in it."""
    last = f"{C}{member}" + ("[]" if isinstance(value, list) else "")
    return Refused(
        (last, *(f"{last}.{one}" for one in inner)),
        of_container(**{member: value}),
        f"Container 'app': {member} {LATER}",
    )


def task_row(member, value, *inner):
    last = member + ("[]" if isinstance(value, list) else "")
    return Refused(
        (last, *(f"{last}.{one}" for one in inner)), {member: value}, f"{member} {LATER}"
    )


def volume_row(member, value, *inner):
    last = f"volumes[].{member}"
    return Refused(
        (last, *(f"{last}.{one}" for one in inner)),
        {"volumes": [{"name": "v", member: value}]},
        f"Volume 'v': {member} {LATER}",
    )


def instance_row(member, value, *inner):
    """A member of a container in bridge mode: registered, but nothing there can run it."""
    last = f"{C}{member}" + ("[]" if isinstance(value, list) else "")
    side = {"name": "side", "image": "side:1", "memory": 64}
    given = of_container(**{member: value})
    given["containerDefinitions"].append(side)
    return Refused(
        (last, *(f"{last}.{one}" for one in inner)),
        given | {"networkMode": "bridge"},
        NO_INSTANCES,
        "RunTask",
        "InvalidParameterException",
    )


def port_row(member, value, why):
    port = {} if member == "containerPortRange" else {"containerPort": 80}
    return NotApplicable(
        (f"{P}.{member}",), of_container(portMappings=[port | {member: value}]), why
    )


MPS = {"nvidiaMps": {"memory": 1, "maxComputePercent": 1}}

ROWS: list[Row] = [
    container_row(
        "resourceRequirements",
        [{"value": "1", "type": "GPU", "sharingStrategy": MPS}],
        "value",
        "type",
        "sharingStrategy",
        "sharingStrategy.nvidiaMps",
        "sharingStrategy.nvidiaMps.memory",
        "sharingStrategy.nvidiaMps.maxComputePercent",
    ),
    container_row(
        "firelensConfiguration",
        {"type": "fluentbit", "options": {"enable-ecs-log-metadata": "true"}},
        "type",
        "options",
    ),
    container_row("credentialSpecs", ["credentialspec:x"]),
    task_row(
        "proxyConfiguration",
        {
            "type": "APPMESH",
            "containerName": "app",
            "properties": [{"name": "ProxyIngressPort", "value": "1"}],
        },
        "type",
        "containerName",
        "properties[]",
        "properties[].name",
        "properties[].value",
    ),
    task_row(
        "inferenceAccelerators",
        [{"deviceName": "d", "deviceType": "t"}],
        "deviceName",
        "deviceType",
    ),
    task_row(
        "trustedExecutionConfiguration",
        {"isolationMode": "SHARED", "attestationPolicy": "p"},
        "isolationMode",
        "attestationPolicy",
    ),
    volume_row(
        "s3filesVolumeConfiguration",
        {
            "fileSystemArn": "arn:aws:s3files:us-east-1:000000000000:file-system/fs-1",
            "rootDirectory": "/",
            "transitEncryptionPort": 1,
            "accessPointArn": "arn:aws:s3files:us-east-1:000000000000:access-point/ap-1",
        },
        "fileSystemArn",
        "rootDirectory",
        "transitEncryptionPort",
        "accessPointArn",
    ),
    volume_row(
        "fsxWindowsFileServerVolumeConfiguration",
        {
            "fileSystemId": "fs-1",
            "rootDirectory": "/",
            "authorizationConfig": {"credentialsParameter": "p", "domain": "d"},
        },
        "fileSystemId",
        "rootDirectory",
        "authorizationConfig",
        "authorizationConfig.credentialsParameter",
        "authorizationConfig.domain",
    ),
    instance_row("links", ["side:other"]),
    instance_row("hostname", "somebody"),
    instance_row("dnsServers", ["10.0.0.2"]),
    instance_row("dnsSearchDomains", ["example.com"]),
    instance_row(
        "extraHosts",
        [{"hostname": "other", "ipAddress": "10.0.0.9"}],
        "hostname",
        "ipAddress",
    ),
    Refused(
        (
            "placementConstraints[]",
            "placementConstraints[].type",
            "placementConstraints[].expression",
        ),
        of_container()
        | {"placementConstraints": [{"type": "memberOf", "expression": "attribute:x == y"}]},
        NO_INSTANCES,
        "RunTask",
        "InvalidParameterException",
    ),
    port_row("hostPort", 80, "in awsvpc the containerPort itself; else it needs an instance"),
    port_row("protocol", "udp", "security groups and target groups say it in awsvpc"),
    port_row("name", "web", CONNECT),
    port_row("appProtocol", "http2", CONNECT),
    port_row(
        "containerPortRange",
        "80-90",
        "in awsvpc all ports are the task's; else it needs an instance",
    ),
]
