"""What the kernel says of this host's clock. Source: adjtimex(2), ntp_adjtime(3)."""

import ctypes
from typing import NamedTuple

UNSYNCHRONIZED = 0x0040  # STA_UNSYNC
ERROR = 5  # TIME_ERROR: the clock is not synchronized
MICROSECONDS = 1000  # in a millisecond
PADDING = 256  # bytes behind what is read: the kernel's structure is longer
_libc = ctypes.CDLL(None, use_errno=True)


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * PADDING),
    )


class Discipline(NamedTuple):
    """Whether somebody keeps the clock right, and by how much it is wrong at most, in ms."""

    synchronized: bool
    bound: float


def discipline() -> Discipline | None:
    """Return how the clock is kept; None where the kernel does not say."""
    asked = _Timex()  # modes 0: nothing is changed
    state = _libc.adjtimex(ctypes.byref(asked))
    if state < 0:
        return None
    synchronized = state != ERROR and not asked.status & UNSYNCHRONIZED
    return Discipline(synchronized, asked.maxerror / MICROSECONDS)
