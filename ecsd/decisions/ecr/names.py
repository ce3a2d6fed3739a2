"""Names of repositories and images: in the API, in references, and in the registry behind.

In the registry a repository is called ``ACCOUNT/REGION/NAME``, so that accounts and regions never
share one. Source: Amazon ECR API Reference, CreateRepository; Distribution's reference grammar.
"""

import re
from typing import NamedTuple

COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
NAME = rf"{COMPONENT}(?:/{COMPONENT})*"
TAG = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
DIGEST = r"sha256:[0-9a-f]{64}"
REGION = r"[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}"
LONGEST_PATH = 255  # characters of a repository's name in Distribution

_NAME = re.compile(NAME)
_TAG = re.compile(TAG)
_DIGEST = re.compile(DIGEST)
_PATH = re.compile(rf"(?P<account>[0-9]{{12}})/(?P<region>{REGION})/(?P<name>{NAME})")
_AWS_HOST = re.compile(
    rf"(?P<account>[0-9]{{12}})\.dkr[.-]ecr(?:-fips)?\.(?P<region>{REGION})\."
    r"(?:amazonaws\.com(?:\.cn)?|on\.aws)"
)
_REST = re.compile(rf"(?P<name>{NAME})(?::(?P<tag>{TAG}))?(?:@(?P<digest>{DIGEST}))?")
_LOCAL = re.compile(rf"localhost:[0-9]+/[0-9]{{12}}/{REGION}/.+")


class Place(NamedTuple):
    """A repository, wherever it is named."""

    account: str
    region: str
    name: str

    @property
    def path(self) -> str:
        """What the registry behind calls it."""
        return f"{self.account}/{self.region}/{self.name}"

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:ecr:{self.region}:{self.account}:repository/{self.name}"


class Reference(NamedTuple):
    """An image of a repository, by tag, digest, or both (the digest decides)."""

    place: Place
    tag: str
    digest: str

    def at(self, registry: str) -> str:
        """Return how dockerd is told of it. registry: host and port."""
        rest = f"@{self.digest}" if self.digest else f":{self.tag or 'latest'}"
        return f"{registry}/{self.place.path}{rest}"


def is_name(text: str) -> bool:
    """Tell a repository's name."""
    return _NAME.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    """Tell an image's tag."""
    return _TAG.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Tell a digest that this registry takes: of SHA-256."""
    return _DIGEST.fullmatch(text) is not None


def fits(place: Place) -> bool:
    """Tell a repository that the registry behind can hold."""
    return place_of(place.path) == place


def place_of(path: str) -> Place | None:
    """Return the repository that the registry calls so; None: it holds no such name."""
    found = _PATH.fullmatch(path)
    if found is None or len(path) > LONGEST_PATH:
        return None
    return Place(found["account"], found["region"], found["name"])


def aws_reference(image: str) -> Reference | None:
    """Return what ``ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME…`` means, None for other images."""
    host, _, rest = image.partition("/")
    where, what = _AWS_HOST.fullmatch(host), _REST.fullmatch(rest)
    if where is None or what is None:
        return None
    place = Place(where["account"], where["region"], what["name"])
    return _reference(place, what) if fits(place) else None


def own_reference(image: str, registry: str) -> Reference | None:
    """Return what an image at our own registry (host and port) is, None for other images."""
    host, _, rest = image.partition("/")
    what = _REST.fullmatch(rest)
    if host != registry or what is None:
        return None
    place = place_of(what["name"])
    return _reference(place, what) if place is not None else None


def is_private_image(image: str) -> bool:
    """Tell an image that only a role may pull, wherever its registry listens."""
    return aws_reference(image) is not None or _LOCAL.fullmatch(image) is not None


def _reference(place: Place, what: re.Match[str]) -> Reference:
    return Reference(place, what["tag"] or "", what["digest"] or "")
