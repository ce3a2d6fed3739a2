"""Policies that let other services write to log groups."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record


class LogResourcePolicy(Record, frozen=True, kw_only=True):
    """A resource policy of an account in a region; the document is raw JSON."""

    KIND: ClassVar[str] = "log_resource_policy"
    KEY: ClassVar[str] = "policy_name"

    policy_name: str
    policy_document: str
    updated_at: datetime
