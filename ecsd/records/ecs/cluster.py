"""Clusters and account settings. Source: Amazon ECS API Reference, data type Cluster."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from ecsd.records.record import Record
from ecsd.records.tag import Tag

TOKENS_KEPT = timedelta(days=1)


class Cluster(Record, frozen=True, kw_only=True):
    """A group of tasks and services. Counts are derived, never stored.

    settings: such as {"containerInsights": "enabled"}. configuration: AWS's shape, as given.
    """

    KIND: ClassVar[str] = "cluster"
    KEY: ClassVar[str] = "name"

    name: str
    arn: str
    status: str = "ACTIVE"  # ACTIVE, INACTIVE (deleted, still describable)
    created_at: datetime
    deleted_at: datetime | None = None
    settings: dict[str, str] = {}
    configuration: dict[str, Any] | None = None
    service_connect_namespace: str | None = None  # ARN: of services that name none
    capacity_providers: tuple[str, ...] = ()
    default_capacity_provider_strategy: tuple[dict[str, Any], ...] = ()
    tags: tuple[Tag, ...] = ()


class AccountSetting(Record, frozen=True, kw_only=True):
    """A value of an ECS account setting, for the account's root (default) or one principal."""

    KIND: ClassVar[str] = "account_setting"
    KEY: ClassVar[str] = "place"

    place: str  # <name>|<principal ARN>; principal "" is the account's default
    name: str
    principal: str
    value: str


class ClientToken(Record, frozen=True, kw_only=True):
    """Remembers what an idempotent call made, for a day.

    Source: Amazon ECS API Reference, RunTask clientToken.
    """

    KIND: ClassVar[str] = "client_token"
    KEY: ClassVar[str] = "place"

    place: str  # <operation>|<token>
    request_hash: str
    resource_arns: tuple[str, ...]
    created_at: datetime

    @property
    def expires_at(self) -> datetime:
        """When it is forgotten."""
        return self.created_at + TOKENS_KEPT
