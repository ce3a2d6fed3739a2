"""Pages of lists against a simple model: what is asked for, sorted, grouped, cut."""

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.s3.listing import Wanted, beyond, page, version_page

TEXTS = st.text(alphabet="ab/-\U0010ffff\ud7ff", max_size=4)
NAMES = st.lists(TEXTS.filter(bool), unique=True, max_size=12).map(sorted)


def walking(names):
    def following(start):
        at = bisect_left(names, start)
        return names[at] if at < len(names) else None

    return following


def whole_list(names, prefix, delimiter):
    """Every entry, as the documentation says it."""
    entries = []
    for name in names:
        if name.startswith(prefix):
            end = name.find(delimiter, len(prefix)) if delimiter else -1
            entry = (name, False) if end < 0 else (name[: end + len(delimiter)], True)
            if entry not in entries:
                entries.append(entry)
    return entries


@given(NAMES, TEXTS, st.sampled_from(["", "/", "a", "//"]), st.integers(1, 5))
def test_pages_together_are_the_whole_list(names, prefix, delimiter, most):
    found, after = [], ""
    for _ in range(len(names) + 1):
        one = page(walking(names), Wanted(prefix, delimiter, after, most))
        assert len(one.entries) <= most
        found += one.entries
        if not one.truncated:
            break
        after = one.last
    assert found == whole_list(names, prefix, delimiter)


@given(NAMES, TEXTS, TEXTS)
def test_a_page_begins_after_its_marker(names, prefix, after):
    shown = page(walking(names), Wanted(prefix, "", after, 100)).names
    assert shown == [name for name in names if name.startswith(prefix) and name > after]


@given(NAMES, TEXTS, st.sampled_from(["", "/"]), st.integers(1, 4), st.data())
def test_pages_of_versions_together_are_all_versions(names, prefix, delimiter, most, data):
    counts = {name: data.draw(st.integers(1, 4)) for name in names}

    def ids(name):
        return [f"v{number}" for number in range(counts[name])]

    wanted = []
    for name, common in whole_list(names, prefix, delimiter):
        wanted += [(name, None)] if common else [(name, one) for one in ids(name)]
    found, after, version = [], "", ""
    for _ in range(len(wanted) + 1):
        one = version_page(walking(names), ids, Wanted(prefix, delimiter, after, most), version)
        found += one.entries
        if not one.truncated:
            break
        after, version = one.entries[-1][0], one.entries[-1][1] or ""
    assert found == wanted


@given(TEXTS.filter(bool), TEXTS)
def test_what_is_beyond_a_prefix_is_above_all_that_begins_with_it(prefix, rest):
    assert beyond(prefix) > prefix + rest or set(prefix) == {"\U0010ffff"}
    assert not beyond(prefix).startswith(prefix) or set(prefix) == {"\U0010ffff"}


def test_no_entry_is_asked_for():
    assert page(walking(["a"]), Wanted(most=0)) == ((), False)
    assert version_page(walking(["a"]), lambda _: ["v"], Wanted(most=0)) == ((), False)
