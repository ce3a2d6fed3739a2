"""What a Lambda function gets of a log group: gzip of JSON, in base64, in an event.

Source: AWS Lambda Developer Guide, process log data from CloudWatch Logs; CloudWatch Logs User
Guide, subscription filters.
"""

import base64
import gzip
from collections.abc import Sequence
from typing import Any

import msgspec

MOST_BYTES = 4 * 1024 * 1024  # of messages in one event; an event may have 6 MB
OLDEST_HOURS = 24  # what could not be delivered for so long is given up


def subscription_event(
    owner: str, log_group: str, log_stream: str, filter_name: str, events: Sequence[dict[str, Any]]
) -> bytes:
    """Return the event. ``events``: id, timestamp, message, perhaps extractedFields."""
    told = {
        "messageType": "DATA_MESSAGE",
        "owner": owner,
        "logGroup": log_group,
        "logStream": log_stream,
        "subscriptionFilters": [filter_name],
        "logEvents": list(events),
    }
    packed = gzip.compress(msgspec.json.encode(told), 6, mtime=0)
    return msgspec.json.encode({"awslogs": {"data": base64.b64encode(packed).decode()}})
