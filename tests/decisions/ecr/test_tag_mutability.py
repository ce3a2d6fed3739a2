import pytest

from ecsd.decisions.ecr.tag_mutability import fault_in, may_move


@pytest.mark.parametrize(
    ("mutability", "filters", "tag", "moves"),
    [
        ("MUTABLE", (), "v1", True),
        ("IMMUTABLE", (), "v1", False),
        ("IMMUTABLE_WITH_EXCLUSION", ("latest", "dev-*"), "latest", True),
        ("IMMUTABLE_WITH_EXCLUSION", ("latest", "dev-*"), "dev-7", True),
        ("IMMUTABLE_WITH_EXCLUSION", ("latest", "dev-*"), "v1", False),
        ("IMMUTABLE_WITH_EXCLUSION", ("v.",), "v1", False),
        ("MUTABLE_WITH_EXCLUSION", ("v*",), "v1", False),
        ("MUTABLE_WITH_EXCLUSION", ("v*",), "latest", True),
    ],
)
def test_whether_a_tag_may_move(mutability, filters, tag, moves):
    assert may_move(mutability, filters, tag) is moves


@pytest.mark.parametrize(
    ("mutability", "filters", "words"),
    [
        ("MUTABLE", (), None),
        ("IMMUTABLE_WITH_EXCLUSION", ("a",), None),
        ("IMMUTABLE_WITH_EXCLUSION", (), "must be given"),
        ("IMMUTABLE", ("a",), "must be given"),
        ("MUTABLE_WITH_EXCLUSION", tuple("abcdef"), "at most 5"),
        ("MUTABLE_WITH_EXCLUSION", ("a*b*c*",), "at most 2"),
    ],
)
def test_a_setting_that_contradicts_itself_is_told(mutability, filters, words):
    fault = fault_in(mutability, filters)
    assert fault is None if words is None else words in fault
