"""What a listener's frontend, backends and socket are called: by its ARN alone."""

from hashlib import sha256


def listener_digest(listener_arn: str) -> str:
    """Return what is in all names of a listener."""
    return sha256(listener_arn.encode()).hexdigest()[:16]


def frontend_name(listener_arn: str) -> str:
    """Return the frontend of a listener."""
    return f"f_{listener_digest(listener_arn)}"


def answer_prefix(listener_arn: str) -> str:
    """Return how backends begin in which a listener's rules are answered by the balancer."""
    return f"a_{listener_digest(listener_arn)}_"


def asking_prefix(listener_arn: str) -> str:
    """Return how backends begin that ask the agent about users of a listener."""
    return f"u_{listener_digest(listener_arn)}_"


def edge_socket(folder: str, listener_arn: str) -> str:
    """Return the path on which a listener awaits the shared edge."""
    return f"{folder}/{listener_digest(listener_arn)}.sock"
