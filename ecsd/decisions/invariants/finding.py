"""What the invariant checker says: one contradiction each."""

from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """A state that must not occur (fatal), or should not last (warning)."""

    severity: Literal["fatal", "warning"]
    subject: str  # an ARN or id
    words: str  # the rest of a sentence that begins with the subject

    def __str__(self) -> str:
        return f"{self.severity}: {self.subject} {self.words}"


def fatal(subject: str, words: str) -> Finding:
    """Return a finding about a state that must never occur."""
    return Finding("fatal", subject, words)


def warning(subject: str, words: str) -> Finding:
    """Return a finding about a state that should not last."""
    return Finding("warning", subject, words)
