"""How HAProxy speaks to the targets of a group: the options of its servers.

Source: HAProxy 2.6 Configuration Manual, 5.2, and Management Guide, ``add server`` (which takes
all of these); Application Load Balancers guide, security policies for backend connections.
"""

from collections.abc import Iterable

from ecsd.decisions.balancers.ssl_policies import POLICIES
from ecsd.decisions.haproxy.tls import negotiation
from ecsd.records.plan import BalancerPlan, TargetGroupPlan

BACKEND = "ELBSecurityPolicy-2016-08"
BACKEND_TLS13 = "ELBSecurityPolicy-TLS13-1-0-2021-06"


def encryption(listener_policies: Iterable[str]) -> str:
    """Return how targets are spoken to by TLS.

    A target's certificate is not checked, as on AWS. TLS 1.3 is offered when one of the listeners'
    policies has it.
    """
    known = [POLICIES[one] for one in listener_policies if one in POLICIES]
    newer = any("TLSv1.3" in one.protocols for one in known)
    policy = POLICIES[BACKEND_TLS13 if newer else BACKEND]
    return f" ssl verify none {' '.join(negotiation(policy))}"


def server_options(plan: BalancerPlan, group: TargetGroupPlan) -> str:
    """Return what follows the address of each of a group's servers."""
    options = ""
    ramp = int(group.attributes.get("slow_start.duration_seconds", "0"))
    if ramp:
        options += f" slowstart {ramp}s"
    if group.protocol == "HTTPS":
        options += encryption(one.tls.ssl_policy for one in plan.listeners if one.tls)
    if group.version != "HTTP1":
        options += " proto h2"
        options += " alpn h2" if group.protocol == "HTTPS" else ""
    return options
