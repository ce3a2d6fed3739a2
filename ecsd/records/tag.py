"""Tags, as every service keeps them."""

from ecsd.records.record import Part


class Tag(Part, frozen=True, kw_only=True):
    """A key and a value."""

    key: str
    value: str = ""
