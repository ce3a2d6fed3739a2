"""Names as Route 53 writes them, and the order that it lists them in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.dns.domain_name import NameProblem, canonical, is_within, order, resolved


@pytest.mark.parametrize(
    ("given_name", "stored", "asked"),
    [
        ("Example.COM", "example.com.", "example.com"),
        ("example.com.", "example.com.", "example.com"),
        ("*.example.com", "\\052.example.com.", "*.example.com"),
        ("\\052.example.com.", "\\052.example.com.", "*.example.com"),
        ("_sip._tcp.a-b.com", "_sip._tcp.a-b.com.", "_sip._tcp.a-b.com"),
        ("a@b.com", "a\\100b.com.", "a@b.com"),
    ],
)
def test_a_name_has_one_form(given_name, stored, asked):
    assert canonical(given_name) == stored
    assert resolved(stored) == asked


labels = st.text("abcXYZ019_-*@!", min_size=1, max_size=10)


@given(st.lists(labels, min_size=1, max_size=5).map(".".join))
def test_the_form_of_a_form_is_itself(name):
    stored = canonical(name)
    assert canonical(stored) == stored
    assert canonical(resolved(stored)) == stored
    assert resolved(stored) == name.lower()


@pytest.mark.parametrize("name", ["", ".", "a..b", "x" * 64, "a b", "é.com", "a\\b"])
def test_what_is_no_name_is_told(name):
    assert isinstance(canonical(name), NameProblem)


def test_names_are_ordered_from_their_ends():
    names = ["b.com.", "a.b.com.", "a.org.", "b-c.com.", "\\052.b.com."]
    assert sorted(names, key=order) == ["b-c.com.", "b.com.", "\\052.b.com.", "a.b.com.", "a.org."]


def test_a_name_is_within_its_zone():
    assert is_within("a.b.com.", "b.com.")
    assert is_within("b.com.", "b.com.")
    assert not is_within("ab.com.", "b.com.")
