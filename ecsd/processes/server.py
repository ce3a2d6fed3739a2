"""The server: store, operations, controllers and the link, wired together."""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import datetime, timedelta

import uvicorn
import uvloop

from ecsd.certificates.authority import Authority
from ecsd.certificates.material import Material
from ecsd.clock import Clock, SystemClock
from ecsd.controllers.bucket import BucketController
from ecsd.controllers.certificate import CertificateController
from ecsd.controllers.connect_certificate import ConnectCertificateController
from ecsd.controllers.controller import Controller, Controllers
from ecsd.controllers.data_plane import DataPlaneController
from ecsd.controllers.discovery_instance import InstanceController
from ecsd.controllers.endpoint_certificate import EndpointCertificateController
from ecsd.controllers.expiry import ExpiryController
from ecsd.controllers.flow_log import FlowLogDelivery
from ecsd.controllers.image_lifecycle import ImageLifecycleController
from ecsd.controllers.image_registry import ImageRegistryController
from ecsd.controllers.kms_key import KeyController
from ecsd.controllers.log_delivery import LogDeliveryController
from ecsd.controllers.log_disk import LogDiskController
from ecsd.controllers.log_group import LogGroupController
from ecsd.controllers.log_query import LogQueryController
from ecsd.controllers.log_subscription import LogSubscriptionController
from ecsd.controllers.observations import Observations
from ecsd.controllers.planned_end import PlannedEndController
from ecsd.controllers.reaper import ReaperController
from ecsd.controllers.secret_rotation import SecretRotationController
from ecsd.controllers.service.controller import ServiceController
from ecsd.controllers.target_group import TargetGroupController
from ecsd.controllers.task import TaskController
from ecsd.controllers.task_credentials import TaskCredentialsController
from ecsd.decisions.balancers.function_arn import NOBODY, Invoke
from ecsd.errors import FunctionError
from ecsd.gateway.app import make_app
from ecsd.gateway.dispatch import GatewayParts
from ecsd.gateway.entrance import EntranceProtocol, open_entrance
from ecsd.ids import IdSource
from ecsd.link.hub import Hub
from ecsd.operations.load import load_operations
from ecsd.processes import journal, paths
from ecsd.processes.inspection import pages
from ecsd.processes.keys import find_key
from ecsd.processes.objects import open_blobs
from ecsd.processes.side_by_side import run_until
from ecsd.protocol.wire import Wire
from ecsd.settings import EVERYWHERE, Settings
from ecsd.store.blobs import Blobs
from ecsd.store.images import RegistryImages, Where
from ecsd.store.segments import SegmentStreams
from ecsd.store.sqlite import SqliteBackend
from ecsd.store.store import Store

log = logging.getLogger(__name__)
LARGEST_ANSWER = 6 * 1024 * 1024  # bytes, of a function that log events or a secret are given to
ASK_FUNCTIONS = (LogSubscriptionController.name, SecretRotationController.name)
FIRST_LOOK_SECONDS = 30.0  # every plan is to be published before a host gets its snapshot


def main(settings: Settings, listener: socket.socket) -> None:
    """Serve until SIGTERM."""
    journal.start("server", settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, listener))


def _open_store(settings: Settings) -> Store:
    """Open the store without looking for garbage: there is none while it is read."""
    gc.disable()
    store = Store.open(SqliteBackend(settings.data_dir / "ecsd.sqlite"))
    gc.enable()
    return store


async def serve(settings: Settings, listener: socket.socket) -> None:
    """Open the store, start everything, serve until told to stop."""
    clock, ids = SystemClock(), IdSource()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    store = _open_store(settings)
    streams = SegmentStreams(settings.data_dir / "streams")
    gc.freeze()
    blobs = open_blobs(settings, store, ids)
    flow_logs = FlowLogDelivery(store, streams, clock, ids, settings)
    observations = Observations(store, clock, ids, flow_logs.deliver)
    hub = Hub(observations)
    authority = Authority(paths.authority(settings))
    host, port = settings.registry_place
    front = EVERYWHERE.get(host, host), port
    images = RegistryImages(
        Where(settings.registry_socket, settings.registry_blobs, front), authority.token_key, clock
    )
    functions = AsyncExitStack()
    invoke, endpoint = await _delivery(functions, settings), settings.lambda_endpoint
    subscriptions = LogSubscriptionController(store, streams, clock, invoke, endpoint)
    planned = [
        *_controllers(store, (streams, blobs), (clock, ids, authority), hub, settings),
        ImageLifecycleController(store, clock),
        ImageRegistryController(store, images, clock),
        subscriptions,
        SecretRotationController(store, clock, ids, invoke, endpoint),
    ]
    controllers = Controllers(store, clock, planned)
    parts = _Parts(hub, controllers, observations, clock)
    streams.watch(
        lambda storage, _: controllers.look(subscriptions.name, subscriptions.came(storage))
    )
    app = make_app(
        GatewayParts(
            operations=load_operations(),
            store=store,
            streams=streams,
            blobs=blobs,
            clock=clock,
            ids=ids,
            settings=settings,
            authority=authority,
            images=images,
            find_key=find_key(store, settings, authority),
            wire=Wire(ids.uuid, refuse_unknown=settings.unknown_members == "refuse"),
            pages=pages(
                store, blobs, (parts.controllers, observations.traffic), (authority, clock)
            ),
        )
    )
    web = _Web(
        uvicorn.Config(
            app,
            http=EntranceProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=5,
        )
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, web.stop)
    try:
        await observations.begin()
        works = [
            parts.controllers.run(),
            observations.run(),
            hub.serve(paths.link_socket(settings)),
            _open_up(parts),
        ]
        entrance = open_entrance(paths.entrance(settings))
        await run_until(web.serve(sockets=[listener, entrance]), works)
        log.info("stopped")
    finally:
        await images.close()
        await functions.aclose()
        streams.close()
        blobs.close()
        store.close()


class _Web(uvicorn.Server):
    """uvicorn without its own signal handling: the process decides when it ends."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process."""
        yield

    def stop(self) -> None:
        """Finish the requests in flight, then return from serve."""
        self.should_exit = True


class _Parts:
    """What the server's endless works are made of."""

    def __init__(
        self, hub: Hub, controllers: Controllers, observations: Observations, clock: Clock
    ) -> None:
        self.hub = hub
        self.controllers = controllers
        self.observations = observations
        self.clock = clock


async def _open_up(parts: _Parts) -> None:
    """Give hosts their snapshots once every controller has looked at everything once."""
    try:
        async with parts.clock.deadline(FIRST_LOOK_SECONDS):
            await parts.controllers.settle(besides=ASK_FUNCTIONS)
    except TimeoutError:
        log.warning("controllers have not settled; hosts get their plans as they come")
    parts.hub.open_up()


async def _delivery(until: AsyncExitStack, settings: Settings) -> Invoke:
    """Return what invokes functions; the HTTP client is loaded only where somebody answers."""
    if not settings.lambda_endpoint:

        async def refuse(_url: str, _payload: bytes) -> object:
            raise FunctionError(NOBODY)

        return refuse
    import aiohttp

    from ecsd.agent.drivers.functions import functions_session, invoke

    session = await until.enter_async_context(functions_session())

    async def deliver(url: str, payload: bytes) -> object:
        try:
            return await invoke(session, url, payload, LARGEST_ANSWER)
        except aiohttp.ClientError as error:
            raise FunctionError(f"{type(error).__name__}: {error}") from error

    return deliver


def _controllers(
    store: Store,
    kept: tuple[SegmentStreams, Blobs],
    parts: tuple[Clock, IdSource, Authority],
    hub: Hub,
    settings: Settings,
) -> list[Controller]:
    clock, ids, authority = parts
    streams, blobs = kept
    shown = timedelta(seconds=settings.ended_shown)

    async def issue(names: Sequence[str], key_algorithm: str, now: datetime) -> Material:
        return await asyncio.to_thread(authority.issue, names, key_algorithm, now)

    return [
        ServiceController(store, clock, ids),
        TaskController(store, clock, ids, shown),
        TargetGroupController(store, clock),
        InstanceController(store, clock, ids),
        LogGroupController(store, streams, clock),
        BucketController(store, blobs, clock, ids),
        LogQueryController(store, streams, clock, ids, shown),
        LogDiskController(store, streams, clock, settings.logs_disk),
        ExpiryController(store, clock),
        KeyController(store, clock, ids, authority.seal),
        PlannedEndController(store, clock),
        TaskCredentialsController(store, clock, ids, authority, settings),
        LogDeliveryController(store, clock, ids, authority, settings),
        CertificateController(store, clock, authority, issue),
        ConnectCertificateController(store, clock, authority, issue),
        EndpointCertificateController(store, clock, authority, issue),
        ReaperController(store, clock, shown),
        DataPlaneController(store, hub, settings, authority, clock),
    ]
