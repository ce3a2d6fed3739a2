"""Plans: what a host is told to hold. Compiled from records by decisions, applied by the agent.

A plan is complete for its key and idempotent: newest wins, applying one twice changes nothing.
They lie on this floor because decisions make them and the agent reads them; ``link/messages.py``
carries them.
"""

from datetime import datetime
from typing import Any

from ecsd.records.message import Message
from ecsd.records.plan_files import EbsMount, EfsMount, FileSystemPlan, ImagePlan
from ecsd.records.plan_network import EndpointPlan, VpcPlan

# ------------------------------------------------------------------ down: zones


class ZoneInstance(Message, frozen=True, kw_only=True):
    """Something that answers to a service's name. alias: the name of a load balancer."""

    instance_id: str
    healthy: bool = True
    ipv4: str | None = None
    ipv6: str | None = None
    port: int | None = None
    cname: str | None = None
    alias: str | None = None


class ZoneService(Message, frozen=True, kw_only=True):
    """A name with its instances. name: whole, lower case, without final dot."""

    name: str
    weighted: bool = False  # else multivalue
    ttls: dict[str, int]  # record type (A, AAAA, SRV, CNAME) → seconds
    instances: tuple[ZoneInstance, ...] = ()


class RecordSetPlan(Message, frozen=True, kw_only=True):
    """Records of a name, or one choice of several; values as in Route 53.

    name, alias: lower case, without final dot; ``*`` as the name's first label stands for any.
    """

    name: str
    record_type: str  # A, CNAME, …
    ttl: int = 0
    values: tuple[str, ...] = ()
    alias: str | None = None  # a load balancer, or a name of the same zone
    weight: int | None = None  # of weighted choices
    failover: str | None = None  # PRIMARY, SECONDARY
    multivalue: bool = False
    healthy: bool = True


class ZonePlan(Message, frozen=True, kw_only=True):
    """A zone that is answered: a namespace of Cloud Map (services), or a hosted zone (records).

    A public one is answered in every VPC of its account.
    """

    zone_id: str  # of a namespace its own id
    name: str  # lower case, without final dot
    account: str = ""
    public: bool = False
    vpc_ids: tuple[str, ...] = ()  # of a private one
    services: tuple[ZoneService, ...] = ()
    record_sets: tuple[RecordSetPlan, ...] = ()


class EndpointCheckPlan(Message, frozen=True, kw_only=True):
    """What a health check of Route 53 asks. Seconds.

    address: IPv4 or IPv6; empty: what the name leads to. is_balancer: it is the entrance of a load
    balancer. name: for the Host header, and for TLS where ``sni`` says so.
    """

    health_check_id: str
    account: str
    kind: str  # HTTP, HTTPS, HTTP_STR_MATCH, HTTPS_STR_MATCH, TCP
    address: str = ""
    is_balancer: bool = False
    name: str = ""
    port: int
    path: str = "/"
    search: str = ""
    interval: int
    threshold: int
    sni: bool = False
    latency: bool = False  # findings tell how long things took


# ------------------------------------------------------------------ down: load balancers


class TargetPlan(Message, frozen=True, kw_only=True):
    """A target. draining: gets nothing new; its open connections may finish."""

    target_id: str  # as registered
    address: str  # of a function: the URL of its Invoke
    port: int
    draining: bool = False
    zone: str = "all"  # its Availability Zone; ``all``: of every zone


class HealthCheckPlan(Message, frozen=True, kw_only=True):
    """How to ask a target whether it is well. Seconds."""

    enabled: bool
    protocol: str
    port: str  # ``traffic-port`` or a number
    path: str
    interval: int
    timeout: int
    healthy_threshold: int
    unhealthy_threshold: int
    matcher: str
    version: str = "HTTP1"  # HTTP1, HTTP2, GRPC: the group's


class TargetGroupPlan(Message, frozen=True, kw_only=True):
    """A target group that a balancer forwards to. is_function: its target is a Lambda function."""

    target_group_arn: str
    is_function: bool = False
    name: str
    protocol: str
    health_check: HealthCheckPlan
    version: str = "HTTP1"  # what targets are spoken to with: HTTP1, HTTP2, GRPC
    targets: tuple[TargetPlan, ...] = ()
    attributes: dict[str, str] = {}


class SniChoice(Message, frozen=True, kw_only=True):
    """Names (lower case, ``*.`` in front of a wildcard) for which a certificate is chosen."""

    certificate_arn: str
    names: tuple[str, ...]


class TlsPlan(Message, frozen=True, kw_only=True):
    """How an HTTPS or TLS listener meets clients. choices: the best first.

    asks_clients: for a certificate, which targets are told and nobody checks. trust_store: ARN of
    whom clients' certificates are checked by; empty: nobody checks them.
    """

    ssl_policy: str
    default_certificate: str
    default_names: tuple[str, ...] = ()  # of the default certificate; they choose nothing
    choices: tuple[SniChoice, ...] = ()
    asks_clients: bool = False
    trust_store: str = ""
    ignores_client_expiry: bool = False  # where they are checked: they may have expired
    advertises_authorities: bool = False  # likewise: clients are told whom they may be of
    alpn_policy: str = ""  # of TLS; empty: none is negotiated


class TrustStorePlan(Message, frozen=True, kw_only=True):
    """Whom clients' certificates are checked by. All in PEM; revocations: lists of revoked ones."""

    authorities: str
    revocations: tuple[str, ...] = ()


class RulePlan(Message, frozen=True, kw_only=True):
    """A listener's rule; what it holds is in AWS's shape (PascalCase members)."""

    rule_arn: str
    priority: int  # ascending; the default rule is in ListenerPlan
    conditions: tuple[dict[str, Any], ...]
    actions: tuple[dict[str, Any], ...]
    transforms: tuple[dict[str, Any], ...] = ()


class ListenerPlan(Message, frozen=True, kw_only=True):
    """A port of a balancer."""

    listener_arn: str
    port: int
    protocol: str
    rules: tuple[RulePlan, ...]
    default_actions: tuple[dict[str, Any], ...]
    open_to_world: bool  # its security groups admit 0.0.0.0/0 on this port: host clients may enter
    tls: TlsPlan | None = None
    attributes: dict[str, str] = {}


class AuthenticationPlan(Message, frozen=True, kw_only=True):
    """What it takes to authenticate the users of one rule, beside what the rule says."""

    client_secret: str
    session_key: str  # AES-256, Base64: rules whose users have the same sessions have the same


class UserKeysPlan(Message, frozen=True, kw_only=True):
    """A balancer's own keys for its users."""

    key_id: str
    private_key: str  # PEM; it signs what targets are told of users
    login_key: str  # AES-256, Base64: of logins under way


class BalancerPlan(Message, frozen=True, kw_only=True):
    """A load balancer on this host; its health checks too."""

    load_balancer_arn: str
    name: str
    dns_name: str
    vpc_id: str
    addresses: tuple[str, ...]  # one per zone, in the VPC
    entrance: str  # its own address on the host
    listeners: tuple[ListenerPlan, ...] = ()
    target_groups: tuple[TargetGroupPlan, ...] = ()
    certificates: dict[str, str] = {}  # ARN → PEM: certificate, issuers, private key
    trust_stores: dict[str, TrustStorePlan] = {}  # by ARN
    attributes: dict[str, str] = {}
    kind: str = "application"  # application, network
    zones: tuple[str, ...] = ()  # of the addresses, in their order
    authentications: dict[str, AuthenticationPlan] = {}  # by rule's ARN; a listener's: its default
    user_keys: UserKeysPlan | None = None
    log_credentials: "RoleCredentials | None" = None  # of who delivers its logs


# ------------------------------------------------------------------ down: tasks

NON_BLOCKING = "non-blocking"  # AWS's default of a log driver's mode since June 2025


class TaskMetadata(Message, frozen=True, kw_only=True):
    """What a task's containers are told of it beside its plan. tags: key → value."""

    cluster_arn: str
    availability_zone: str | None = None
    service_name: str | None = None
    container_arns: dict[str, str] = {}  # container → ARN
    tags: dict[str, str] = {}


class TaskPlan(Message, frozen=True, kw_only=True):
    """A task to run (or to end) on this host.

    containers and volumes are in AWS's shape (camelCase members), with the task's overrides
    already applied. desired_status STOPPED ends it with the stop sequence; a task whose plan is
    withdrawn is removed from the host together with its containers.
    """

    task_arn: str
    task_id: str
    cluster: str
    account: str
    region: str
    family: str
    revision: int
    desired_status: str  # RUNNING, STOPPED
    started: bool = False  # it ran before: a host that holds nothing of it must not start it anew
    launch_type: str  # FARGATE, EC2
    containers: tuple[dict[str, Any], ...]
    image_references: dict[str, str] = {}  # container → what it runs instead of its image
    volumes: tuple[dict[str, Any], ...] = ()
    efs_mounts: tuple[EfsMount, ...] = ()  # until it runs: what its volumes of EFS are
    ebs_mounts: tuple[EbsMount, ...] = ()  # until it runs: what its volumes of EBS are
    fault_injection: bool = False  # its containers may have its network disturbed
    cpu: int | None = None  # units, of the task
    memory: int | None = None  # MiB, of the task
    ephemeral_storage: int | None = None  # GiB, where more than the default is asked for
    log_driver_mode: str = NON_BLOCKING  # of log configurations that name no mode
    platform: str | None = None  # linux/amd64, linux/arm64, where the definition names one
    network_mode: str = "awsvpc"
    pid_mode: str | None = None
    ipc_mode: str | None = None
    vpc_id: str | None = None
    network_interface_id: str | None = None
    address: str | None = None
    prefix_length: int = 24  # of the subnet
    subnet_router: str | None = None  # the subnet's .1
    mac_address: str | None = None
    resolver: str | None = None  # VPC+2
    name_servers: tuple[str, ...] = ()  # instead of the resolver, by DHCP options
    search_domains: tuple[str, ...] = ()  # likewise
    hostname: str | None = None  # ip-10-0-1-5.ec2.internal
    logs_endpoint: str = ""  # where the awslogs driver sends
    api_port: int = 0  # where its containers find the API, beside their metadata; 0: nowhere
    endpoint_key: str = ""  # what paths of its metadata and credentials are made of
    task_role: bool = False  # it has one: what its containers ask for
    execution_role: bool = False  # it has one: what its host asks for, for it
    metadata: TaskMetadata | None = None
    connect_hosts: dict[str, str] = {}  # names of Service Connect → addresses of its loopback
    proxied: bool = False  # its containers start once its proxy is there
    ecr_images: dict[str, str] = {}  # container → its image at ECR's registry here


class RoleCredentials(Message, frozen=True, kw_only=True):
    """Temporary credentials of a role."""

    role_arn: str
    access_key_id: str
    secret_access_key: str
    token: str
    expires_at: datetime


class RolesPlan(Message, frozen=True, kw_only=True):
    """The credentials of a task's roles; refreshed in time, gone when it has stopped."""

    task_arn: str
    endpoint_key: str
    task: RoleCredentials | None = None
    execution: RoleCredentials | None = None


# ------------------------------------------------------------------ down: Service Connect


class ProxyEndpoint(Message, frozen=True, kw_only=True):
    """A task that answers to a name.

    weight: its part of production traffic beside the others', 0 to 256. tested: test traffic goes
    to it.
    """

    instance_id: str
    address: str
    port: int
    tls: bool = False
    weight: int = 1
    tested: bool = False


class ProxyName(Message, frozen=True, kw_only=True):
    """A name that a task's containers reach at ``address``, an address of their own loopback.

    listener_port: where the proxy gets what is sent there. Seconds; 0: no limit. test_header: what
    test traffic is known by; empty: there is none. test_value: its value; None: any.
    """

    name: str
    address: str
    port: int
    listener_port: int
    discovery_arn: str
    discovery_name: str = ""
    server_name: str = ""  # that certificates of encrypted endpoints are for
    protocol: str  # http, http2, grpc, tcp
    idle_timeout: int
    request_timeout: int = 0
    test_header: str = ""
    test_value: str | None = None
    endpoints: tuple[ProxyEndpoint, ...] = ()


class ProxyPort(Message, frozen=True, kw_only=True):
    """A port of a task that the proxy stands before.

    listener_port: where the proxy listens. redirected: it gets what comes from outside for
    container_port; else clients know its own port. Seconds; 0: no limit.
    """

    container_port: int
    listener_port: int
    redirected: bool
    discovery_arn: str
    discovery_name: str = ""
    protocol: str
    idle_timeout: int
    request_timeout: int = 0
    tls: bool = False


class LogPlan(Message, frozen=True, kw_only=True):
    """A log stream of a task, and where CloudWatch Logs is."""

    task_arn: str
    endpoint: str
    account: str
    region: str
    group: str
    stream: str
    create_group: bool = False


class ProxyPlan(Message, frozen=True, kw_only=True):
    """The proxy of a task."""

    task_arn: str
    task_id: str
    service_arn: str = ""  # of ECS: whose metrics it counts for
    names: tuple[ProxyName, ...] = ()
    ports: tuple[ProxyPort, ...] = ()
    certificates: dict[str, str] = {}  # of encrypted ports, by discovery_arn → PEM with its key
    authority: str = ""  # PEM: whose certificates encrypted endpoints show
    log: LogPlan | None = None  # where what it says goes
    traffic: str = ""  # the digest of the shares that it keeps to; empty: there are none


# ------------------------------------------------------------------ down: the registry of images


class RegistryPlan(Message, frozen=True, kw_only=True):
    """ECR's registry, which one host has.

    collection: the number of the collection of unused blobs that is to have been made.
    """

    certificate: str  # PEM: whose key signs tokens
    secret: str  # of the registry's own
    collection: int = 0


# ------------------------------------------------------------------ down: lifecycle hooks


class HookPlan(Message, frozen=True, kw_only=True):
    """A Lambda function to ask; ``call`` grows when it is to be asked again."""

    deployment_arn: str
    hook_id: str
    call: int
    url: str  # of Lambda's Invoke
    payload: dict[str, Any]


# ------------------------------------------------------------------ down: ECS Exec


class SessionPlan(Message, frozen=True, kw_only=True):
    """A session that somebody may open, once, with its token.

    log_group: where its transcript goes; empty: nowhere.
    """

    session_id: str
    token: str
    task_arn: str
    runtime_id: str
    command: str
    account: str
    region: str
    logs_endpoint: str
    log_group: str = ""


Plan = (
    VpcPlan
    | ZonePlan
    | EndpointCheckPlan
    | BalancerPlan
    | FileSystemPlan
    | ImagePlan
    | ProxyPlan
    | TaskPlan
    | RolesPlan
    | HookPlan
    | SessionPlan
    | RegistryPlan
    | EndpointPlan
)
