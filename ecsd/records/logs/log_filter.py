"""What is done with a group's events as they come: metric filters and subscription filters."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Part, Record


class MetricTransformation(Part, frozen=True, kw_only=True):
    """What a metric filter makes of an event."""

    metric_name: str
    metric_namespace: str
    metric_value: str  # a number, or a selector such as $.latency
    default_value: float | None = None
    dimensions: tuple[tuple[str, str], ...] = ()  # name, selector
    unit: str = "None"


class MetricFilter(Record, frozen=True, kw_only=True):
    """A metric filter of a group."""

    KIND: ClassVar[str] = "metric_filter"
    KEY: ClassVar[str] = "place"
    INDEXES: ClassVar[tuple[str, ...]] = ("log_group_name",)

    place: str  # <group>|<filter>
    log_group_name: str
    filter_name: str
    filter_pattern: str
    transformation: MetricTransformation
    created_at: datetime


class SubscriptionFilter(Record, frozen=True, kw_only=True):
    """A subscription filter of a group: where its events go."""

    KIND: ClassVar[str] = "subscription_filter"
    KEY: ClassVar[str] = "place"
    INDEXES: ClassVar[tuple[str, ...]] = ("log_group_name",)

    place: str  # <group>|<filter>
    log_group_name: str
    filter_name: str
    filter_pattern: str
    destination_arn: str
    created_at: datetime  # events that came before are not delivered


class SubscriptionProgress(Record, frozen=True, kw_only=True):
    """How far a subscription filter has come in one stream."""

    KIND: ClassVar[str] = "subscription_progress"
    KEY: ClassVar[str] = "key_of_both"
    INDEXES: ClassVar[tuple[str, ...]] = ("filter_place", "storage")

    filter_place: str
    storage: str
    after: str  # the place in the stream that it has come to; larger than 64 bits

    @property
    def key_of_both(self) -> str:
        """The identity: a filter and a stream."""
        return f"{self.filter_place}|{self.storage}"
