"""A page of a bucket's names: prefix, delimiter, where it goes on.

Source: S3 User Guide, Organizing objects using prefixes; API Reference, ListObjects and its kin.
"""

from collections.abc import Callable
from typing import NamedTuple

HIGHEST = "\U0010ffff"

NextName = Callable[[str], str | None]


class Page(NamedTuple):
    """What a page shows, in order.

    Attributes:
        entries: names of objects, and common prefixes with True.
        truncated: whether there is more.
    """

    entries: tuple[tuple[str, bool], ...]
    truncated: bool

    @property
    def names(self) -> list[str]:
        """The names of objects."""
        return [name for name, common in self.entries if not common]

    @property
    def common_prefixes(self) -> list[str]:
        """The names' beginnings up to the delimiter, each once."""
        return [name for name, common in self.entries if common]

    @property
    def last(self) -> str:
        """The last entry, after which the next page begins; empty without one."""
        return self.entries[-1][0] if self.entries else ""


class Wanted(NamedTuple):
    """What is asked for.

    Attributes:
        after: names up to this one are left out, and those that a common prefix of just this
            text stands for.
        most: entries of a page.
    """

    prefix: str = ""
    delimiter: str = ""
    after: str = ""
    most: int = 1000


def page(following: NextName, wanted: Wanted) -> Page:
    """Return a page.

    following: a name → the least name that is not below it, or None.
    """
    entries: list[tuple[str, bool]] = []
    if wanted.most == 0:
        return Page((), truncated=False)
    name = following(_start(wanted))
    while name is not None and name.startswith(wanted.prefix):
        common = common_prefix(name, wanted.prefix, wanted.delimiter)
        if common is not None and common == wanted.after:
            name = following(beyond(common))
            continue
        if len(entries) == wanted.most:
            return Page(tuple(entries), truncated=True)
        if common is None:
            entries.append((name, False))
            name = following(f"{name}\0")
        else:
            entries.append((common, True))
            name = following(beyond(common))
    return Page(tuple(entries), truncated=False)


class VersionPage(NamedTuple):
    """A page of versions: name and version id, or a common prefix and None."""

    entries: tuple[tuple[str, str | None], ...]
    truncated: bool


def version_page(
    following: NextName,
    version_ids: Callable[[str], list[str]],
    wanted: Wanted,
    version_after: str = "",
) -> VersionPage:
    """Return a page of versions.

    version_ids: of a name, the newest first.
    version_after: the page goes on after this version of the name ``wanted.after``.
    """
    entries: list[tuple[str, str | None]] = []
    if wanted.most == 0:
        return VersionPage((), truncated=False)
    name = following(max(wanted.prefix, wanted.after) if version_after else _start(wanted))
    while name is not None and name.startswith(wanted.prefix):
        common = common_prefix(name, wanted.prefix, wanted.delimiter)
        if common is not None:
            if common != wanted.after:
                entries.append((common, None))
            name = following(beyond(common))
        else:
            ids = version_ids(name)
            if version_after and name == wanted.after and version_after in ids:
                ids = ids[ids.index(version_after) + 1 :]
            elif version_after and name == wanted.after:
                ids = []
            entries += [(name, one) for one in ids]
            name = following(f"{name}\0")
        if len(entries) > wanted.most:
            return VersionPage(tuple(entries[: wanted.most]), truncated=True)
    return VersionPage(tuple(entries), truncated=False)


def common_prefix(name: str, prefix: str, delimiter: str) -> str | None:
    """Return what stands for a name in a list, or None: the name itself does."""
    if not delimiter:
        return None
    end = name.find(delimiter, len(prefix))
    return None if end < 0 else name[: end + len(delimiter)]


def beyond(prefix: str) -> str:
    """Return the least text above everything that begins with a prefix."""
    kept = prefix.rstrip(HIGHEST)
    if not kept:
        return HIGHEST * (len(prefix) + 1)  # no name is as high
    following = ord(kept[-1]) + 1
    if following == 0xD800:  # noqa: PLR2004 - the surrogates are no characters
        following = 0xE000
    return kept[:-1] + chr(following)


def _start(wanted: Wanted) -> str:
    return max(wanted.prefix, f"{wanted.after}\0" if wanted.after else "")
