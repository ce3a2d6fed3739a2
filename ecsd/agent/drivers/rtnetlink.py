"""Attaching a task: a veth pair by raw rtnetlink, without a process started.

Source: network.md 1 (attach); rtnetlink(7); include/uapi/linux/{rtnetlink,if_link,veth}.h.
"""

import errno
import os
import socket
import struct
from ipaddress import IPv4Address

from ecsd.errors import NetworkError

NLM_F_REQUEST, NLM_F_ACK, NLM_F_REPLACE, NLM_F_CREATE = 0x1, 0x4, 0x100, 0x400
RTM_NEWLINK, RTM_GETLINK, RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWNEIGH = 16, 18, 20, 24, 28
NLMSG_ERROR = 2
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINKINFO, IFLA_NET_NS_FD = 1, 3, 4, 18, 28
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS, IFA_F_NOPREFIXROUTE = 1, 2, 8, 0x200
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PREFSRC = 1, 4, 5, 7
NDA_DST, NDA_LLADDR, NUD_PERMANENT = 1, 2, 0x80
IFF_UP, RTNH_F_ONLINK, NLA_F_NESTED = 0x1, 0x4, 0x8000
RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RTN_UNICAST = 254, 4, 0, 253, 1
RECEIVE = 65536
HEADER = struct.Struct("=IHHII")
LINK = struct.Struct("=BxHiII")


class Netlink:
    """A netlink socket of the namespace in which it was made; requests wait for their answer."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.settimeout(5.0)
        self._number = 0

    def close(self) -> None:
        """Release the socket."""
        self._socket.close()

    def request(self, kind: int, flags: int, body: bytes, what: str) -> bytes:
        """Send a request; return its answer's payload. NetworkError with the kernel's words."""
        self._number += 1
        flags |= NLM_F_REQUEST | (0 if kind == RTM_GETLINK else NLM_F_ACK)
        size = HEADER.size + len(body)
        self._socket.send(HEADER.pack(size, kind, flags, self._number, 0) + body)
        while True:
            answer = self._socket.recv(RECEIVE)
            size, kind_back, _, number, _ = HEADER.unpack_from(answer)
            if number == self._number:
                break
        payload = answer[HEADER.size : size]
        if kind_back == NLMSG_ERROR:
            code = -struct.unpack_from("=i", payload)[0]
            if code:
                raise NetworkError(
                    f"{what}: {os.strerror(code)} ({errno.errorcode.get(code, code)})"
                )
        return payload

    def link(self, name: str) -> tuple[int, bytes] | None:
        """Return a link's index and MAC address, or None when there is none of that name."""
        body = LINK.pack(0, 0, 0, 0, 0) + attribute(IFLA_IFNAME, name.encode() + b"\0")
        try:
            payload = self.request(RTM_GETLINK, 0, body, f"look for {name}")
        except NetworkError:
            return None
        index = LINK.unpack_from(payload)[2]
        return index, attributes(payload[LINK.size :]).get(IFLA_ADDRESS, b"")

    def make_pair(self, name: str, mac: bytes, mtu: int, namespace: int) -> None:
        """Make a veth pair: ``name`` here and up, ``eth0`` with its MAC address over there."""
        peer = LINK.pack(0, 0, 0, 0, 0) + b"".join(
            (
                attribute(IFLA_IFNAME, b"eth0\0"),
                attribute(IFLA_ADDRESS, mac),
                attribute(IFLA_MTU, struct.pack("=I", mtu)),
                attribute(IFLA_NET_NS_FD, struct.pack("=I", namespace)),
            )
        )
        info = attribute(IFLA_INFO_KIND, b"veth\0") + nested(
            IFLA_INFO_DATA, attribute(VETH_INFO_PEER, peer)
        )
        body = LINK.pack(0, 0, 0, IFF_UP, IFF_UP) + b"".join(
            (
                attribute(IFLA_IFNAME, name.encode() + b"\0"),
                attribute(IFLA_MTU, struct.pack("=I", mtu)),
                nested(IFLA_LINKINFO, info),
            )
        )
        flags = NLM_F_CREATE
        self.request(RTM_NEWLINK, flags, body, f"make the interface {name}")

    def set_up(self, index: int) -> None:
        """Bring a link up."""
        self.request(RTM_NEWLINK, 0, LINK.pack(0, 0, index, IFF_UP, IFF_UP), "bring eth0 up")

    def add_address(self, index: int, address: str, prefix: int) -> None:
        """Give a link an address without a route to its network."""
        packed = packed_address(address)
        body = struct.pack(
            "=BBBBI", socket.AF_INET, prefix, 0, RT_SCOPE_UNIVERSE, index
        ) + b"".join(
            (
                attribute(IFA_LOCAL, packed),
                attribute(IFA_ADDRESS, packed),
                attribute(IFA_FLAGS, struct.pack("=I", IFA_F_NOPREFIXROUTE)),
            )
        )
        flags = NLM_F_CREATE | NLM_F_REPLACE
        self.request(RTM_NEWADDR, flags, body, f"give eth0 the address {address}")

    def add_neighbour(self, index: int, address: str, mac: bytes) -> None:
        """Tell who has an address, for ever: no ARP on our links."""
        body = struct.pack("=BxxxiHBB", socket.AF_INET, index, NUD_PERMANENT, 0, 0) + b"".join(
            (attribute(NDA_DST, packed_address(address)), attribute(NDA_LLADDR, mac))
        )
        flags = NLM_F_CREATE | NLM_F_REPLACE
        self.request(RTM_NEWNEIGH, flags, body, f"make {address} a neighbour")

    def add_host_route(self, index: int, address: str) -> None:
        """Route one address to a link."""
        self._route(RT_SCOPE_LINK, 0, 32, attribute(RTA_DST, packed_address(address)), index)

    def add_default_route(self, index: int, router: str, source: str) -> None:
        """Route everything else by the router, which is on the link though no route says so."""
        rest = attribute(RTA_GATEWAY, packed_address(router)) + attribute(
            RTA_PREFSRC, packed_address(source)
        )
        self._route(RT_SCOPE_UNIVERSE, RTNH_F_ONLINK, 0, rest, index)

    def _route(self, scope: int, flags: int, prefix: int, rest: bytes, index: int) -> None:
        head = struct.pack(
            "=BBBBBBBBI",
            socket.AF_INET,
            prefix,
            0,
            0,
            RT_TABLE_MAIN,
            RTPROT_STATIC,
            scope,
            RTN_UNICAST,
            flags,
        )
        body = head + rest + attribute(RTA_OIF, struct.pack("=I", index))
        self.request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, body, "add a route")


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
