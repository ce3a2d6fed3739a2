"""Look-ups in Logs: ``require`` refuses in CloudWatch Logs' own words."""

import re

from ecsd.errors import AwsError
from ecsd.records.logs.log_group import LogGroup, LogStream
from ecsd.store.store import View

LOG_GROUP_ARN = re.compile(r"arn:aws[a-z-]*:logs:([^:]*):(\d{12}):log-group:([^:*]+)(:\*)?")


def require_log_group(view: View, name: str) -> LogGroup:
    """Return the group, or refuse with ResourceNotFoundException."""
    group = view.get(LogGroup, name)
    if group is None:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    return group


def require_log_group_by_identifier(view: View, identifier: str) -> LogGroup:
    """Return the group that a name or an ARN (of this account and region) means."""
    if not identifier.startswith("arn:"):
        return require_log_group(view, identifier)
    found = LOG_GROUP_ARN.fullmatch(identifier)
    if found is None:
        raise AwsError("InvalidParameterException", f"Invalid log group ARN: {identifier}")
    if (found[2], found[1]) != view.scope:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    return require_log_group(view, found[3])


def require_log_stream(view: View, group: LogGroup, name: str) -> LogStream:
    """Return the stream, or refuse with ResourceNotFoundException."""
    stream = view.get(LogStream, place_of(group.log_group_name, name))
    if stream is None:
        raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
    return stream


def place_of(log_group_name: str, log_stream_name: str) -> str:
    """Return the key of a stream; a group's name has no ``|``."""
    return f"{log_group_name}|{log_stream_name}"
