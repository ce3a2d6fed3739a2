"""Schedule expressions: ``rate(…)`` and ``cron(…)``, as several AWS services take them.

Source: EventBridge Scheduler User Guide, Schedule types; Secrets Manager User Guide, Rotation
schedules.
"""

import re
from datetime import timedelta
from typing import NamedTuple

from ecsd.decisions.schedules.cron import Cron, parse_cron

_RATE = re.compile(r"rate\((?P<value>[0-9]{1,9}) (?P<unit>minute|hour|day)(?P<plural>s?)\)")
_CRON = re.compile(r"cron\((?P<fields>.*)\)")
UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}


class Rate(NamedTuple):
    """Every so many minutes, hours or days."""

    value: int  # 1 or more
    unit: str  # minute, hour or day

    @property
    def interval(self) -> timedelta:
        """The time from one occasion to the next."""
        return self.value * UNITS[self.unit]


def parse_schedule(text: str) -> Rate | Cron | str:
    """Return what an expression says, or why it says nothing."""
    rate = _RATE.fullmatch(text)
    if rate is not None:
        value, plural = int(rate["value"]), bool(rate["plural"])
        if value == 0:
            return "the value of rate() must be at least 1."
        if plural is (value == 1):
            return f"{value} {rate['unit']}{rate['plural']}: one is singular, more are plural."
        return Rate(value, rate["unit"])
    cron = _CRON.fullmatch(text)
    if cron is not None:
        return parse_cron(cron["fields"])
    return "it must be rate(value unit) or cron(fields)."
