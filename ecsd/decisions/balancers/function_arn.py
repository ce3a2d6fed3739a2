"""Lambda functions by ARN, and where they are invoked.

Source: AWS Lambda API Reference, Invoke.
"""

import re
from collections.abc import Awaitable, Callable
from urllib.parse import quote

FUNCTION = re.compile(
    r"arn:aws[a-z-]*:lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):function:"
    r"[A-Za-z0-9_-]{1,140}(:(\$LATEST|[A-Za-z0-9_-]{1,128}))?"
)
NOBODY = (
    "nobody runs Lambda functions here; set ECSD_LAMBDA_ENDPOINT to the URL of a server that "
    "answers Lambda's Invoke, such as a local one."
)
Invoke = Callable[[str, bytes], Awaitable[object]]  # URL of a function's Invoke, event
INVOKE = "2015-03-31/functions/{name}/invocations"


def invoke_url(endpoint: str, function_arn: str) -> str:
    """Return the URL of a function's Invoke on a server that answers it."""
    name = quote(function_arn.partition(":function:")[2], safe="")
    return f"{endpoint.rstrip('/')}/{INVOKE.format(name=name)}"
