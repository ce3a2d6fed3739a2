"""Files of environment variables: a line each, ``VARIABLE=VALUE``.

Source: Amazon ECS Developer Guide, environment variable files; amazon-ecs-agent, which takes spaces
and quotation marks as they are, and leaves out lines without a name or without a value.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

ENDING = ".env"
MOST = 10  # files of a container
_ARN = re.compile(r"arn:aws[a-z-]*:s3:::([a-zA-Z0-9._-]{3,255})/(.+)", re.DOTALL)


class Place(NamedTuple):
    """An object of S3."""

    bucket: str
    key: str


def parse_place(value: str) -> Place | None:
    """Return the object that a file's ``value`` names, None if it is no ARN of one."""
    found = _ARN.fullmatch(value)
    return None if found is None else Place(found[1], found[2])


def parse_file(content: bytes) -> dict[str, str]:
    """Return a file's variables; the last of several lines about one counts."""
    variables = {}
    for line in content.decode(errors="replace").split("\n"):
        name, parted, value = line.removesuffix("\r").partition("=")
        if parted and name and value and not name.startswith("#"):
            variables[name] = value
    return variables


def merged(files: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the variables of several files: of those in more than one, the first file's."""
    variables: dict[str, str] = {}
    for one in files:
        variables = {**one, **variables}
    return variables
