"""How many open files the Engine may grant a container: its own hard limit, unless it may raise it.

The Engine's process is the one that listens on its socket; /proc tells its limits and rights.
Source: getrlimit(2), capabilities(7), unix(7) SO_PEERCRED.
"""

import resource
import socket
import struct
from pathlib import Path

CAP_SYS_RESOURCE = 24
UNLIMITED = 1 << 20  # more than anything asks for


def open_files(socket_path: str) -> int:
    """Return the limit; the agent's own where the Engine's cannot be read."""
    try:
        return _of_process(_listener(socket_path))
    except (OSError, ValueError):
        # A remote or hidden Engine: ours is the best guess, and a refusal would name the limit.
        return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def _listener(socket_path: str) -> int:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        connection.connect(socket_path)
        size = struct.calcsize("3i")
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return int(struct.unpack("3i", peer)[0])


def _of_process(process: int) -> int:
    folder = Path("/proc") / str(process)
    for line in (folder / "status").read_text().splitlines():
        if line.startswith("CapEff:") and int(line.split()[1], 16) >> CAP_SYS_RESOURCE & 1:
            return UNLIMITED
    for line in (folder / "limits").read_text().splitlines():
        if line.startswith("Max open files"):
            hard = line.split()[4]
            return UNLIMITED if hard == "unlimited" else int(hard)
    raise ValueError("no limit of open files in /proc")
