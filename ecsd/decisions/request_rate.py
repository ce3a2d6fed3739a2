"""How many requests of one caller are answered: a bucket of tokens, filled at a steady rate.

Source: Amazon ECS container agent, ECS_TASK_METADATA_RPS_LIMIT.
"""

from typing import NamedTuple


class Rate(NamedTuple):
    """Requests a second in the long run, and at once after a pause."""

    steady: float
    burst: int


class Bucket(NamedTuple):
    """What a caller may still ask. tokens: at the moment ``at``, in seconds."""

    tokens: float
    at: float


def take(bucket: Bucket | None, rate: Rate, now: float) -> tuple[Bucket, bool]:
    """Return the bucket after a request, and whether the request is answered."""
    if bucket is None:
        bucket = Bucket(rate.burst, now)
    tokens = min(rate.burst, bucket.tokens + (now - bucket.at) * rate.steady)
    if tokens < 1:
        return Bucket(tokens, now), False
    return Bucket(tokens - 1, now), True
