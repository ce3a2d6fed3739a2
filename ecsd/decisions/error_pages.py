"""Errors that a load balancer answers by itself, as responses.

Source: Application Load Balancers guide, troubleshooting.
"""

from ecsd.decisions.function_event import Answered
from ecsd.decisions.haproxy_action import page
from ecsd.decisions.listener import PAGES


def error_answer(status: int) -> Answered:
    """Return the page of an error."""
    title = PAGES[status]
    headers = [("Content-Type", "text/html")]
    return Answered(status, title[4:], headers, page(title).encode())
