"""What an agent knows of balancers, kept on disk for the next one to go on with."""

import logging
from collections.abc import Iterable
from pathlib import Path

import msgspec

from ecsd.agent.traffic.health_checks import Place
from ecsd.certificates.private_files import write_private
from ecsd.decisions.balancers.target_health import Health
from ecsd.records.plan import BalancerPlan

log = logging.getLogger(__name__)
FILE = "kept.msgpack"


class Kept(msgspec.Struct, frozen=True):
    """Plans as they were applied, and the healths of their targets."""

    plans: list[BalancerPlan]
    healths: list[tuple[Place, Health]]


def read_notes(folder: Path) -> Kept:
    """Return what an earlier agent left in a folder; nothing where it left nothing readable."""
    try:
        return msgspec.msgpack.decode((folder / FILE).read_bytes(), type=Kept)
    except FileNotFoundError:
        return Kept([], [])
    except msgspec.DecodeError as error:
        log.warning("a balancer's notes are unreadable", extra={"cause": str(error)})
        return Kept([], [])


def write_notes(
    folder: Path, plans: Iterable[BalancerPlan], healths: list[tuple[Place, Health]]
) -> None:
    """Write down what the next agent needs; a disk that refuses costs only that."""
    notes = msgspec.msgpack.encode(Kept([*plans], healths))
    try:
        write_private(folder / FILE, notes, lasting=False)  # private keys are in it
    except OSError as error:
        log.warning("a balancer's notes cannot be kept", extra={"cause": str(error)})
