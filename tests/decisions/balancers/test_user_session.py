"""Sessions in cookies: whole or not at all, as long as they last, and no shard too many."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.certificates.user_sessions import derived_key, seal, unseal
from ecsd.decisions.balancers.user_session import (
    MOST_SHARDS,
    SEPARATOR,
    SHARD,
    Session,
    expired_cookies,
    is_open,
    is_printable,
    joined,
    key_purpose,
    read_cookies,
    read_sealed,
    read_session,
    session_cookies,
    session_text,
)
from ecsd.ids import SeededIds
from tests.decisions.user_actions import KEYS, completed

KEY = derived_key(KEYS.session_key, "a")
WORDS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
SESSIONS = st.builds(
    Session, *(st.integers(0, 2**33) for _ in range(3)), WORDS, WORDS, WORDS, WORDS
)


@given(SESSIONS)
def test_a_session_is_read_as_it_was_written(session):
    assert read_session(session_text(session)) == session
    assert unseal(seal(session_text(session), KEY, SeededIds(1)), KEY) == session_text(session)


def test_what_is_no_session_is_none():
    assert read_session("1") is None
    assert read_session(SEPARATOR.join("12345678")) is None


@given(st.integers(0, MOST_SHARDS * SHARD), st.integers(0, MOST_SHARDS))
def test_a_cookie_is_whole_again_from_its_shards_whatever_was_there_before(length, before):
    value = "".join(chr(97 + number % 26) for number in range(length))
    cookies = {f"c-{number}": "old" for number in range(before)}
    given_headers = session_cookies("c", value, 1, cookies)
    for name, line in given_headers:
        assert name == "Set-Cookie"
        assert line.endswith("; Path=/; Secure; HttpOnly")
        key, _, content = line.partition(";")[0].partition("=")
        assert len(content) <= SHARD
        if content:
            cookies[key] = content
        else:
            del cookies[key]
    assert joined(cookies, "c") == value


def test_a_session_that_no_cookies_hold_is_none():
    assert session_cookies("c", "x" * (MOST_SHARDS * SHARD + 1), 1, {}) is None


def test_a_session_is_taken_away_shard_by_shard():
    gone = expired_cookies("c", {"c-0": "a", "c-3": "b", "d-0": "c"})
    assert [line.partition(";")[0] for _, line in gone] == ["c-0=", "c-3="]
    assert all("Expires=Thu, 01 Jan 1970 00:00:00 GMT" in line for _, line in gone)


@pytest.mark.parametrize(
    ("now", "timeout", "lasts"),
    [(100, 50, True), (149, 50, True), (150, 50, False), (199, 500, True), (200, 500, False)],
)
def test_a_session_lasts_as_its_rule_says_now_and_as_it_was_promised(now, timeout, lasts):
    assert is_open(Session(100, 200, 200, "me", "a", "c"), now, timeout) == lasts


@given(st.data())
def test_nothing_but_the_whole_opens(data):
    """Not with another tag, a shorter one, another nonce or content, nor under another key."""
    sealed = seal("a text", KEY, SeededIds(2))
    assert unseal(sealed, KEY) == "a text"
    spare = sealed.index("==") - 1  # of its bits four say nothing
    at = data.draw(st.integers(0, len(sealed) - 1).filter(lambda one: one != spare))
    other = data.draw(st.sampled_from("AQgw7+/=. x"))
    changed = sealed[:at] + other + sealed[at + 1 :]
    assert changed == sealed or unseal(changed, KEY) is None
    assert unseal(sealed[:at] + sealed[at + 1 :], KEY) is None
    assert unseal(sealed, derived_key(KEYS.session_key, "b")) is None


BASE64 = st.text("Aw9+/=", max_size=26)


@given(BASE64 | st.just("A" * 16), BASE64 | st.integers(0, 25).map("A".__mul__), BASE64)
def test_a_tag_is_whole_or_there_is_none(nonce, tag, content):
    """A shorter one would be as easily guessed as it is short."""
    for one in (tag, f"{tag}=", f"{tag}=="):
        found = read_sealed(f"{nonce}.{one}.{content}")
        assert found is None or (len(found.nonce), len(found.tag)) == (16, 24)
        assert found is None or re.fullmatch(r"[A-Za-z0-9+/]{22}==", found.tag)
    assert read_sealed(f"{'A' * 16}.{'A' * 22}==.QQ==")


def test_a_session_is_good_for_its_issuer_client_and_cookie():
    purposes = {
        tuple(key_purpose(completed(**one)))
        for one in (
            {},
            {"Issuer": "https://other.test"},
            {"ClientId": "other"},
            {"SessionCookieName": "other"},
        )
    }
    assert len(purposes) == 4
    assert len({derived_key(KEYS.session_key, *one) for one in purposes}) == 4
    assert key_purpose(completed(SessionTimeout=1)) == key_purpose(completed())


def test_cookies_are_read_from_every_header():
    headers = [("Cookie", "a=1; b=2=3;c"), ("X", "d=4"), ("cookie", "a=5; e=6")]
    assert read_cookies(headers) == {"a": "1", "b": "2=3", "c": "", "e": "6"}


@pytest.mark.parametrize("text", ["", " a", "a ", "a\r\nb", "a\x1fb", "é", 1, None])
def test_a_header_holds_printable_text_alone(text):
    assert not is_printable(text)
