"""Faults of a task's network, as its containers ask for them: read, and said to nft and tc.

Source: Amazon ECS Developer Guide, fault injection endpoints; Amazon ECS container agent (its
answers); nft(8), tc-netem(8), tc-u32(8).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

from ecsd.decisions.containers.task_endpoint import ADDRESS, PORT
from ecsd.decisions.request_rate import Rate

BLACKHOLE, LATENCY, LOSS = "network-blackhole-port", "network-latency", "network-packet-loss"
KINDS = (BLACKHOLE, LATENCY, LOSS)
START, STOP, STATUS = "start", "stop", "status"
OPERATIONS = (START, STOP, STATUS)
RATE = Rate(0.2, 1)  # of each container, for each of the paths
INGRESS, EGRESS = "ingress", "egress"
TABLE = "inet ecsd_faults"
DEVICE = "eth0"
MOST_PORT, MOST_LOSS = 65_535, 100
RUNNING_ALREADY = {
    LATENCY: "There is already one network latency fault running",
    LOSS: "There is already one network packet loss fault running",
}
PRIORITY_MAP = ("2",) * 16  # whatever no filter names goes to the band that has no fault
MARKS = {LATENCY: "delay", LOSS: "loss-random"}  # what tc shows of each


class Blackhole(NamedTuple):
    """Packets to a port that vanish, apart from some peers'."""

    traffic: str
    protocol: str
    port: int
    spared: tuple[str, ...] = ()

    @property
    def chain(self) -> str:
        """Return the name that it is known by."""
        return f"{self.traffic}-{self.protocol}-{self.port}"


class Disturbance(NamedTuple):
    """Packets to some peers that are late, or lost. netem: what tc is told of it."""

    kind: str
    netem: tuple[str, ...]
    peers: tuple[str, ...]
    spared: tuple[str, ...] = ()


Fault = Blackhole | Disturbance


class FaultError(Exception):
    """A request that is not answered as it asks. status: HTTP's."""

    def __init__(self, status: HTTPStatus, words: str) -> None:
        super().__init__(words)
        self.status = status


def read(kind: str, operation: str, body: bytes) -> Fault | None:
    """Return what a request is about; latency and loss are said of at their start alone.

    Raises:
        FaultError: what is missing or wrong.
    """
    if kind != BLACKHOLE and operation != START:
        return None
    given = _members(body)
    return _READERS[kind](given)


def _members(body: bytes) -> Mapping[str, Any]:
    if not body.strip():
        raise _wrong("required request body is missing")
    try:
        given = json.loads(body)
    except ValueError as error:
        raise _wrong(f"the request body is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise _wrong("the request body is not a JSON object")
    return given


def _blackhole(given: Mapping[str, Any]) -> Fault:
    port = _number(given, "Port", 0, MOST_PORT)
    protocol = _choice(given, "Protocol", ("tcp", "udp"))
    traffic = _choice(given, "TrafficType", (INGRESS, EGRESS))
    spared = _peers(given, "SourcesToFilter")
    if (traffic, port) == (EGRESS, PORT) and ADDRESS not in spared:
        spared = (*spared, ADDRESS)  # or nobody could stop it any more
    return Blackhole(traffic, protocol, port, spared)


def _latency(given: Mapping[str, Any]) -> Fault:
    delay = _number(given, "DelayMilliseconds")
    jitter = _number(given, "JitterMilliseconds")
    peers = _required_peers(given)
    netem = ("delay", f"{delay}ms", f"{jitter}ms")
    return Disturbance(LATENCY, netem, peers, _peers(given, "SourcesToFilter"))


def _loss(given: Mapping[str, Any]) -> Fault:
    percent = _number(given, "LossPercent", 1, MOST_LOSS)
    peers = _required_peers(given)
    return Disturbance(LOSS, ("loss", f"{percent}%"), peers, _peers(given, "SourcesToFilter"))


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Fault]] = {
    BLACKHOLE: _blackhole,
    LATENCY: _latency,
    LOSS: _loss,
}


def _number(given: Mapping[str, Any], member: str, low: int = 0, high: int = 2**63) -> int:
    value = given.get(member)
    if value is None:
        raise _missing(member)
    if type(value) is not int or not low <= value <= high:
        raise _invalid(member, value)
    return value


def _choice(given: Mapping[str, Any], member: str, choices: Sequence[str]) -> str:
    value = given.get(member)
    if value in (None, ""):
        raise _missing(member)
    if value not in choices:
        raise _invalid(member, value)
    return str(value)


def _required_peers(given: Mapping[str, Any]) -> tuple[str, ...]:
    if not given.get("Sources"):
        raise _missing("Sources")
    return _peers(given, "Sources")


def _peers(given: Mapping[str, Any], member: str) -> tuple[str, ...]:
    """Return addresses and networks, as the kernel's tools read them."""
    values = given.get(member) or []
    if not isinstance(values, list):
        raise _invalid(member, values)
    return tuple(_peer(member, one) for one in values)


def _peer(member: str, value: object) -> str:
    try:
        if not isinstance(value, str) or "%" in value:  # a zone may be any text, nft's too
            raise _invalid(member, value)
        if "/" in value:
            return str(ip_network(value, strict=False))
        return str(ip_address(value))
    except ValueError as error:
        raise _invalid(member, value) from error


def _missing(member: str) -> FaultError:
    return _wrong(f"required parameter {member} is missing")


def _invalid(member: str, value: object) -> FaultError:
    return _wrong(f"invalid value {value} for parameter {member}")


def _wrong(words: str) -> FaultError:
    return FaultError(HTTPStatus.BAD_REQUEST, words)


# ---------------------------------------------------------------------- nft


def blackhole_rules(fault: Blackhole) -> str:
    """Return the commands that begin it; it does not run yet."""
    hook = "input" if fault.traffic == INGRESS else "output"
    peer = "saddr" if fault.traffic == INGRESS else "daddr"
    where = f"{TABLE} {fault.chain}"
    told = f"{fault.protocol} dport {fault.port}"
    lines = [
        f"add table {TABLE}",
        f"add chain {where} {{ type filter hook {hook} priority -10; policy accept; }}",
        *(f"add rule {where} {_family(one)} {peer} {one} {told} accept" for one in fault.spared),
        f"add rule {where} {told} drop",
    ]
    return "\n".join(lines) + "\n"


def end_rules(fault: Blackhole) -> str:
    """Return the commands that end it; it runs."""
    return f"delete chain {TABLE} {fault.chain}\n"


def runs(listed: str, fault: Blackhole) -> bool:
    """Tell whether it runs. listed: the table, as ``nft -j`` tells it."""
    chains = (one.get("chain") or {} for one in json.loads(listed)["nftables"])
    return any(one.get("name") == fault.chain for one in chains)


def _family(peer: str) -> str:
    return "ip6" if ":" in peer else "ip"


# ---------------------------------------------------------------------- tc


def disturbing(fault: Disturbance) -> Iterator[tuple[str, ...]]:
    """Yield tc's arguments that begin a disturbance, in order."""
    yield (
        *("qdisc", "add", "dev", DEVICE, "root", "handle", "1:"),
        *("prio", "priomap", *PRIORITY_MAP),
    )
    under = ("parent", "1:1", "handle", "10:")
    yield ("qdisc", "add", "dev", DEVICE, *under, "netem", *fault.netem)
    for priority, band, peers in (("1", "1:3", fault.spared), ("2", "1:1", fault.peers)):
        for one in peers:
            match = ("u32", "match", _family(one), "dst", one, "flowid", band)
            yield (
                *("filter", "add", "dev", DEVICE, "protocol", "all"),
                *("parent", "1:0", "prio", priority, *match),
            )


CALMING = ("qdisc", "del", "dev", DEVICE, "root", "handle", "1:", "prio")
SHOWING = ("-j", "qdisc", "show", "dev", DEVICE)


def disturbed(shown: str) -> str | None:
    """Return which kind of disturbance there is. shown: what tc answers to SHOWING."""
    for one in json.loads(shown or "[]"):
        if one.get("kind") == "netem":
            options = one.get("options") or {}
            for kind, mark in MARKS.items():
                if options.get(mark) is not None:
                    return kind
    return None
