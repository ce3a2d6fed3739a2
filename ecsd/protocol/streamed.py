"""A request's body that is not held whole: read once, in pieces, by the operation."""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol


class StreamedBody(Protocol):
    """The bytes of an object on their way in."""

    @property
    def trailers(self) -> Mapping[str, str]:
        """Headers that came after the body, names in lower case; complete once it is read."""
        ...

    @property
    def declared_size(self) -> int | None:
        """The object's bytes as the request says, where it does."""
        ...

    def pieces(self) -> AsyncIterator[bytes]:
        """Yield the bytes. Raises AwsError: they are not what the request said they would be."""
        ...
