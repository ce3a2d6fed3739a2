"""VPC endpoints of this host: what listens at their addresses, and leads to the API.

An interface endpoint's addresses are its VPC's own; a gateway endpoint's is S3's, to which routes
of subnets lead. Whoever connects is told to the API with the address that it has in its VPC; the
gateway judges calls by that. Connections end with the agent, as those to 169.254.170.2 do.
Source: AWS PrivateLink guide; decisions/029-vpc-endpoints.md.
"""

import asyncio
import logging
import os
import socket
import ssl
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

from ecsd.agent.drivers.link_local import CONNECT_SECONDS, Stream, both_ways
from ecsd.agent.drivers.namespaces import Visitor
from ecsd.clock import Clock
from ecsd.decisions.network.endpoint_service import REGISTRY
from ecsd.decisions.vpc.reachability import route_to
from ecsd.errors import NetworkError
from ecsd.protocol.through import Through, said
from ecsd.records.plan_network import EndpointPlan, VpcPlan

log = logging.getLogger(__name__)

PLAIN, TLS = 80, 443
MOST_RELAYED = 2000  # connections of all endpoints at one time
TRY_AGAIN_SECONDS = 0.1
IP_TRANSPARENT = 19  # linux/in.h: listen at an address that routes, not interfaces, lead to


class Vpcs(Protocol):
    """What endpoints need of the VPCs of this host."""

    async def opened(self, vpc_id: str) -> str:
        """Return the path of a VPC's namespace, once its plan is in force."""
        ...

    def plan_of(self, vpc_id: str) -> VpcPlan | None:
        """Return the plan of a VPC that is in force."""
        ...


class Doors(NamedTuple):
    """Where connections are led. entrance: the API's unix socket; registry: ECR's."""

    entrance: Path
    registry: tuple[str, int]


class Place(NamedTuple):
    """Where something listens."""

    vpc_id: str
    address: str
    port: int


class HostEndpoints:
    """Implements ``rooms.Endpoints``."""

    def __init__(self, clock: Clock, vpcs: Vpcs, visitor: Visitor, doors: Doors) -> None:
        self._clock = clock
        self._vpcs = vpcs
        self._visitor = visitor
        self._doors = doors
        self._plans: dict[str, EndpointPlan] = {}
        self._contexts: dict[Place, ssl.SSLContext] = {}
        self._open: dict[Place, asyncio.Server] = {}
        self._changing = asyncio.Lock()
        self._relayed = 0

    async def apply(self, plan: EndpointPlan) -> None:
        """Listen at the endpoint's addresses, and no more at those that it had."""
        async with self._changing:
            path = await self._vpcs.opened(plan.vpc_id)
            self._plans[plan.vpc_endpoint_id] = plan
            for address in plan.addresses:
                await self._listen(path, Place(plan.vpc_id, address, PLAIN), plan)
                await self._listen(path, Place(plan.vpc_id, address, TLS), plan)
            self._close_unwanted()

    async def remove(self, vpc_endpoint_id: str) -> None:
        """Listen no more for an endpoint."""
        async with self._changing:
            self._plans.pop(vpc_endpoint_id, None)
            self._close_unwanted()

    async def _listen(self, path: str, place: Place, plan: EndpointPlan) -> None:
        context = None
        if place.port == TLS:
            context = self._contexts.get(place) or _tls()
            _show(context, plan.certificate)
            self._contexts[place] = context
        if place in self._open:
            return
        try:
            listener = await self._visitor.visit(path, lambda: _listener(place))
        except OSError as error:
            where = f"{place.address}:{place.port} in {place.vpc_id}"
            raise NetworkError(f"nothing answers at {where}: {error.strerror}") from error
        self._open[place] = await asyncio.start_server(
            partial(self._relay, place), sock=listener, ssl=context
        )

    def _close_unwanted(self) -> None:
        wanted = {
            Place(plan.vpc_id, address, port)
            for plan in self._plans.values()
            for address in plan.addresses
            for port in (PLAIN, TLS)
        }
        for place in self._open.keys() - wanted:
            self._open.pop(place).close()
            self._contexts.pop(place, None)

    # ------------------------------------------------------------------ connections

    async def _relay(
        self, place: Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry a connection to where its endpoint leads; one that cannot be is closed."""
        peer = str(writer.get_extra_info("peername")[0])
        plan = self._endpoint_of(place, peer)
        if plan is None or self._relayed >= MOST_RELAYED:
            words = "too many connections" if plan else "no endpoint"
            log.warning("a connection to an endpoint is refused", extra={"cause": words})
            writer.close()
            return
        self._relayed += 1
        try:
            async with self._clock.deadline(CONNECT_SECONDS):
                there = await self._beyond(plan, peer, secure=place.port == TLS)
            await both_ways((reader, writer), there)
        except (OSError, TimeoutError) as error:
            cause = {"endpoint": plan.vpc_endpoint_id, "cause": str(error)}
            log.debug("a connection through an endpoint ended", extra=cause)
        finally:
            self._relayed -= 1
            writer.close()

    def _endpoint_of(self, place: Place, peer: str) -> EndpointPlan | None:
        """Return the endpoint through which a client came; of gateways, the one on its route."""
        here = [
            one
            for one in self._plans.values()
            if one.vpc_id == place.vpc_id and place.address in one.addresses
        ]
        vpc = self._vpcs.plan_of(place.vpc_id)
        if not here or not here[0].gateway or vpc is None:
            return here[0] if here else None
        route = route_to(vpc, peer, place.address)
        via = route.via if route is not None else ""
        return next((one for one in here if one.vpc_endpoint_id == via), None)

    async def _beyond(self, plan: EndpointPlan, peer: str, *, secure: bool) -> Stream:
        """Return a connection to what an endpoint leads to, which has been told how it came."""
        if plan.service == REGISTRY:
            return await asyncio.open_connection(*self._doors.registry)
        reader, writer = await self._entered()
        through = Through(
            account=plan.account,
            region=plan.region,
            vpc_id=plan.vpc_id,
            vpc_endpoint_id=plan.vpc_endpoint_id,
            peer=peer,
            secure=secure,
        )
        writer.write(said(through))
        return reader, writer

    async def _entered(self) -> Stream:
        """Return a connection to the API; one that begins again is waited for."""
        while True:
            try:
                return await asyncio.open_unix_connection(self._doors.entrance)
            except (ConnectionRefusedError, FileNotFoundError):
                await self._clock.sleep(TRY_AGAIN_SECONDS)


def _tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _show(context: ssl.SSLContext, certificate: str) -> None:
    """Let a context show a certificate, with its key, which Python takes from files alone."""
    held = os.memfd_create("certificate")
    try:
        os.write(held, certificate.encode())
        context.load_cert_chain(f"/proc/self/fd/{held}")
    finally:
        os.close(held)


def _listener(place: Place) -> socket.socket:
    """Open a listening socket, in whatever namespace this runs."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
        opened.bind((place.address, place.port))
        opened.listen(512)
    except OSError:
        opened.close()
        raise
    opened.setblocking(False)
    return opened
