"""How HAProxy speaks to the targets of a group: the options of its servers.

Source: HAProxy 2.6 Configuration Manual, 5.2, and Management Guide, ``add server`` (which takes
all of these); Application Load Balancers guide, security policies for backend connections.
"""

from ecsd.decisions.haproxy_tls import negotiation
from ecsd.decisions.ssl_policies import POLICIES
from ecsd.records.plan import BalancerPlan, TargetGroupPlan

BACKEND = "ELBSecurityPolicy-2016-08"
BACKEND_TLS13 = "ELBSecurityPolicy-TLS13-1-0-2021-06"


def server_options(plan: BalancerPlan, group: TargetGroupPlan) -> str:
    """Return what follows the address of each of a group's servers.

    A target's certificate is not checked, as on AWS. TLS 1.3 is offered when a listener of the
    balancer has a policy with it.
    """
    options = ""
    ramp = int(group.attributes.get("slow_start.duration_seconds", "0"))
    if ramp:
        options += f" slowstart {ramp}s"
    if group.protocol == "HTTPS":
        policies = [one.tls.ssl_policy for one in plan.listeners if one.tls]
        newer = any("TLSv1.3" in POLICIES[one].protocols for one in policies if one in POLICIES)
        policy = POLICIES[BACKEND_TLS13 if newer else BACKEND]
        options += f" ssl verify none {' '.join(negotiation(policy))}"
    if group.version != "HTTP1":
        options += " proto h2"
        options += " alpn h2" if group.protocol == "HTTPS" else ""
    return options
