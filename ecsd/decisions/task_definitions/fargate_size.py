"""Which CPU and memory a task may have on Fargate. Source: ecs_semantics 2.1 (probed table)."""

import re

GIB = 1024
SIZES: dict[int, range | tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: range(1 * GIB, 4 * GIB + 1, GIB),
    1024: range(2 * GIB, 8 * GIB + 1, GIB),
    2048: range(4 * GIB, 16 * GIB + 1, GIB),
    4096: range(8 * GIB, 30 * GIB + 1, GIB),
    8192: range(16 * GIB, 60 * GIB + 1, 4 * GIB),
    16384: range(32 * GIB, 120 * GIB + 1, 8 * GIB),
}
CPU = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>vCPU)?", re.IGNORECASE)
MEMORY = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>GB)?", re.IGNORECASE)


def is_fargate_size(cpu: int, memory: int) -> bool:
    """Tell whether Fargate has this combination (CPU units, MiB)."""
    return memory in SIZES.get(cpu, ())


def cpu_units(text: str) -> int | None:
    """Return CPU units of ``1024``, ``1 vCPU`` or ``.5vcpu``-like text; None if it is neither."""
    return _scaled(CPU.fullmatch(text.strip()), 1024)


def memory_mib(text: str) -> int | None:
    """Return MiB of ``1024``, ``1GB`` or ``0.5 GB``; None if it is neither."""
    return _scaled(MEMORY.fullmatch(text.strip()), 1024)


def _scaled(found: re.Match[str] | None, factor: int) -> int | None:
    if found is None:
        return None
    if found["unit"]:
        return round(float(found["number"]) * factor)
    return int(found["number"]) if found["number"].isdecimal() else None
