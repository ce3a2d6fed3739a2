"""Where this machine's ecsd keeps its sockets and pid files."""

from pathlib import Path

from ecsd.settings import Settings


def link_socket(settings: Settings) -> Path:
    """The unix socket on which the server awaits agents."""
    return settings.run_dir / "link.sock"


def entrance(settings: Settings) -> Path:
    """The unix socket to which agents bring connections through VPC endpoints."""
    return settings.run_dir / "endpoints.sock"


def supervisor_pid(settings: Settings) -> Path:
    """The supervisor's pid file: exists while ecsd is up."""
    return settings.run_dir / "supervisor.pid"


def plan_log(settings: Settings) -> Path:
    """What this host's agent was last told."""
    return settings.data_dir / "agent-plans.log"


def host_name(settings: Settings) -> Path:
    """The name under which this host is known, whatever the machine is called later."""
    return settings.data_dir / "host-name"


def authority(settings: Settings) -> Path:
    """The local certificate authority's folder: its root, its key, the seal on private keys."""
    return settings.data_dir / "authority"


def root_key(settings: Settings) -> Path:
    """Strict mode's root credentials, where the settings name none."""
    return settings.data_dir / "root-key.json"


def log_file(settings: Settings) -> Path:
    """Where ``ecsd up -d`` writes the processes' log."""
    return settings.data_dir / "ecsd.log"
