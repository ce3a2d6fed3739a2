"""What HAProxy hands to the agent: requests for Lambda functions, and users that log in.

The agent listens on a unix socket, which is in no network namespace. While no agent runs, HAProxy
answers 502. Source: HAProxy 2.6 Configuration Manual; Application Load Balancers guide, Lambda
functions as targets.
"""

from ecsd.decisions.haproxy.backend import NO_TARGET, backend_name, unreached_lines
from ecsd.decisions.haproxy.observation import (
    Observed,
    agent_answer_lines,
    target_lines,
)
from ecsd.decisions.haproxy.text import format_literal, word
from ecsd.records.plan import TargetGroupPlan

OWN = "x-ecsd-"  # headers between HAProxy and the agent
FUNCTION = f"{OWN}function"
LOGIN = f"{OWN}login"  # ARN of the rule, or the listener, whose user has no valid session
CALLBACK = f"{OWN}callback"  # ARN of the listener to which an IdP has sent a user back
LONGEST_CALL = 15 * 60 + 10  # seconds: the agent gives up earlier
MOST_AT_ONCE = 200  # requests with the agent; others wait their turn
WAIT = 60  # seconds


def compile_function_backend(
    group: TargetGroupPlan,
    agent_socket: str,
    observed: Observed | None = None,
    *,
    logged: bool = False,
) -> list[str]:
    """Return the backend of a group whose target is a function; there is no other to ask."""
    lines = [f"backend {backend_name(group.target_group_arn)}"]
    if all(one.draining for one in group.targets):
        return [*lines, f"  {NO_TARGET}"]
    return [
        *lines,
        "  http-request deny deny_status 400 if { req.hdr(upgrade) -m found }",
        *agent_lines(agent_socket, FUNCTION, group.target_group_arn),
        *(f"  {one}" for one in agent_answer_lines(observed, logged=logged)),
        *(f"  {one}" for one in target_lines(observed, logged=logged)[:2]),
    ]


def agent_lines(agent_socket: str, header: str, value: str) -> list[str]:
    """Return how a backend asks the agent, which is told by a header what it is asked for."""
    return [
        f"  timeout server {LONGEST_CALL}s",
        f"  timeout queue {WAIT}s",
        "  retry-on conn-failure",  # nobody is asked twice
        f"  http-request del-header {OWN} -m beg",
        f"  http-request set-header {header} {word(format_literal(value))}",
        *unreached_lines(),
        f"  server agent unix@{word(agent_socket)} maxconn {MOST_AT_ONCE}",
    ]
