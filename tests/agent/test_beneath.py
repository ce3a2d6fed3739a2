"""No path and no symbolic link leads out of a file system's directory."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ecsd.agent.drivers.beneath import open_beneath
from ecsd.records.efs.access_point import DirectoryCreation

OWN = DirectoryCreation(owner_uid=os.getuid(), owner_gid=os.getgid(), permissions="0750")
NAMES = st.sampled_from(["a", "b", "c", "..", ".", ""])
PATHS = st.lists(NAMES, max_size=6).map(lambda parts: "/" + "/".join(parts))
LINKS = st.dictionaries(
    st.sampled_from(["a", "b", "a/c", "b/a"]),
    st.sampled_from(["..", "../..", "../../outside", "/", "/etc", "b", "a", ".", "OUTSIDE"]),
    max_size=3,
)


def opened(root, path, creation=None):
    """Return where a path leads, or None where it leads nowhere."""
    try:
        found = open_beneath(root, path, creation)
    except OSError:
        return None
    try:
        return Path(f"/proc/self/fd/{found}").readlink()
    finally:
        os.close(found)


@settings(max_examples=300)
@given(PATHS, LINKS, st.booleans())
@example("/a", {"a": "OUTSIDE"}, False)
@example("/a/b", {"a": "OUTSIDE"}, True)
@example("/../outside", {}, True)
def test_whatever_is_asked_for_and_linked_it_stays_inside(path, links, makes):
    world = Path(tempfile.mkdtemp()).resolve()
    try:
        root, outside = world / "root", world / "outside"
        for folder in (root / "a", root / "b" / "c", outside / "secret"):
            folder.mkdir(parents=True)
        for name, target in links.items():
            link = root / name
            if link.is_dir() and not link.is_symlink():
                shutil.rmtree(link)
            if link.parent.is_dir() and not link.parent.is_symlink():
                link.unlink(missing_ok=True)
                link.symlink_to(str(outside) if target == "OUTSIDE" else target)
        before = sorted(outside.rglob("*"))
        found = opened(root, path, OWN if makes else None)
        assert found is None or found == root or found.is_relative_to(root)
        assert sorted(outside.rglob("*")) == before  # nothing was made there either
        assert sorted(one.name for one in world.iterdir()) == ["outside", "root"]
    finally:
        shutil.rmtree(world)


def test_directories_are_made_as_they_are_wanted_and_only_then(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_beneath(tmp_path, "/app/data")
    assert opened(tmp_path, "/app/data", OWN) == tmp_path / "app" / "data"
    assert (tmp_path / "app").stat().st_mode & 0o7777 == 0o750
    other = DirectoryCreation(owner_uid=0, owner_gid=0, permissions="0777")
    assert opened(tmp_path, "/app/data", other) == tmp_path / "app" / "data"
    assert (tmp_path / "app" / "data").stat().st_mode & 0o7777 == 0o750  # as it was


def test_what_is_no_directory_is_not_opened(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        open_beneath(tmp_path, "/file")
    with pytest.raises(NotADirectoryError):
        open_beneath(tmp_path, "/file/x", OWN)


def test_links_inside_are_followed(tmp_path):
    (tmp_path / "v1").mkdir()
    (tmp_path / "now").symlink_to("v1")
    assert opened(tmp_path, "/now") == tmp_path / "v1"
    assert opened(tmp_path, "/") == tmp_path
