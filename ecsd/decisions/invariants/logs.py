"""What must always hold between log groups, their streams and storage."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ecsd.decisions.invariants.finding import Finding, fatal, warning
from ecsd.records.logs.log_filter import MetricFilter, SubscriptionFilter, SubscriptionProgress
from ecsd.records.logs.log_group import LogGroup, LogStream
from ecsd.records.logs.logs_shed import LogsShed
from ecsd.records.logs.storage_to_free import StorageToFree


class Logging(NamedTuple):
    """Every Logs record of one account and region."""

    groups: Sequence[LogGroup] = ()
    streams: Sequence[LogStream] = ()
    to_free: Sequence[StorageToFree] = ()
    filters: Sequence[MetricFilter | SubscriptionFilter] = ()
    progress: Sequence[SubscriptionProgress] = ()


def check_logs(logging: Logging) -> Iterator[Finding]:
    """Yield streams without their group, and storage that two own or that is to be freed."""
    groups = {one.log_group_name for one in logging.groups}
    freed = {one.storage for one in logging.to_free}
    owners: dict[str, str] = {}
    for stream in logging.streams:
        if stream.log_group_name not in groups:
            yield fatal(stream.arn, f"outlived its log group {stream.log_group_name}")
        if stream.storage in freed:
            yield fatal(stream.arn, "has storage that is to be freed")
        owner = owners.setdefault(stream.storage, stream.arn)
        if owner != stream.arn:
            yield fatal(stream.arn, f"shares storage with {owner}")
    for one in logging.filters:
        if one.log_group_name not in groups:
            yield fatal(f"{one.KIND} {one.place}", "outlived its log group")
    places = {one.place for one in logging.filters}
    for progress in logging.progress:
        if progress.filter_place not in places or progress.storage not in owners:
            yield fatal(f"{progress.KIND} {progress.key}", "outlived its filter or its stream")


def check_log_disk(shed: Sequence[LogsShed]) -> Iterator[Finding]:
    """Yield that log events went because their share of the disk was full."""
    for one in shed:
        yield warning(
            "log events",
            f"went before their retention since {one.began_at:%Y-%m-%d %H:%M} UTC: "
            f"{one.freed_bytes >> 20} MiB of the oldest, as {one.most_bytes >> 20} MiB were full; "
            "put retentions, or raise ECSD_LOGS_DISK",
        )
