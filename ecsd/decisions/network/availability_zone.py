"""Regions and their availability zones. Zones have no network meaning on one machine.

Source: AWS documentation, Regions and Availability Zones; AZ ids as in AWS RAM's user guide.
"""

from typing import NamedTuple

REGIONS = (
    "af-south-1", "ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3",
    "ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3",
    "ap-southeast-4", "ap-southeast-5", "ap-southeast-7", "ca-central-1", "ca-west-1",
    "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1",
    "eu-west-2", "eu-west-3", "il-central-1", "me-central-1", "me-south-1", "mx-central-1",
    "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
)  # fmt: skip
ENABLED_BY_DEFAULT = frozenset({
    "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1",
    "ap-southeast-2", "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2",
    "eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
})  # fmt: skip
ZONES_PER_REGION = 3
COMPASS = ("north", "south", "east", "west", "central")


class Zone(NamedTuple):
    """An availability zone."""

    name: str  # us-east-1a
    zone_id: str  # use1-az1


def zones(region: str) -> tuple[Zone, ...]:
    """Return the zones of a region, a first."""
    short = _short(region)
    return tuple(
        Zone(f"{region}{letter}", f"{short}-az{number}")
        for number, letter in enumerate("abc"[:ZONES_PER_REGION], 1)
    )


def find_zone(region: str, name_or_id: str) -> Zone | None:
    """Return the zone of that name or id, or None."""
    return next((zone for zone in zones(region) if name_or_id in zone), None)


def _short(region: str) -> str:
    area, *middle, number = region.split("-")
    return area + "".join(_initials(word) for word in middle) + number


def _initials(word: str) -> str:
    letters = ""
    while word:
        point = next((one for one in COMPASS if word.startswith(one)), word)
        letters += point[0]
        word = word[len(point) :]
    return letters
