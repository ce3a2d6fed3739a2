"""The plans of a host, on disk before they are in force: what an agent that starts goes on with.

A log: one snapshot, then each change as it came. An agent that is killed at any instant leaves at
least what it brought into force; a change cut off in the middle was not in force yet. A machine
that fails as a whole may lose the end: its containers are gone as well, and the server says all
again.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from ecsd.link.messages import Assign, Down, Snapshot, Withdraw
from ecsd.records.plan import Plan

log = logging.getLogger(__name__)

LENGTH_BYTES = 4
LEAST_TO_REWRITE = 256 * 1024  # bytes of changes
Plans = dict[str, Plan]

_decode = msgspec.msgpack.Decoder(Down).decode
_encode = msgspec.msgpack.encode


class PlanLog:
    """One file. A disk that refuses is warned of, and costs only what a next agent would know."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._out: BinaryIO | None = None  # None: nothing written by this process, or not whole
        self._base = 0  # bytes of the snapshot that it begins with
        self._size = 0

    def read(self) -> Plans:
        """Return the plans that the last process was told of; none when it left nothing."""
        try:
            content = self._file.read_bytes()
        except FileNotFoundError:
            return {}
        plans: Plans = {}
        try:
            for frame in _frames(content):
                plans = applied(plans, _decode(frame))
        except msgspec.DecodeError as error:
            log.warning("the log of plans is unreadable", extra={"cause": str(error)})
            return {}
        return plans

    def write(self, message: Down, plans: Plans) -> None:
        """Write a change down; ``plans`` is what it makes."""
        try:
            spent = self._size - self._base > max(LEAST_TO_REWRITE, self._base)
            if self._out is None or spent or isinstance(message, Snapshot):
                self._rewrite(plans)
            else:
                self._append(self._out, message)
        except OSError as error:
            self.close()
            log.warning("plans cannot be logged", extra={"cause": str(error)})

    def close(self) -> None:
        """Let go of the file; the next change writes it whole."""
        if self._out is not None:
            self._out.close()
            self._out = None

    def _rewrite(self, plans: Plans) -> None:
        """Write whole, then in place, so that a crash leaves the old or the new."""
        self.close()
        draft = self._file.with_suffix(".new")
        draft.touch(mode=0o600)  # plans hold environments and tokens
        draft.chmod(0o600)
        self._base = self._size = draft.write_bytes(_frame(Snapshot(plans=plans)))
        draft.replace(self._file)
        self._out = self._file.open("ab", buffering=0)

    def _append(self, out: BinaryIO, message: Down) -> None:
        frame = _frame(message)
        written = out.write(frame)
        self._size += written
        if written < len(frame):  # a full disk takes a part
            raise OSError(f"only {written} of {len(frame)} bytes were written to {self._file}")


def applied(plans: Plans, message: Down) -> Plans:
    """Return the plans after a message; the mapping may be changed in place."""
    match message:
        case Snapshot():
            return dict(message.plans)
        case Assign(key=key, plan=plan):
            plans[key] = plan
        case Withdraw(key=key):
            plans.pop(key, None)
    return plans


def _frame(message: Down) -> bytes:
    body = _encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def _frames(content: bytes) -> Iterator[bytes]:
    """Yield whole frames; what was cut off at the end is left."""
    at = 0
    while at + LENGTH_BYTES <= len(content):
        length = int.from_bytes(content[at : at + LENGTH_BYTES], "big")
        at += LENGTH_BYTES
        if at + length > len(content):
            return
        yield content[at : at + length]
        at += length
