"""Taking everything that ecsd made off this machine, without server or agent."""

from ecsd.agent.containers.tasks import HostTasks
from ecsd.agent.ebs_volumes import HostDisks
from ecsd.agent.efs_volumes import EfsVolumes
from ecsd.agent.networks import HostNetworks
from ecsd.agent.registry import HostRegistry
from ecsd.agent.rooms import Ground
from ecsd.agent.task_roles import TaskRoles
from ecsd.agent.traffic.balancers import HostBalancers
from ecsd.agent.traffic.proxies import HostProxies
from ecsd.clock import SystemClock
from ecsd.errors import EcsdError
from ecsd.link.messages import Up
from ecsd.processes import paths
from ecsd.settings import Settings


async def remove_everything(settings: Settings) -> list[str]:
    """Remove tasks, then balancers, then networks; return what could not be removed, in words."""
    clock = SystemClock()
    networks = HostNetworks(settings, clock, _unheard)
    roles = TaskRoles()
    proxies = HostProxies(settings, clock, networks, roles, _unheard)
    volumes = EfsVolumes(settings, clock, _unheard)
    disks = HostDisks(settings, clock, _unheard)
    ground = Ground(networks, proxies, roles, volumes, disks)
    parts = (
        ("tasks", HostTasks(settings, clock, ground, _unheard)),
        ("volumes of EFS", volumes),
        ("volumes of EBS", disks),
        ("proxies", proxies),
        ("load balancers", HostBalancers(settings, clock, networks, _unheard)),
        ("networks", networks),
        ("registry", HostRegistry(settings, clock, _unheard)),
    )
    left = []
    for name, part in parts:
        try:
            await part.remove_everything()
        except EcsdError as error:
            left.append(f"{name}: {error}")
    paths.plan_log(settings).unlink(missing_ok=True)
    return left


def _unheard(message: Up) -> None:
    """Nobody listens to observations during a teardown."""
