"""What all that goes over the link has in common."""

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Anything that goes over the link; times are aware UTC datetimes."""
