"""What Cloud Map does beside a request. Source: AWS Cloud Map API 2017-03-14, Operation."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record


class DiscoveryOperation(Record, frozen=True, kw_only=True):
    """A change that GetOperation tells of. status: SUCCESS, FAIL.

    It is stored together with the change itself, so that it never tells of one that is not there.
    """

    KIND: ClassVar[str] = "discovery_operation"
    KEY: ClassVar[str] = "operation_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("status",)

    operation_id: str
    type: str
    status: str
    targets: dict[str, str]  # NAMESPACE, SERVICE, INSTANCE → id
    namespace_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    created_at: datetime
    expires_at: datetime  # when it is forgotten
