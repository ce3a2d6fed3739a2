"""What an operation gets, and how it is registered.

An operation is one typed async function per AWS operation: desired state in, answer out. It reads
and writes the store and nothing else. The gateway finds it in ``OPERATIONS`` by service and name.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ecsd.certificates.authority import Authority
from ecsd.clock import Clock
from ecsd.ids import IdSource
from ecsd.settings import Settings
from ecsd.store.blobs import Blobs
from ecsd.store.images import Images
from ecsd.store.scope import Scope
from ecsd.store.store import Store, Transaction, View
from ecsd.store.streams import LogStreams


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Attributes:
        arn: such as ``arn:aws:iam::000000000000:root``.
        user_id: what GetCallerIdentity answers as ``UserId``.
        access_key_id: the key that signed (or pretended to, in local mode).
    """

    arn: str
    user_id: str
    access_key_id: str


@dataclass(frozen=True, slots=True)
class Call:
    """One request's surroundings.

    judged: what the caller asks of other services by this request needs its permission too.
    """

    scope: Scope
    caller: Caller
    request_id: str
    store: Store
    streams: LogStreams
    blobs: Blobs
    clock: Clock
    ids: IdSource
    settings: Settings
    authority: Authority
    images: Images
    judged: bool = False

    @property
    def view(self) -> View:
        """Read the caller's account and region."""
        return self.store.view(self.scope)

    def transaction(self) -> Transaction:
        """Change the caller's account and region: ``async with call.transaction() as change``."""
        return self.store.transaction(self.scope)


Handler = Callable[[Call, Any], Awaitable[Mapping[str, Any]]]
HandlerType = TypeVar("HandlerType", bound=Callable[..., Awaitable[Any]])

OPERATIONS: dict[tuple[str, str], Handler] = {}


def operation(service: str, name: str) -> Callable[[HandlerType], HandlerType]:
    """Register an operation, such as ``@operation("ecs", "CreateCluster")``.

    Services by botocore's names: acm, ec2, ecr, ecs, efs, elbv2, iam, kms, logs, route53, s3,
    secretsmanager, servicediscovery, ssm, sts.
    Request members arrive under the model's names, validated against the model; timestamps are
    aware datetimes, blobs are bytes.
    The answer uses the model's names too; a member that is None is left out.
    """

    def register(handler: HandlerType) -> HandlerType:
        key = (service, name)
        if key in OPERATIONS:
            raise ValueError(f"{service}:{name} is registered twice")
        OPERATIONS[key] = handler
        return handler

    return register
