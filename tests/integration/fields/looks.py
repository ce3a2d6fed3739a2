"""Ways to look at a running container: its processes, mounts, cgroup; what the API says of it.

Each returns a function of ``stage.There``. Files of cgroup v1 and v2 are told apart here.
"""

import json
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
UNIFIED = (CGROUPS / "cgroup.controllers").exists()
SWAP_LIMITS = UNIFIED or (CGROUPS / "memory" / "memory.memsw.limit_in_bytes").exists()
LACKS = {
    member
    for member, there in (("maxSwap", SWAP_LIMITS), ("swappiness", SWAP_LIMITS and not UNIFIED))
    if not there
}


def inside(script, container="app"):
    """What a shell in the container says."""
    return lambda there: there.run("sh", "-c", script, container=container)


def proc(file, container="app"):
    """A file of the container's first process, as the host sees it."""
    return lambda there: Path(f"/proc/{there.pid(container)}/{file}").read_text()


def words_of_command(container="app"):
    return lambda there: proc("cmdline", container)(there).rstrip("\0").split("\0")


def variable(name, container="app"):
    """An environment variable of the first process."""

    def look(there):
        lines = proc("environ", container)(there).split("\0")
        return dict(line.split("=", 1) for line in lines if line).get(name)

    return look


def status(key, container="app"):
    """A line of the first process's status."""

    def look(there):
        lines = proc("status", container)(there).splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith(key))

    return look


def has_capability(number, container="app"):
    return lambda there: bool(int(status("CapEff", container)(there), 16) >> number & 1)


def limit(words, container="app"):
    """Soft and hard limit of the first process, such as of ``Max open files``."""

    def look(there):
        lines = proc("limits", container)(there).splitlines()
        return next(
            line.removeprefix(words).split()[:2] for line in lines if line.startswith(words)
        )

    return look


def namespace(kind, container="app"):
    return lambda there: Path(f"/proc/{there.pid(container)}/ns/{kind}").readlink().name


def shares_namespace(kind, one="app", other="side"):
    return lambda there: namespace(kind, one)(there) == namespace(kind, other)(there)


def standard_input(container="app"):
    return lambda there: str(Path(f"/proc/{there.pid(container)}/fd/0").readlink())


def mounted(path, container="app"):
    """Kind and options of what is mounted at a path, options of mount and file system together."""

    def look(there):
        for line in proc("mountinfo", container)(there).splitlines():
            before, after = line.split(" - ")
            if before.split()[4] == path:
                kind, _, options = after.split()[:3]
                return kind, {*before.split()[5].split(","), *options.split(",")}
        return None

    return look


def mount_option(option, path, container="app"):
    return lambda there: option in mounted(path, container)(there)[1]


def container_cgroup(controller, v1, v2, container="app"):
    """A file of the container's cgroup."""
    return lambda there: _cgroup_file(there, controller, v1, v2, there.runtime_id(container))


def memory_cgroup_or_reason(member, v1, v2):
    """A file of the container's cgroup; the container's reason where the kernel has no such."""
    if member in LACKS:
        return lambda there: (
            f"{member} is not available on this host" in there.task["stoppedReason"]
        )
    return container_cgroup("memory", v1, v2)


def task_cgroup(controller, v1, v2):
    """A file of the task's cgroup."""
    return lambda there: _cgroup_file(there, controller, v1, v2, "")


def _cgroup_file(there, controller, v1, v2, inner):
    top = CGROUPS if UNIFIED else CGROUPS / controller
    return (top / "ecsd" / there.task_id / inner / (v2 if UNIFIED else v1)).read_text().split()[0]


def cpu_weight(shares):
    """What shares are in this kernel's cgroups."""
    return str(1 + (shares - 2) * 9999 // 262_142) if UNIFIED else str(shares)


def engine(*keys, container="app"):
    """What the Engine itself says of a container."""

    def look(there):
        found = there.inspect(container)
        for key in keys:
            found = found[key]
        return found

    return look


def volume(key):
    """What the Engine says of the volume that is mounted at /shared."""

    def look(there):
        mounts = there.inspect("app")["Mounts"]
        name = next(one["Name"] for one in mounts if one["Destination"] == "/shared")
        return json.loads(there.docker("volume", "inspect", name))[0][key]

    return look


def definition(*keys):
    """What the API says of the definition."""
    return lambda there: _dig(there.definition, keys)


def task(*keys):
    """What the API says of the task."""
    return lambda there: _dig(there.task, keys)


def shown(key, container="app"):
    """What is said of one of the task's containers."""
    return lambda there: there.container(container)[key]


def _dig(found, keys):
    for key in keys:
        found = found[key]
    return found


def eventually(look, wanted):
    """Look again until it is as wanted, or 30 s are over; the last look counts."""
    return lambda there: there.eventually(lambda: look(there), wanted)
