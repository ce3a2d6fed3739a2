"""Flow logs: what a host has counted in an aggregation interval, written into log streams.

It is written in the name of the flow log's role, which is judged each time; what came of it is
what DescribeFlowLogs tells. An interval whose writing failed half-way is written again: at least
once, as log events in general.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from ecsd.clock import Clock
from ecsd.decisions.logs.retention import milliseconds
from ecsd.decisions.vpc.flow_log_records import Surroundings, compile_records
from ecsd.ids import IdSource
from ecsd.records.ec2.flow_log import FAILED, SUCCESS, FlowLog
from ecsd.records.ec2.vpc import Subnet
from ecsd.records.logs.log_group import LogGroup, LogStream
from ecsd.records.observed import FlowsObserved
from ecsd.settings import Settings
from ecsd.store.finders.logs import place_of
from ecsd.store.flow_log_role import may_deliver
from ecsd.store.scope import Scope
from ecsd.store.store import Store, View
from ecsd.store.streams import LogEvent, LogStreams
from ecsd.store.task_roles import Rules

log = logging.getLogger(__name__)

ACCESS_ERROR = "Access error"
RECORDS_AT_ONCE = 5000


class FlowLogDelivery:
    """Writes the records of every flow log that an interval is about."""

    def __init__(
        self, store: Store, streams: LogStreams, clock: Clock, ids: IdSource, settings: Settings
    ) -> None:
        self._store = store
        self._streams = streams
        self._clock = clock
        self._ids = ids
        self._rules = Rules.of(settings)

    async def deliver(self, window: FlowsObserved) -> None:
        """Write an interval's records; flow logs made in the midst of it begin with the next."""
        scope = Scope.of_arn(window.vpc_arn)
        view = self._store.view(scope)
        around = Surroundings(
            *scope, {one.subnet_id: one.availability_zone_id for one in view.select(Subnet)}
        )
        vpc_id = window.vpc_arn.rpartition("/")[2]
        for one in view.select(FlowLog, vpc_id=vpc_id):
            is_meant = one.max_aggregation_interval == window.interval
            if is_meant and one.created_at <= window.began_at:
                lines = await asyncio.to_thread(compile_records, one, window, around)
                await self._write(scope, one, window, lines)

    async def _write(
        self, scope: Scope, flow_log: FlowLog, window: FlowsObserved, lines: dict[str, list[str]]
    ) -> None:
        if not lines:
            return
        if not self._may_write(scope, flow_log, lines):
            log.info("a flow log's role does not let it write", extra={"flow_log": flow_log.key})
            await self._tell(scope, flow_log, ACCESS_ERROR)
            return
        now = milliseconds(self._clock.now())
        began = milliseconds(window.began_at)
        storages = await self._storages(scope, flow_log, lines)
        for name, records in lines.items():
            for begin in range(0, len(records), RECORDS_AT_ONCE):
                some = records[begin : begin + RECORDS_AT_ONCE]
                events = [LogEvent(began, now, record) for record in some]
                await self._streams.append(storages[name], events)
        await self._tell(scope, flow_log, None)

    def _may_write(self, scope: Scope, flow_log: FlowLog, names: Iterable[str]) -> bool:
        flow_log_arn = (
            f"arn:aws:ec2:{scope.region}:{scope.account}:vpc-flow-log/{flow_log.flow_log_id}"
        )
        return may_deliver(
            self._store.view(scope.globally()),
            flow_log.deliver_logs_permission_arn,
            flow_log_arn,
            list(_asked(self._store.view(scope), flow_log.log_group_name, names)),
            (self._rules, self._clock.now()),
        )

    async def _storages(
        self, scope: Scope, flow_log: FlowLog, names: Iterable[str]
    ) -> dict[str, str]:
        """Return where each stream's events are kept; the group and streams are made if need be."""
        group_name, now = flow_log.log_group_name, self._clock.now()
        storages = {}
        async with self._store.transaction(scope) as change:
            if change.get(LogGroup, group_name) is None:
                arn = f"{_group_arn(scope, group_name)}:*"
                change.put(LogGroup(log_group_name=group_name, arn=arn, created_at=now))
            for name in names:
                place = place_of(group_name, name)
                stream = change.get(LogStream, place)
                if stream is None:
                    stream = LogStream(
                        place=place,
                        log_group_name=group_name,
                        log_stream_name=name,
                        arn=_stream_arn(scope, group_name, name),
                        storage=self._ids.hexadecimal(32),
                        created_at=now,
                    )
                    change.put(stream)
                storages[name] = stream.storage
        return storages

    async def _tell(self, scope: Scope, flow_log: FlowLog, fault: str | None) -> None:
        async with self._store.transaction(scope) as change:
            known = change.get(FlowLog, flow_log.flow_log_id)
            status = SUCCESS if fault is None else FAILED
            if known is not None and known.deliver_logs_status != status:
                change.put(
                    replace(known, deliver_logs_status=status, deliver_logs_error_message=fault)
                )


def _asked(view: View, group_name: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield actions of Logs that writing takes, with the ARNs that they are about."""
    if view.get(LogGroup, group_name) is None:
        yield "logs:CreateLogGroup", _stream_arn(view.scope, group_name, "")
    for name in names:
        arn = _stream_arn(view.scope, group_name, name)
        if view.get(LogStream, place_of(group_name, name)) is None:
            yield "logs:CreateLogStream", arn
        yield "logs:PutLogEvents", arn


def _group_arn(scope: Scope, group_name: str) -> str:
    return f"arn:aws:logs:{scope.region}:{scope.account}:log-group:{group_name}"


def _stream_arn(scope: Scope, group_name: str, name: str) -> str:
    return f"{_group_arn(scope, group_name)}:log-stream:{name}"
