"""Which permission a refusal is about, read out of AWS's sentence.

Source: IAM User Guide, troubleshoot access denied error messages.
"""

import re
from typing import NamedTuple

_SENTENCE = re.compile(
    r"User: (?P<who>arn:\S+) is not authorized to perform: (?P<action>[a-z0-9-]+:\w+)"
    r" on resource: (?P<resource>\S+)(?P<how>[^(]*)"
)
_ROLE = re.compile(r"arn:aws[a-z-]*:sts::\d{12}:assumed-role/(?P<name>[^/]+)/.+")


class MissingPermission(NamedTuple):
    """Who may not do what with what. denied: a policy says so; else none allows it."""

    who: str
    action: str
    resource: str
    denied: bool

    def fact(self) -> str:
        """Return it as a sentence."""
        role = _ROLE.fullmatch(self.who)
        who = f"role {role['name']}" if role else self.who
        if self.denied:
            return f"{who} is denied {self.action} on {self.resource}"
        return f"{who} lacks {self.action} on {self.resource}"


def missing_permission(words: str) -> MissingPermission | None:
    """Return what a refusal says is missing; None for words that are none."""
    found = _SENTENCE.search(words)
    if found is None:
        return None
    denied = "explicit deny" in found["how"]
    return MissingPermission(found["who"], found["action"], found["resource"], denied)
