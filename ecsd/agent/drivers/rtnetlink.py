"""Raw rtnetlink: several changes in one datagram, without a process started.

Source: network.md 1 (attach); rtnetlink(7); include/uapi/linux/{rtnetlink,if_link,veth}.h.
"""

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address
from typing import NamedTuple

from ecsd.errors import NetworkError

NLM_F_REQUEST, NLM_F_ACK, NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE = 0x1, 0x4, 0x100, 0x200, 0x400
REPLACE = NLM_F_CREATE | NLM_F_REPLACE
RTM_NEWLINK, RTM_GETLINK, RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWNEIGH = 16, 18, 20, 24, 28
NLMSG_ERROR, RTMGRP_LINK = 2, 1
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_LINKINFO, IFLA_NET_NS_FD = 1, 3, 4, 5, 18, 28
IFLA_OPERSTATE, IF_OPER_UP = 16, 6
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS, IFA_F_NOPREFIXROUTE = 1, 2, 8, 0x200
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PREFSRC = 1, 4, 5, 7
NDA_DST, NDA_LLADDR, NUD_PERMANENT = 1, 2, 0x80
IFF_UP, RTNH_F_ONLINK, NLA_F_NESTED = 0x1, 0x4, 0x8000
RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RTN_UNICAST = 254, 4, 0, 253, 1
RECEIVE = 65536
SECONDS = 5.0
HEADER = struct.Struct("=IHHII")
LINK = struct.Struct("=BxHiII")


class Request(NamedTuple):
    """A message to the kernel, and in words what it asks for."""

    kind: int
    flags: int
    body: bytes
    what: str


class Link(NamedTuple):
    """A network interface. peer: the index of a veth's other end, in its own namespace.

    running: the kernel sends by it. That is a little after both ends are up, and what is sent
    before is lost.
    """

    number: int  # the interface's index
    mac: bytes
    peer: int
    running: bool


class Netlink:
    """A netlink socket of the namespace in which it was made; calls wait for the answer.

    Errors: NetworkError with the kernel's words.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.settimeout(SECONDS)
        self._number = 0

    def close(self) -> None:
        """Release the socket."""
        self._socket.close()

    def change(self, requests: Sequence[Request]) -> None:
        """Send all requests in one datagram; the first that was refused is the error."""
        first = self._number + 1
        packets = []
        for one in requests:
            self._number += 1
            flags = one.flags | NLM_F_REQUEST | NLM_F_ACK
            size = HEADER.size + len(one.body)
            packets.append(HEADER.pack(size, one.kind, flags, self._number, 0) + one.body)
        self._send(b"".join(packets))
        refused: dict[int, int] = {}
        last = first - 1
        while last < self._number:
            for _, number, payload in self._receive():
                if number >= first:
                    last = number
                    refused[number] = -int(struct.unpack_from("=i", payload)[0])
        for number in sorted(refused):
            if refused[number]:
                raise refusal(requests[number - first].what, refused[number])

    def link(self, name: str) -> Link | None:
        """Return the link of that name, or None when there is none."""
        self._number += 1
        body = LINK.pack(0, 0, 0, 0, 0) + attribute(IFLA_IFNAME, name.encode() + b"\0")
        size = HEADER.size + len(body)
        self._send(HEADER.pack(size, RTM_GETLINK, NLM_F_REQUEST, self._number, 0) + body)
        while True:
            for kind, number, payload in self._receive():
                if number != self._number:
                    continue
                if kind == NLMSG_ERROR:
                    code = -struct.unpack_from("=i", payload)[0]
                    if code == errno.ENODEV:
                        return None
                    raise refusal(f"look for {name}", code)
                held = attributes(payload[LINK.size :])
                peer = struct.unpack("=I", held.get(IFLA_LINK, bytes(4)))[0]
                return Link(
                    number=LINK.unpack_from(payload)[2],
                    mac=held.get(IFLA_ADDRESS, b""),
                    peer=peer,
                    running=held.get(IFLA_OPERSTATE, b"\0")[0] == IF_OPER_UP,
                )

    def _send(self, packet: bytes) -> None:
        try:
            self._socket.send(packet)
        except OSError as error:
            raise NetworkError(f"rtnetlink: {error}") from error

    def _receive(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield kind, number and payload of every message in the next datagram."""
        try:
            datagram = self._socket.recv(RECEIVE)
        except OSError as error:
            raise NetworkError(f"rtnetlink does not answer: {error}") from error
        while len(datagram) >= HEADER.size:
            size, kind, _, number, _ = HEADER.unpack_from(datagram)
            yield kind, number, datagram[HEADER.size : size]
            datagram = datagram[size + (-size % 4) :]


def link_news() -> socket.socket:
    """Return a non-blocking socket that hears of every change to links of this namespace."""
    news = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    news.bind((0, RTMGRP_LINK))
    news.setblocking(False)
    return news


async def next_change(news: socket.socket) -> None:
    """Return when some link may have changed."""
    try:
        await asyncio.get_running_loop().sock_recv(news, RECEIVE)
    except OSError as error:
        if error.errno != errno.ENOBUFS:  # more news than fitted is news too
            raise NetworkError(f"rtnetlink does not answer: {error}") from error


async def links_gone(names: set[str]) -> None:
    """Return when none of these links is in this namespace."""
    news = link_news()
    try:
        while names & {name for _, name in socket.if_nameindex()}:
            await next_change(news)
    finally:
        news.close()


def refusal(what: str, code: int) -> NetworkError:
    """Return the error for a request that the kernel refused."""
    return NetworkError(f"{what}: {os.strerror(code)} ({errno.errorcode.get(code, code)})")


class Pair(NamedTuple):
    """A veth pair to be made: ``name`` here, ``eth0`` in the namespace of a descriptor."""

    name: str
    number: int
    mac: bytes
    peer_number: int
    peer_mac: bytes
    namespace: int
    mtu: int


def make_pair(pair: Pair) -> Request:
    """Make a veth pair, its end here up. Indexes are chosen: what follows needs no look-up."""
    mtu = attribute(IFLA_MTU, struct.pack("=I", pair.mtu))
    peer = LINK.pack(0, 0, pair.peer_number, 0, 0) + b"".join(
        (
            attribute(IFLA_IFNAME, b"eth0\0"),
            attribute(IFLA_ADDRESS, pair.peer_mac),
            mtu,
            attribute(IFLA_NET_NS_FD, struct.pack("=I", pair.namespace)),
        )
    )
    info = attribute(IFLA_INFO_KIND, b"veth\0") + nested(
        IFLA_INFO_DATA, attribute(VETH_INFO_PEER, peer)
    )
    body = LINK.pack(0, 0, pair.number, IFF_UP, IFF_UP) + b"".join(
        (
            attribute(IFLA_IFNAME, pair.name.encode() + b"\0"),
            attribute(IFLA_ADDRESS, pair.mac),
            mtu,
            nested(IFLA_LINKINFO, info),
        )
    )
    flags = NLM_F_CREATE | NLM_F_EXCL
    return Request(RTM_NEWLINK, flags, body, f"make the interface {pair.name}")


def set_up(index: int) -> Request:
    """Bring a link up."""
    return Request(RTM_NEWLINK, 0, LINK.pack(0, 0, index, IFF_UP, IFF_UP), "bring eth0 up")


def add_address(index: int, address: str, prefix: int) -> Request:
    """Give a link an address without a route to its network."""
    packed = packed_address(address)
    head = struct.pack("=BBBBI", socket.AF_INET, prefix, 0, RT_SCOPE_UNIVERSE, index)
    flags = attribute(IFA_FLAGS, struct.pack("=I", IFA_F_NOPREFIXROUTE))
    body = head + attribute(IFA_LOCAL, packed) + attribute(IFA_ADDRESS, packed) + flags
    return Request(RTM_NEWADDR, REPLACE, body, f"give eth0 the address {address}")


def add_neighbour(index: int, address: str, mac: bytes) -> Request:
    """Tell who has an address, for ever: no ARP on our links."""
    body = struct.pack("=BxxxiHBB", socket.AF_INET, index, NUD_PERMANENT, 0, 0) + b"".join(
        (attribute(NDA_DST, packed_address(address)), attribute(NDA_LLADDR, mac))
    )
    return Request(RTM_NEWNEIGH, REPLACE, body, f"make {address} a neighbour")


def add_host_route(index: int, address: str) -> Request:
    """Route one address to a link."""
    rest = attribute(RTA_DST, packed_address(address))
    return _route(RT_SCOPE_LINK, 0, 32, rest, index)


def add_default_route(index: int, router: str, source: str) -> Request:
    """Route everything else by the router, which is on the link though no route says so."""
    rest = attribute(RTA_GATEWAY, packed_address(router)) + attribute(
        RTA_PREFSRC, packed_address(source)
    )
    return _route(RT_SCOPE_UNIVERSE, RTNH_F_ONLINK, 0, rest, index)


def _route(scope: int, flags: int, prefix: int, rest: bytes, index: int) -> Request:
    kinds = (RT_TABLE_MAIN, RTPROT_STATIC, scope, RTN_UNICAST)
    head = struct.pack("=BBBBBBBBI", socket.AF_INET, prefix, 0, 0, *kinds, flags)
    body = head + rest + attribute(RTA_OIF, struct.pack("=I", index))
    return Request(RTM_NEWROUTE, REPLACE, body, "add a route")


def attribute(kind: int, value: bytes) -> bytes:
    """Return a netlink attribute, padded to four bytes."""
    size = 4 + len(value)
    return struct.pack("=HH", size, kind) + value + b"\0" * (-size % 4)


def nested(kind: int, value: bytes) -> bytes:
    """Return an attribute that holds attributes."""
    return attribute(kind | NLA_F_NESTED, value)


def attributes(payload: bytes) -> dict[int, bytes]:
    """Return attributes by kind."""
    found: dict[int, bytes] = {}
    while len(payload) >= 4:  # noqa: PLR2004 - an attribute's header
        size, kind = struct.unpack_from("=HH", payload)
        found[kind] = payload[4:size]
        payload = payload[size + (-size % 4) :]
    return found


def packed_address(address: str) -> bytes:
    """Return an IPv4 address as four bytes."""
    return IPv4Address(address).packed


def packed_mac(mac: str) -> bytes:
    """Return a MAC address as six bytes."""
    return bytes.fromhex(mac.replace(":", ""))
