"""What makes linuxParameters and systemControls of a container wrong.

Source: API Reference, LinuxParameters, KernelCapabilities, Tmpfs, SystemControl; ecs_semantics 2.4.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

CAPABILITIES = frozenset(
    {
        *("ALL", "AUDIT_CONTROL", "AUDIT_WRITE", "BLOCK_SUSPEND", "CHOWN", "DAC_OVERRIDE"),
        *("DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE"),
        *("LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN"),
        *("NET_BIND_SERVICE", "NET_BROADCAST", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP"),
        *("SETUID", "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE"),
        *("SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME"),
        *("SYS_TTY_CONFIG", "SYSLOG", "WAKE_ALARM"),
    }
)
MOUNT_OPTIONS = frozenset(
    {
        *("defaults", "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync"),
        *("async", "dirsync", "remount", "mand", "nomand", "atime", "noatime", "diratime"),
        *("nodiratime", "bind", "rbind", "unbindable", "runbindable", "private", "rprivate"),
        *("shared", "rshared", "slave", "rslave", "relatime", "norelatime", "strictatime"),
        *("nostrictatime", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"),
    }
)
MOST_SWAPPINESS = 100
SYSCTL = re.compile(r"[a-z0-9_.\-/]+", re.IGNORECASE)
IPC_SYSCTLS = frozenset(
    {
        *("kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall"),
        *("kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"),
    }
)


def check_linux(container: Mapping[str, Any], task: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a container's linuxParameters and systemControls."""
    linux = container.get("linuxParameters") or {}
    capabilities = linux.get("capabilities") or {}
    for side in ("add", "drop"):
        for one in capabilities.get(side) or ():
            if one not in CAPABILITIES:
                yield f"linuxParameters.capabilities.{side}: unknown capability {one!r}."
    yield from _memory(linux, container, task)
    for one in linux.get("tmpfs") or ():
        yield from _tmpfs(one)
    for one in linux.get("devices") or ():
        if not one["hostPath"].startswith("/"):
            yield f"linuxParameters.devices: hostPath must be absolute, got {one['hostPath']!r}."
    yield from _controls(container, task)


def _memory(
    linux: Mapping[str, Any], container: Mapping[str, Any], task: Mapping[str, Any]
) -> Iterator[str]:
    swap, swappiness = linux.get("maxSwap"), linux.get("swappiness")
    if swap is not None and swap < 0:
        yield "linuxParameters.maxSwap must not be negative."
    if swap is not None and not container.get("memory"):
        yield "linuxParameters.maxSwap needs 'memory' of the same container."
    if swappiness is not None and swap is None:
        yield "linuxParameters.swappiness needs maxSwap."
    if swappiness is not None and not 0 <= swappiness <= MOST_SWAPPINESS:
        yield f"linuxParameters.swappiness must be between 0 and 100, got {swappiness}."
    shared = linux.get("sharedMemorySize")
    if shared is not None and shared <= 0:
        yield "linuxParameters.sharedMemorySize must be positive."
    if shared is not None and task.get("ipcMode") in {"host", "none"}:
        yield (
            "linuxParameters.sharedMemorySize has no effect with ipcMode "
            f"'{task['ipcMode']}', which gives the container no memory of its own to share."
        )


def _tmpfs(tmpfs: Mapping[str, Any]) -> Iterator[str]:
    path, size = tmpfs["containerPath"], tmpfs["size"]
    if not path.startswith("/"):
        yield f"linuxParameters.tmpfs: containerPath must be absolute, got {path!r}."
    if size <= 0:
        yield f"linuxParameters.tmpfs: size must be positive, got {size}."
    for option in tmpfs.get("mountOptions") or ():
        if option.partition("=")[0] not in MOUNT_OPTIONS:
            yield f"linuxParameters.tmpfs: unknown mount option {option!r}."


def _controls(container: Mapping[str, Any], task: Mapping[str, Any]) -> Iterator[str]:
    for one in container.get("systemControls") or ():
        name = one.get("namespace") or ""
        if not SYSCTL.fullmatch(name) or not one.get("value"):
            yield "systemControls: a control needs namespace and value."
        elif name.startswith("net."):
            if task.get("networkMode") == "host":
                yield f"systemControls: {name} is not supported when networkMode=host."
        elif name in IPC_SYSCTLS or name.startswith("fs.mqueue."):
            if task.get("ipcMode") == "host":
                yield f"systemControls: {name} is not supported when ipcMode=host."
        else:
            yield f"systemControls: {name} is no namespaced parameter of IPC or network."
