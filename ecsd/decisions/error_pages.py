"""Errors that a load balancer answers by itself, as responses.

Source: Application Load Balancers guide, troubleshooting.
"""

from ecsd.decisions.function_event import Answered
from ecsd.decisions.haproxy_action import page
from ecsd.decisions.listener import PAGES

TITLES = PAGES | {
    401: "401 Authorization Required",
    561: "561 Authentication Error",
}


def error_answer(status: int) -> Answered:
    """Return the page of an error."""
    title = TITLES[status]
    headers = [("Server", "awselb/2.0"), ("Content-Type", "text/html")]
    return Answered(status, title[4:], headers, page(title).encode())
