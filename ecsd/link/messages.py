"""What server and agent say to each other: envelopes around plans (down) and observations (up).

Both directions survive the other end's absence: on (re)connection the server sends all plans of
the host, the agent all that it observes. Source: shared reference control_plane 9.
"""

from ecsd.records.message import Message
from ecsd.records.observed import (
    EndpointObserved,
    FileSystemObserved,
    FlowsObserved,
    HookObserved,
    ImageObserved,
    Observation,
    SessionOpened,
    TargetGroupObserved,
    TaskObserved,
    TrafficObserved,
)
from ecsd.records.plan import Plan


class Assign(Message, frozen=True, kw_only=True):
    """Make this so.

    key: ``vpc/<id>``, ``zone/<namespace or zone id>``, ``balancer/<arn>``, ``task/<arn>``,
    ``connect/<task arn>``, ``roles/<task arn>``, ``hook/<service deployment>|<hook id>``,
    ``session/<session id>``, ``efs/<file system id>``, ``ebs/<volume or snapshot id>``,
    ``registry/registry``, ``endpoint/<VPC endpoint id>``, ``endpoint-check/<health check id>``.
    """

    key: str
    plan: Plan


class Withdraw(Message, frozen=True, kw_only=True):
    """Make this gone."""

    key: str


class Snapshot(Message, frozen=True, kw_only=True):
    """The server's answer to Hello: all that this host is to hold; what is not named is to go."""

    plans: dict[str, Plan]


Down = Snapshot | Assign | Withdraw


# ------------------------------------------------------------------ up


class Hello(Observation, frozen=True, kw_only=True):
    """The agent's first words."""

    host: str
    boot_id: str


class PlanApplied(Observation, frozen=True, kw_only=True):
    """A VPC's, balancer's or proxy's plan is in force, or why it is not.

    traffic: the digest of a balancer's listeners, rules and weights, or of the shares that a proxy
    keeps to, where they are in force.
    """

    key: str
    fault: str | None = None
    traffic: str | None = None

    @property
    def subject(self) -> str:
        """Return what it is about."""
        return f"applied/{self.key}"


class HostFaults(Observation, frozen=True, kw_only=True):
    """What is wrong with the host at large; empty when nothing is. part → words."""

    faults: dict[str, str]


Up = (
    Hello
    | TaskObserved
    | TargetGroupObserved
    | HookObserved
    | SessionOpened
    | FileSystemObserved
    | EndpointObserved
    | ImageObserved
    | TrafficObserved
    | FlowsObserved
    | PlanApplied
    | HostFaults
)
