"""What a client of the registry asks for, and which actions of ECR that takes.

Source: Distribution, token authentication specification; Amazon ECR User Guide, required IAM
permissions for pushing an image.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ecsd.decisions.ecr.names import Place, place_of

PULL, PUSH = "pull", "push"
ACTIONS: dict[str, tuple[str, ...]] = {
    PULL: ("BatchGetImage", "GetDownloadUrlForLayer"),
    PUSH: (
        "BatchCheckLayerAvailability",
        "InitiateLayerUpload",
        "UploadLayerPart",
        "CompleteLayerUpload",
        "PutImage",
    ),
}


class Scope(NamedTuple):
    """A repository, and what is to be done with it. wanted: of ``pull`` and ``push``."""

    place: Place
    wanted: tuple[str, ...]

    @property
    def leading(self) -> str:
        """What the client is there for: whoever pushes also asks to pull, and may not need it."""
        return PUSH if PUSH in self.wanted else PULL


def read_scopes(texts: Iterable[str]) -> list[Scope]:
    """Return the scopes that name repositories here, ``repository:PATH:pull,push``; no others."""
    found = []
    for text in (one for several in texts for one in several.split()):
        kind, _, rest = text.partition(":")
        path, _, actions = rest.rpartition(":")
        place = place_of(path)
        wanted = tuple(one for one in (PULL, PUSH) if one in actions.split(","))
        if kind == "repository" and place is not None and wanted:
            found.append(Scope(place, wanted))
    return found
