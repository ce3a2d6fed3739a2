"""Names and selectors of parameters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.ssm.parameter_name import (
    is_below,
    is_label,
    name_fault,
    parameter_arn,
    pointer,
)

HEAD = "arn:aws:ssm:us-east-1:000000000000:parameter"
parts = st.from_regex(r"[b-rt-z0-9_.-]{1,6}", fullmatch=True)
names = parts | st.lists(parts, min_size=1, max_size=15).map(lambda some: "/" + "/".join(some))
selectors = st.just("") | st.integers(1, 999).map(str) | st.just("prod")


@given(names, selectors)
def test_a_valid_name_is_found_with_its_selector_by_name_and_by_arn(name, selector):
    assert name_fault(name, HEAD) is None
    tail = f":{selector}" if selector else ""
    found = pointer(name + tail, HEAD)
    assert (found.name, found.selector) == (name, selector)
    by_arn = pointer(parameter_arn(HEAD, name) + tail, HEAD)
    assert (by_arn.name, by_arn.selector) == (f"/{name.removeprefix('/')}", selector)


@given(names, names)
def test_what_lies_below_directly_lies_below(path, name):
    direct, anywhere = (is_below(name, path, recursive=one) for one in (False, True))
    assert not direct or anywhere
    assert is_below(f"{path}/x", path, recursive=False)
    assert is_below(f"{path}/x/y", path, recursive=True)
    assert not is_below(f"{path}/x/y", path, recursive=False)
    assert not is_below(f"{path}x", path, recursive=True)


def test_an_arn_of_elsewhere_points_nowhere():
    assert pointer("arn:aws:ssm:eu-west-1:000000000000:parameter/a", HEAD) is None


@pytest.mark.parametrize(
    ("text", "good"),
    [("prod", True), ("a.b-c_1", True), ("1a", False), ("AWSx", False), ("x" * 101, False)],
)
def test_labels(text, good):
    assert is_label(text) is good
