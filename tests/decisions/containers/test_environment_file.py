"""Files of variables, and which of several wins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.containers.environment_file import Place, merged, parse_file, parse_place

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_ ]{0,5}", fullmatch=True)
values = st.text(st.characters(exclude_characters="\n\r", codec="utf-8"), min_size=1, max_size=8)
files = st.dictionaries(names, values, max_size=5)


@given(files, st.sampled_from(["\n", "\r\n"]))
def test_what_is_written_line_by_line_is_read(variables, end):
    content = end.join(f"{name}={value}" for name, value in variables.items())
    assert parse_file(content.encode()) == variables


@given(st.binary(max_size=60))
def test_any_bytes_are_read_without_comments_and_empty_values(content):
    for name, value in parse_file(content).items():
        assert name
        assert value
        assert not name.startswith("#")
        assert "=" not in name
        assert "\n" not in name + value


@given(st.lists(files, max_size=4))
def test_the_first_file_that_has_a_variable_wins(some):
    together = merged(some)
    assert set(together) == {name for one in some for name in one}
    for name, value in together.items():
        assert value == next(one[name] for one in some if name in one)


def test_lines_as_aws_takes_them():
    content = b'# comment\nA=1\nB= spaced \nC="quoted"\nD=x=y\n\nE=\n=F\nnothing\nA=2\n #G=1\n'
    assert parse_file(content) == {
        "A": "2",
        "B": " spaced ",
        "C": '"quoted"',
        "D": "x=y",
        " #G": "1",
    }


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("arn:aws:s3:::bucket/dir/prod.env", Place("bucket", "dir/prod.env")),
        ("arn:aws:s3:::bucket", None),
        ("s3://bucket/prod.env", None),
        ("", None),
    ],
)
def test_places(value, place):
    assert parse_place(value) == place
