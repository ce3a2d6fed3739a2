"""A task as DescribeTasks shows it. Source: ecs_semantics 1.2."""

from typing import Any

from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ecs.task import Container, Task, VolumeAttachment

PLATFORM_VERSION = "1.4.0"
STORAGE = 20  # GiB, Fargate's default


def show_task(
    task: Task, interface: NetworkInterface | None, dns_name: str | None, *, tags: bool
) -> dict[str, Any]:
    """Return the API's shape; members without a value are left out.

    interface: the task's, while it has one. dns_name: its private DNS name.
    """
    launch_type = task.launch_type
    fargate = launch_type == "FARGATE" or task.capacity_provider_name is not None
    shown: dict[str, Any] = {
        "attachments": _attachments(task, interface, dns_name),
        "attributes": [{"name": "ecs.cpu-architecture", "value": task.cpu_architecture.lower()}],
        "availabilityZone": task.availability_zone,
        "capacityProviderName": task.capacity_provider_name,
        "clusterArn": task.cluster_arn,
        "connectivity": task.connectivity if task.connectivity_at else None,
        "connectivityAt": task.connectivity_at,
        "containers": [_container(one, task, interface) for one in task.containers],
        "cpu": task.cpu,
        "createdAt": task.created_at,
        "desiredStatus": task.desired_status,
        "enableExecuteCommand": task.enable_execute_command,
        "executionStoppedAt": task.execution_stopped_at,
        "group": task.group,
        "healthStatus": task.health_status,
        "lastStatus": task.last_status,
        "launchType": launch_type,
        "memory": task.memory,
        "overrides": _overrides(task),
        "platformVersion": PLATFORM_VERSION if fargate else None,
        "platformFamily": "Linux" if fargate else None,
        "pullStartedAt": task.pull_started_at,
        "pullStoppedAt": task.pull_stopped_at,
        "startedAt": task.started_at,
        "startedBy": task.started_by,
        "stopCode": task.stop_code,
        "stoppedAt": task.stopped_at,
        "stoppedReason": task.stopped_reason,
        "stoppingAt": task.stopping_at,
        "tags": [{"key": one.key, "value": one.value} for one in task.tags] if tags else [],
        "taskArn": task.task_arn,
        "taskDefinitionArn": task.task_definition_arn,
        "version": task.version,
    }
    if fargate:
        size = task.ephemeral_storage or STORAGE
        shown["ephemeralStorage"] = {"sizeInGiB": size}
        shown["fargateEphemeralStorage"] = {"sizeInGiB": size}
    return {member: value for member, value in shown.items() if value is not None}


def _attachments(
    task: Task, interface: NetworkInterface | None, dns_name: str | None
) -> list[dict[str, Any]]:
    found = [_attachment(task, interface, dns_name)] if task.attachment_id else []
    if task.is_connected and task.connect_attachment_id is not None:
        found.append(_proxy(task))
    return [*found, *map(_volume, task.volume_attachments)]


def _volume(one: VolumeAttachment) -> dict[str, Any]:
    """Return the attachment of a volume of EBS.

    Source: Amazon ECS API Reference, Attachment; Developer Guide, Verify the attachment status.
    """
    configuration = one.configuration
    known = {
        "roleArn": configuration["roleArn"],
        "volumeName": one.volume_name,
        "volumeId": one.volume_id,
        "deviceName": one.device,
        "volumeType": configuration["volumeType"],
        "sizeInGiB": configuration["sizeInGiB"],
        "filesystemType": configuration["filesystemType"],
        "encrypted": configuration["encrypted"],
        "iops": configuration.get("iops"),
        "throughput": configuration.get("throughput"),
        "snapshotId": configuration.get("snapshotId"),
        "volumeInitializationRate": configuration.get("volumeInitializationRate"),
        "deleteOnTermination": one.deleted,
        "statusReason": one.status_reason or None,
    }
    return {
        "id": one.attachment_id,
        "type": "AmazonElasticBlockStorage",
        "status": one.status,
        "details": [
            {"name": name, "value": str(value).lower() if isinstance(value, bool) else str(value)}
            for name, value in known.items()
            if value is not None
        ],
    }


def _proxy(task: Task) -> dict[str, Any]:
    """Return Service Connect's attachment: the proxy begins and ends with the interface.

    Source: Amazon ECS API Reference, Attachment (types, details of Service Connect).
    """
    details = []
    for one in task.connect_ports:
        details += [("portName", one.port_name), ("discoveryName", one.discovery_name)]
        if one.alias_name is not None:
            details.append(("clientAliases", f"{one.alias_name}:{one.alias_port}"))
        if one.ingress_port is not None:
            details.append(("ingressPortOverride", str(one.ingress_port)))
    return {
        "id": task.connect_attachment_id,
        "type": "Service Connect",
        "status": task.attachment_status,
        "details": [{"name": name, "value": value} for name, value in details],
    }


def _attachment(
    task: Task, interface: NetworkInterface | None, dns_name: str | None
) -> dict[str, Any]:
    subnets = (task.network_configuration or {}).get("subnets") or [""]
    details = {"subnetId": interface.subnet_id if interface else subnets[0]}
    if interface is not None and task.attachment_status == "ATTACHED":
        details |= {
            "networkInterfaceId": interface.network_interface_id,
            "macAddress": interface.mac_address,
            "privateDnsName": dns_name or "",
            "privateIPv4Address": interface.private_ip_address,
        }
    elif task.network_interface_id and task.attachment_status == "DELETED":
        details["networkInterfaceId"] = task.network_interface_id
    return {
        "id": task.attachment_id,
        "type": "ElasticNetworkInterface",
        "status": task.attachment_status,
        "details": [{"name": name, "value": value} for name, value in details.items()],
    }


def _container(
    container: Container, task: Task, interface: NetworkInterface | None
) -> dict[str, Any]:
    attached = interface is not None and task.attachment_status == "ATTACHED"
    shown: dict[str, Any] = {
        "containerArn": container.container_arn,
        "taskArn": task.task_arn,
        "name": container.name,
        "image": container.image,
        "imageDigest": container.image_digest,
        "runtimeId": container.runtime_id,
        "lastStatus": container.last_status,
        "exitCode": container.exit_code,
        "reason": container.reason,
        "networkBindings": [],
        "networkInterfaces": [
            {
                "attachmentId": task.attachment_id,
                "privateIpv4Address": interface.private_ip_address,
            }
        ]
        if interface is not None and attached
        else [],
        "managedAgents": [_exec_agent(container, task)] if task.enable_execute_command else None,
        "healthStatus": container.health_status,
        "cpu": container.cpu,
        "memory": container.memory,
        "memoryReservation": container.memory_reservation,
    }
    return {member: value for member, value in shown.items() if value is not None}


def _exec_agent(container: Container, task: Task) -> dict[str, Any]:
    """ECS Exec needs no process of its own in a container: it is there as long as that is."""
    shown: dict[str, Any] = {
        "name": "ExecuteCommandAgent",
        "lastStatus": container.last_status,
        "lastStartedAt": task.started_at if container.last_status == "RUNNING" else None,
    }
    return {member: value for member, value in shown.items() if value is not None}


def _overrides(task: Task) -> dict[str, Any]:
    given = {one["name"]: one for one in task.overrides.get("containerOverrides", ())}
    rest = {
        member: value
        for member, value in task.overrides.items()
        if member != "containerOverrides" and value not in ("", [], {}, None)
    }
    return {
        "containerOverrides": [given.get(one.name, {"name": one.name}) for one in task.containers],
        "inferenceAcceleratorOverrides": [],
        **rest,
    }
