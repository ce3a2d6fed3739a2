"""Who answers to a name of Service Connect while a deployment shifts traffic.

Endpoints are weighed by the deployment that their task belongs to. A deployment without endpoints
gets nothing: its share goes to those that have some.
Source: ecs_semantics 4.9; Amazon ECS Developer Guide, Service Connect resources for blue/green
deployments; HAProxy 2.6 Configuration Manual, 5.2 (weight).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256

from msgspec import msgpack

from ecsd.records.ecs.service_connect import ConnectShares

WHOLE = 100.0  # percent
HEAVIEST = 256  # what HAProxy takes


def sharing(blue: str | None, green: str, *, green_percent: float, tested: bool) -> ConnectShares:
    """Return the shares of two deployments; where nothing served before, green has everything."""
    if blue is None:
        percents = {green: WHOLE}
    else:
        percents = {blue: WHOLE - green_percent, green: green_percent}
    return ConnectShares(percents=percents, tested=green if tested else None)


def given_back(blue: str) -> ConnectShares:
    """Return the shares after a rollback: everything is blue's, and there is no test."""
    return ConnectShares(percents={blue: WHOLE})


def among(shares: ConnectShares, present: Sequence[str]) -> dict[str, float]:
    """Return deployment → percent of production traffic, together 100, of those with endpoints.

    present: the deployment of each endpoint. First come those that have a share, then those that
    are to have one, then whoever is there.
    """
    there = Counter(present)
    serving = {name: part for name, part in shares.percents.items() if part > 0 and name in there}
    if not serving:
        known = [name for name in there if name in shares.percents] or list(there)
        serving = {name: float(there[name]) for name in known}
    total = sum(serving.values())
    return {name: WHOLE * part / total for name, part in serving.items()}


def weights(shares: ConnectShares | None, deployments: Sequence[str]) -> list[int]:
    """Return the weight of each endpoint, 0 to 256, by the deployment that it belongs to.

    One that has a share at all gets at least 1: what is finer than a 256th of the heaviest
    endpoint's part is rounded up to that.
    """
    if shares is None:
        return [1] * len(deployments)
    counts = Counter(deployments)
    percents = among(shares, deployments)
    each = {name: percent / counts[name] for name, percent in percents.items()}
    largest = max(each.values(), default=1.0)
    scaled = {name: max(1, round(HEAVIEST * part / largest)) for name, part in each.items()}
    return [scaled.get(name, 0) for name in deployments]


def digest(shares: Mapping[str, ConnectShares]) -> str:
    """Return the digest of the shares (by discovery ARN) that a proxy keeps to; empty for none."""
    if not shares:
        return ""
    return sha256(msgpack.encode(dict(shares), order="deterministic")).hexdigest()
