"""A container's memory and linuxParameters in the Engine's words.

Source: Amazon ECS API Reference, LinuxParameters; Docker Engine API 1.41, HostConfig.
"""

from typing import Any

from ecsd.records.plan import TaskPlan

MIB = 1024 * 1024


def memory(plan: TaskPlan, container: dict[str, Any]) -> dict[str, Any]:
    """Return hard and soft limits; swap only as maxSwap says, and on Fargate none."""
    hard, soft = container.get("memory"), container.get("memoryReservation")
    linux = container.get("linuxParameters") or {}
    config: dict[str, Any] = {}
    if hard:
        config["Memory"] = hard * MIB
        swap = linux.get("maxSwap", 0 if plan.launch_type == "FARGATE" else None)
        if swap is not None:
            config["MemorySwap"] = (hard + swap) * MIB
            if swap and linux.get("swappiness") is not None:
                config["MemorySwappiness"] = linux["swappiness"]
    if soft:
        config["MemoryReservation"] = soft * MIB
    return config


def shared_memory(plan: TaskPlan) -> dict[str, Any]:
    """Return the size of what all containers of a task share, as large as the largest wanted."""
    sizes = [(one.get("linuxParameters") or {}).get("sharedMemorySize") for one in plan.containers]
    largest = max((size for size in sizes if size), default=None)
    return {} if largest is None else {"ShmSize": largest * MIB}


def linux_parameters(container: dict[str, Any]) -> dict[str, Any]:
    """Return capabilities, devices, init, tmpfs and the size of /dev/shm."""
    linux = container.get("linuxParameters") or {}
    capabilities = linux.get("capabilities") or {}
    config: dict[str, Any] = {
        "Init": bool(linux.get("initProcessEnabled")),
        "CapAdd": list(capabilities.get("add") or ()),
        "CapDrop": list(capabilities.get("drop") or ()),
        "Devices": [_device(device) for device in linux.get("devices") or ()],
        "Tmpfs": {one["containerPath"]: _tmpfs(one) for one in linux.get("tmpfs") or ()},
    }
    if linux.get("sharedMemorySize"):
        config["ShmSize"] = linux["sharedMemorySize"] * MIB
    return config


def _device(device: dict[str, Any]) -> dict[str, str]:
    letters = {"read": "r", "write": "w", "mknod": "m"}
    permissions = device.get("permissions") or tuple(letters)
    return {
        "PathOnHost": device["hostPath"],
        "PathInContainer": device.get("containerPath") or device["hostPath"],
        "CgroupPermissions": "".join(letters[one] for one in letters if one in permissions),
    }


def _tmpfs(tmpfs: dict[str, Any]) -> str:
    return ",".join([f"size={tmpfs['size']}m", *(tmpfs.get("mountOptions") or ())])
