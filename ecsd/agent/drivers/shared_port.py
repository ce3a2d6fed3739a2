"""One UDP port with a queue for each few of its askers: who floods it fills no other's queue.

Source: socket(7) SO_REUSEPORT, SO_ATTACH_REUSEPORT_CBPF; filter(4) of the kernel's classic BPF.
"""

import ctypes
import errno
import logging
import socket
import struct
from ipaddress import IPv4Address

log = logging.getLogger(__name__)
QUEUES = 32  # a power of two
SO_ATTACH_REUSEPORT_CBPF = 51
LOAD, TIMES, SHIFT, RETURN = 0x20, 0x24, 0x74, 0x16  # the accumulator, by constants
GOLDEN = 0x9E3779B1  # Knuth's multiplicative hash: tasks' addresses differ in any of their octets
SENDER = 0xFFF00000 + 12  # in IPv4's header, wherever that is
INSTRUCTION, PROGRAM = struct.Struct("HBBI"), struct.Struct("HP")


def open_queues(address: str, port: int, number: int = QUEUES) -> list[socket.socket]:
    """Open non-blocking datagram sockets at one place, steered by the sender's address.

    A kernel that cannot steer spreads by address and port, which a single socket cannot flood.
    """
    opened: list[socket.socket] = []
    try:
        for _ in range(number):
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            opened.append(one)
            one.setblocking(False)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind((address, port or (opened[0].getsockname()[1] if len(opened) > 1 else 0)))
        _steer(opened[0], number)
    except OSError:
        for one in opened:
            one.close()
        raise
    return opened


def queue_of(sender: str, number: int = QUEUES) -> int:
    """Return which queue holds what an address sends, where the kernel can steer."""
    return (int(IPv4Address(sender)) * GOLDEN & 0xFFFFFFFF) >> (33 - number.bit_length())


def _steer(one: socket.socket, number: int) -> None:
    lines = ((LOAD, SENDER), (TIMES, GOLDEN), (SHIFT, 33 - number.bit_length()), (RETURN, 0))
    code = ctypes.create_string_buffer(b"".join(INSTRUCTION.pack(a, 0, 0, k) for a, k in lines))
    program = PROGRAM.pack(len(lines), ctypes.addressof(code))
    try:
        one.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program)
    except OSError as error:
        if error.errno not in {errno.ENOPROTOOPT, errno.EPERM}:
            raise
        log.warning("names: queues are not by asker", extra={"cause": str(error)})
