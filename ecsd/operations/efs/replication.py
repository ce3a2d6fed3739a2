"""Replication: there is one machine, so there is none. Source: Amazon EFS API Reference."""

from typing import Any

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.efs.requests import bad_request
from ecsd.store.finders.efs import require_file_system


@operation("efs", "CreateReplicationConfiguration")
async def create_replication_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Refuse to replicate."""
    require_file_system(call.view, request["SourceFileSystemId"])
    raise bad_request("Destinations: replication is not supported by ecsd.")


@operation("efs", "DescribeReplicationConfigurations")
async def describe_replication_configurations(
    call: Call, request: dict[str, Any]
) -> dict[str, Any]:
    """Say that nothing is replicated."""
    if request.get("FileSystemId"):
        own = require_file_system(call.view, request["FileSystemId"]).file_system_id
        raise AwsError("ReplicationNotFound", f"File system '{own}' is not replicated.")
    return {"Replications": []}


@operation("efs", "DeleteReplicationConfiguration")
async def delete_replication_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Say that there is nothing to end."""
    own = require_file_system(call.view, request["SourceFileSystemId"]).file_system_id
    raise AwsError("ReplicationNotFound", f"File system '{own}' is not replicated.")
