"""The only door to the environment: what a user may set, with its default.

Every setting is an environment variable ``ECSD_<NAME>``; command-line options of ``ecsd up`` set
the same fields.
"""

import os
import re
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Literal, Self

import msgspec

INSTANCES = 8
DNS_PORT = 53
LONGEST_PERIOD = 3600  # seconds
LONGEST_FLOW_LOGS_MINUTE = 60  # counters that nobody reads for long go
RATE = re.compile(r"[1-9][0-9]{0,6},[1-9][0-9]{0,6}")
MIRROR = re.compile(r"[a-z0-9][a-z0-9.-]*=https?://[A-Za-z0-9.:\[\]-]+")
LOOPBACK = ("127.", "::1", "localhost")
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where this host reaches what listens there


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How this ecsd runs. Defaults are for one developer's machine."""

    mode: Literal["local", "strict"] = "local"
    host: str = "127.0.0.1"  # the API listens here; beyond loopback only in strict mode
    port: int = 4566
    data_dir: Path = Path("/var/lib/ecsd")  # store, streams; what has to survive
    run_dir: Path = Path("/run/ecsd")  # sockets, pids, HAProxy files; may vanish at boot
    region: str = "us-east-1"  # when a request names none
    unknown_members: Literal["refuse", "ignore"] = "refuse"  # AWS ignores them
    docker_socket: str = "/var/run/docker.sock"
    hosts_file: str = "/etc/hosts"  # names of load balancers; empty turns the block off
    host_names: str = "127.170.0.2"  # private names are answered here, port 53; empty: nowhere
    edge_port: int = 80  # the shared edge for *.elb.localhost; 0 turns it off
    edge_tls_port: int = 443  # the same for HTTPS, by the name that TLS asks for
    exec_port: int = 0  # ECS Exec's data channels listen here; 0: 100 above the API's port
    exec_url: str = ""  # where clients reach that; empty: ws://HOST:PORT
    registry_port: int = 0  # ECR's registry listens here; 0: 200 above the API's port
    ecr_upstreams: str = ""  # HOST=URL,…: mirrors of registries behind pull through caches
    lambda_endpoint: str = ""  # URL of a server that answers Lambda's Invoke
    s3_endpoint: str = ""  # URL of the S3 that ecsd itself reads; empty: its own
    s3_access_key_id: str = ""  # for that S3
    s3_secret_access_key: str = ""
    balancer_log_seconds: int = 300  # how often logs of load balancers are delivered
    balancer_metric_seconds: int = 60  # a period of metrics: load balancers', Service Connect's
    logs_disk: int = 20_480  # MiB of log events on disk; then the oldest go. 0: no end to it
    flow_logs_minute: int = 60  # seconds that a minute of a flow log's aggregation interval lasts
    ended_shown: int = 3600  # seconds that what has ended stays visible: tasks, services
    access_key_id: str = ""  # strict mode: the root credentials
    secret_access_key: str = ""
    iam: Literal["on", "off"] = "on"  # local mode: trust, and tasks' roles, count; off: not
    inject_endpoint: Literal["on", "off"] = "on"  # containers get AWS_ENDPOINT_URL
    task_metadata_rps_limit: str = "40,60"  # of a task: requests a second, and at once
    efs_dir: Path | None = None  # where files of EFS lie; None: ``efs`` in data_dir
    efs_encrypted: Literal["on", "off"] = "off"  # strict mode: on: that disk is encrypted
    ebs_dir: Path | None = None  # where volumes of EBS and snapshots lie; None: ``ebs`` in data_dir
    ebs_encrypted: Literal["on", "off"] = "off"  # strict mode: on: that disk is encrypted
    instance: int = 0  # 0 to 7: several ecsd on one machine, each with its own ports and folders
    log_level: str = "info"
    log_format: Literal["text", "json"] = "text"

    @property
    def label(self) -> str:
        """What this ecsd calls its own on the host: namespaces, tables, marks."""
        return f"ecsd{self.instance}" if self.instance else "ecsd"

    @property
    def efs_folder(self) -> Path:
        """Return where the files of EFS lie, a folder per file system."""
        return self.efs_dir or self.data_dir / "efs"

    @property
    def ebs_folder(self) -> Path:
        """Return where disk images of EBS lie."""
        return self.ebs_dir or self.data_dir / "ebs"

    @property
    def ebs_encryption_vouched(self) -> bool:
        """Tell whether somebody may ask for encrypted volumes: ecsd itself encrypts none."""
        return self.ebs_encrypted == "on" or self.mode == "local"

    @property
    def api_place(self) -> tuple[str, int]:
        """Return host and port at which this host itself reaches the API."""
        return EVERYWHERE.get(self.host, self.host), self.port

    @property
    def ecr_mirrors(self) -> Mapping[str, str]:
        """Return host → URL of the registry that is asked in its place."""
        given = (one.partition("=") for one in self.ecr_upstreams.split(",") if one)
        return {host: url for host, _, url in given}

    @property
    def names_place(self) -> tuple[str, int] | None:
        """Return where private names are answered on the host; None: nowhere.

        Each further ecsd of a machine has the next address.
        """
        if not self.host_names:
            return None
        return str(IPv4Address(self.host_names) + self.instance), DNS_PORT

    @property
    def exec_place(self) -> tuple[str, int]:
        """Return host and port of ECS Exec's data channels."""
        return self.host, self.exec_port or self.port + 100

    @property
    def registry_place(self) -> tuple[str, int]:
        """Return host and port on which ECR's registry listens."""
        return self.host, self.registry_port or self.port + 200

    @property
    def registry_name(self) -> str:
        """Return what images of ECR's registry begin with: dockerd trusts loopback without TLS."""
        host, port = self.registry_place
        near = EVERYWHERE.get(host, host).startswith(LOOPBACK)
        return f"{'localhost' if near else host}:{port}"

    @property
    def registry_socket(self) -> Path:
        """Return the unix socket of ECR's registry, for the server and its own HAProxy."""
        return self.run_dir / "registry" / "registry.sock"

    @property
    def registry_blobs(self) -> Path:
        """Return where ECR's registry keeps its blobs, as Distribution does."""
        return self.data_dir / "registry"

    def obstacle(self) -> str | None:
        """Return what keeps these settings from being served, and what to do; None if nothing."""
        if not self.host.startswith(LOOPBACK) and self.mode != "strict":
            return (
                f"listening on {self.host}, beyond loopback, needs ECSD_MODE=strict: in local mode "
                "anybody who reaches the port is root of every account"
            )
        if self.mode == "strict" and not (self.access_key_id and self.secret_access_key):
            return (
                "strict mode needs ECSD_ACCESS_KEY_ID and ECSD_SECRET_ACCESS_KEY: give both, or "
                "neither and start with `ecsd up`, which makes them"
            )
        return None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read ``ECSD_*``; an unknown or malformed one is refused by name."""
        source = os.environ if environment is None else environment
        values = {
            name.removeprefix("ECSD_").lower(): value
            for name, value in source.items()
            if name.startswith("ECSD_")
        }
        unknown = set(values) - set(cls.__struct_fields__)
        if unknown:
            raise SystemExit(f"ecsd: unknown setting ECSD_{min(unknown).upper()}")
        try:
            return msgspec.convert(values, cls, strict=False, dec_hook=_decode)
        except msgspec.ValidationError as error:
            raise SystemExit(f"ecsd: wrong setting: {error}") from error

    @property
    def metadata_rate(self) -> tuple[int, int]:
        """Return how often a task may ask: a second in the long run, and at once."""
        steady, _, burst = self.task_metadata_rps_limit.partition(",")
        return int(steady), int(burst)

    def __post_init__(self) -> None:
        """Refuse numbers that have no meaning (msgspec turns this into a ValidationError)."""
        if not 0 <= self.instance < INSTANCES:
            raise ValueError(f"instance must be 0 to {INSTANCES - 1}, got {self.instance}")
        if not RATE.fullmatch(self.task_metadata_rps_limit):
            raise ValueError(
                "task_metadata_rps_limit must be two numbers like 40,60, "
                f"got {self.task_metadata_rps_limit}"
            )
        if self.host_names:
            try:
                IPv4Address(self.host_names)
            except AddressValueError as error:
                raise ValueError(f"host_names must be an IPv4 address: {error}") from error
        self._check_mirrors()
        for name in ("balancer_log_seconds", "balancer_metric_seconds"):
            if not 1 <= getattr(self, name) <= LONGEST_PERIOD:
                raise ValueError(f"{name} must be 1 to {LONGEST_PERIOD}, got {getattr(self, name)}")
        if self.logs_disk < 0:
            raise ValueError(f"logs_disk must not be negative, got {self.logs_disk}")
        if not 1 <= self.flow_logs_minute <= LONGEST_FLOW_LOGS_MINUTE:
            raise ValueError(
                f"flow_logs_minute must be 1 to {LONGEST_FLOW_LOGS_MINUTE}, "
                f"got {self.flow_logs_minute}"
            )
        if self.ended_shown < 0:
            raise ValueError(f"ended_shown must not be negative, got {self.ended_shown}")

    def _check_mirrors(self) -> None:
        for one in filter(None, self.ecr_upstreams.split(",")):
            if not MIRROR.fullmatch(one):
                raise ValueError(
                    f"ecr_upstreams must be like quay.io=http://127.0.0.1:5000, got {one}"
                )


def child_environment() -> Mapping[str, str]:
    """Return the environment that child processes get: this process's own."""
    return os.environ


def _decode(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError(kind)
