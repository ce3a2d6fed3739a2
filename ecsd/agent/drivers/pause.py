"""The pause program: one process that holds a task's namespaces and reaps its orphans.

Machine code of ``pause.c`` (x86-64) and ``pause_aarch64.s`` beside this file, put into the smallest
ELF executable by ``program``: no libc, no download, 8 kB of memory.
Source: shared reference dataplane 1; System V ABI, ELF-64 object file format.
"""

import io
import struct
import tarfile

from ecsd.errors import EngineError

IMAGE = "ecsd/pause:1"
CHANGES = ('ENTRYPOINT ["/pause"]', "LABEL dev.ecsd.role=pause-image")
BASE = 0x400000  # where the file is mapped
HEADER = 64
SEGMENT = 56
LOAD, READ_EXECUTE = 1, 5

# Engine architecture → (ELF machine number, code)
CODE: dict[str, tuple[int, str]] = {
    "amd64": (
        62,
        "415531d241ba08000000b80e00000041544889d7555348c74424f8024001004c8d4424f84c89c60f"
        "0541b98000000031f6bb3d0000004883cdff41bde700000041bc0100000041ba080000004c89c84c"
        "89c74889f20f054883f80274064883f80f75104531d24c89e84889f74889f20f05ebd34883f81175"
        "cd4531d24889d84889ef4c89e20f054885c07fedebb8",
    ),
    "arm64": (
        183,
        "ff4300d1490088d22900a0f2e90300f9000080d2e1030091020080d2030180d2e81080d2010000d4"
        "e0030091010080d2020080d2030180d2281180d2010000d41f0800f1c00100541f3c00f180010054"
        "1f4400f1a1feff5400008092010080d2220080d2030080d2882080d2010000d41f0000f12cffff54"
        "ecffff17000080d2c80b80d2010000d4",
    ),
}


def program(architecture: str) -> bytes:
    """Return the executable for an Engine's architecture (``amd64``, ``arm64``).

    Raises:
        EngineError: there is none for that architecture.
    """
    if architecture not in CODE:
        raise EngineError(f"no pause program for architecture {architecture}")
    machine, digits = CODE[architecture]
    code = bytes.fromhex(digits)
    start = HEADER + SEGMENT
    size = start + len(code)
    identity = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)  # 64 bit, little endian, version 1
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        *(identity, 2, machine, 1, BASE + start, HEADER, 0, 0, HEADER, SEGMENT, 1, 0, 0, 0),
    )
    segment = struct.pack("<IIQQQQQQ", LOAD, READ_EXECUTE, 0, BASE, BASE, size, size, 0x1000)
    return header + segment + code


def layer(architecture: str) -> bytes:
    """Return a tar archive with the program as ``/pause``: the image's only layer."""
    content = program(architecture)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("pause")
        member.size, member.mode = len(content), 0o755
        tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()
