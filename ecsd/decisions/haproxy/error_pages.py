"""Errors that a load balancer answers by itself, as responses.

Source: Application Load Balancers guide, troubleshooting.
"""

from ecsd.decisions.balancers.function_event import Answered
from ecsd.decisions.haproxy.action import UNAUTHORIZED, page
from ecsd.decisions.haproxy.config import PAGES

MORE = {401: UNAUTHORIZED, 414: "414 URI Too Long", 561: "561 Unauthorized"}


def error_answer(status: int) -> Answered:
    """Return the page of an error."""
    title = MORE.get(status) or PAGES[status]
    headers = [("Content-Type", "text/html")]
    return Answered(status, title[4:], headers, page(title).encode())
