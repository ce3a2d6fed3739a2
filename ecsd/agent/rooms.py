"""The doors between the agent's parts: what each offers to ``agent/reconcile.py`` and to others."""

import socket
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from ecsd.agent.task_roles import TaskRoles
from ecsd.decisions.balancers.nlb_plan import Ending
from ecsd.decisions.network.ruleset import Table
from ecsd.link.messages import Up
from ecsd.records.plan import (
    BalancerPlan,
    EndpointCheckPlan,
    HookPlan,
    ProxyPlan,
    RegistryPlan,
    RolesPlan,
    SessionPlan,
    TaskPlan,
    ZonePlan,
)
from ecsd.records.plan_files import FileSystemPlan, ImagePlan
from ecsd.records.plan_network import EndpointPlan, VpcPlan

Report = Callable[[Up], None]  # queues an observation for the server; never blocks, never fails


class Networks(Protocol):
    """VPCs of this host. Errors: NetworkError, with the kernel's words."""

    async def apply(self, plan: VpcPlan) -> None:
        """Make a VPC so; twice is the same as once."""
        ...

    async def remove(self, vpc_id: str) -> None:
        """Take a VPC away; one that is not there is gone already."""
        ...

    async def keep_entrances(self, entrances: Iterable[str]) -> None:
        """Let the host's entrances to network load balancers be these at most."""
        ...

    async def attach(self, plan: TaskPlan, sandbox: str) -> None:
        """Give the task's namespace (a path) its interface; one that has it is left alone.

        The VPC has to be applied, with the interface in it, before: filter first, then link.
        """
        ...

    async def enforce(self, sandbox: str, table: Table) -> None:
        """Bring a table into force in a task's namespace (a path)."""
        ...

    def spare_socket(self, vpc_id: str) -> socket.socket | None:
        """Return such a socket as ``open_socket`` does if one is at hand, else None.

        Raises:
            NetworkError: the VPC is gone.
        """
        ...

    async def open_socket(self, vpc_id: str) -> socket.socket:
        """Return a non-blocking IPv4 stream socket that lives in the VPC; bounded in time.

        Raises:
            NetworkError: there is none.
        """
        ...

    async def translate(self, vpc_id: str, addresses: frozenset[str], table: Table) -> None:
        """Bring a table about flows to these addresses into force, after the VPC's own.

        Groups that judge such flows come first: waits for the VPC's plan with the addresses.
        """
        ...

    async def end_flows(self, vpc_id: str, endings: Sequence[Ending]) -> None:
        """End translated flows: the next packet of each is refused or finds another target."""
        ...

    def namespace_path(self, vpc_id: str) -> str:
        """Return the path of the VPC's namespace, under /run/netns."""
        ...

    async def present(self) -> set[str]:
        """Return the ids of all VPCs that exist on this host (adopted by name)."""
        ...


class Names(Protocol):
    """Namespaces that this host's VPCs ask. In force at once: nothing is waited for."""

    def apply(self, plan: ZonePlan) -> None:
        """Answer so from now on."""
        ...

    def remove(self, zone_id: str) -> None:
        """Know a zone no more."""
        ...


class Balancers(Protocol):
    """Load balancers of this host. Errors: BalancerError."""

    async def apply(self, plan: BalancerPlan) -> None:
        """Make a load balancer so; twice is the same as once."""
        ...

    async def remove(self, load_balancer_arn: str) -> None:
        """Take a load balancer away."""
        ...

    async def present(self) -> set[str]:
        """Return the ARNs of all balancers that exist on this host."""
        ...

    def observe_all(self) -> None:
        """Report every target again (after a reconnection)."""
        ...


class Place(NamedTuple):
    """Where a task's processes live.

    sandbox: the path of its network namespace. seat: files by which a process joins its cgroups.
    """

    sandbox: str
    seat: tuple[str, ...] = ()


class EndpointChecks(Protocol):
    """Endpoints that health checks of Route 53 ask from this host. Findings are observations."""

    async def apply(self, plan: EndpointCheckPlan) -> None:
        """Ask so from now on."""
        ...

    async def remove(self, health_check_id: str) -> None:
        """Ask no more."""
        ...

    def observe_all(self) -> None:
        """Report every finding again (after a reconnection)."""
        ...


class Proxies(Protocol):
    """The proxies of this host's tasks, which report what keeps them from their plans.

    Errors: BalancerError, NetworkError.
    """

    async def apply(self, plan: ProxyPlan) -> None:
        """Let a proxy lead so, now or as soon as its task has a namespace."""
        ...

    async def remove(self, task_arn: str) -> None:
        """Know a plan no more; what still runs for it ends."""
        ...

    async def present(self) -> set[str]:
        """Return the ARNs of the tasks that have left a proxy on this host."""
        ...

    async def provide(self, task_arn: str, place: Place) -> None:
        """Have a task's proxy listen in its namespace; waits for its plan.

        LogStreamError: what it says would go nowhere.
        """
        ...

    def adopt(self, task_arn: str, place: Place) -> None:
        """Take over the proxy of a task that runs; returns at once."""
        ...

    async def end(self, task_arn: str) -> None:
        """End a task's proxy; one that is not there has ended."""
        ...


class Roles(Protocol):
    """The credentials of this host's tasks' roles. In force at once."""

    async def apply(self, plan: RolesPlan) -> None:
        """Hand these credentials out from now on."""
        ...

    async def remove(self, task_arn: str) -> None:
        """Hand nothing out any more."""
        ...


class Volumes(Protocol):
    """Tasks' volumes of EFS. Errors: FileSystemError, with the words of a task's reason."""

    @property
    def root(self) -> str:
        """Where they are mounted: ``<root>/<task id>/<volume>``."""
        ...

    async def provide(self, plan: TaskPlan) -> None:
        """Mount a task's volumes; those that are mounted already stay."""
        ...

    async def release(self, task_arn: str) -> None:
        """Unmount all that a task has; nothing when it has nothing."""
        ...

    def present(self) -> set[str]:
        """Return the ARNs of all tasks that have something mounted on this host."""
        ...


class FileSystems(Protocol):
    """File systems of EFS. Errors: FileSystemError."""

    async def apply(self, plan: FileSystemPlan) -> None:
        """Have a file system's folder, or have its files gone."""
        ...

    async def remove(self, file_system_id: str) -> None:
        """Know a file system no more; its files stay where they are."""
        ...

    def observe_all(self) -> None:
        """Report every file system again (after a reconnection)."""
        ...


class Disks(Protocol):
    """Disks of EBS, as images and as tasks' volumes. Errors: FileSystemError."""

    @property
    def root(self) -> str:
        """Where tasks' volumes are mounted: ``<root>/<task id>/<volume>``."""
        ...

    async def provide(self, plan: TaskPlan) -> None:
        """Make and mount a task's volumes; what is there already stays."""
        ...

    async def release(self, task_arn: str) -> None:
        """Unmount all that a task has; its data stays."""
        ...

    def present(self) -> set[str]:
        """Return the ARNs of all tasks that have something mounted on this host."""
        ...

    def devices(self, task_id: str) -> dict[str, str]:
        """Return the block devices of a task's volumes, by volume."""
        ...

    async def apply(self, plan: ImagePlan) -> None:
        """Make an image, or erase it, and say how that went."""
        ...

    async def remove(self, image_id: str) -> None:
        """Have nothing more to do about an image; it stays."""
        ...

    def observe_all(self) -> None:
        """Report every outcome again (after a reconnection)."""
        ...


class Ground(NamedTuple):
    """What tasks stand on: all that their namespaces are given, and who they are."""

    networks: Networks
    proxies: Proxies
    roles: TaskRoles
    volumes: Volumes
    disks: Disks


class Tasks(Protocol):
    """Tasks of this host. What happens to them goes out as observations, not as errors."""

    async def apply(self, plan: TaskPlan) -> None:
        """Accept what a task is to be; returns at once, the work goes on beside."""
        ...

    async def remove(self, task_arn: str) -> None:
        """Take a task and all it left behind off this host."""
        ...

    async def present(self) -> set[str]:
        """Return the ARNs of all tasks that have containers on this host (adopted by label)."""
        ...

    def observe_all(self) -> None:
        """Report every task again (after a reconnection)."""
        ...


class Hooks(Protocol):
    """Lifecycle hooks that this host asks. Answers go out as observations."""

    async def apply(self, plan: HookPlan) -> None:
        """Ask a function, once for each call; returns at once."""
        ...

    async def remove(self, name: str) -> None:
        """Forget a hook, and stop waiting for its answer. name: as in the plan's key."""
        ...

    def observe_all(self) -> None:
        """Report every answer again (after a reconnection)."""
        ...


class Sessions(Protocol):
    """Sessions inside containers of this host (ECS Exec)."""

    async def apply(self, plan: SessionPlan) -> None:
        """Let a session be opened."""
        ...

    async def remove(self, session_id: str) -> None:
        """Let it be opened no more; one that is open goes on."""
        ...

    def observe_all(self) -> None:
        """Report what is wrong again (after a reconnection)."""
        ...


class Registries(Protocol):
    """ECR's registry, on the host that has it. It tells itself what keeps it from running."""

    async def apply(self, plan: RegistryPlan) -> None:
        """Have the registry so; returns at once, the work goes on beside."""
        ...

    async def remove(self, name: str) -> None:
        """Have it gone; what it holds stays."""
        ...

    async def present(self) -> set[str]:
        """Return the names of registries that have left anything on this host."""
        ...


class Endpoints(Protocol):
    """What answers at the addresses of VPC endpoints. Errors: NetworkError."""

    async def apply(self, plan: EndpointPlan) -> None:
        """Answer at an endpoint's addresses; waits for its VPC."""
        ...

    async def remove(self, vpc_endpoint_id: str) -> None:
        """Answer no more."""
        ...


class Rooms(NamedTuple):
    """The parts that plans go to, by kind."""

    networks: Networks
    names: Names
    balancers: Balancers
    proxies: Proxies
    tasks: Tasks
    roles: Roles
    hooks: Hooks
    sessions: Sessions
    registry: Registries
    file_systems: FileSystems
    endpoints: Endpoints
    endpoint_checks: EndpointChecks
    disks: Disks
