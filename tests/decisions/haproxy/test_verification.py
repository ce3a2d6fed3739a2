"""Clients that are verified by trust stores, as HAProxy's configuration."""

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ecsd.decisions.haproxy.headers import VALIDITY_STEPS
from ecsd.decisions.haproxy.listener import compile_config
from ecsd.decisions.haproxy.tls import NO_SHARED_SESSIONS, bind_options, trust_files
from ecsd.errors import BalancerError
from ecsd.records.plan import TlsPlan, TrustStorePlan
from tests.certificates.pems import pair
from tests.decisions.listener_plans import PLACE, secure

OURS, THEIRS = (f"arn:aws:elasticloadbalancing:::truststore/{one}/1" for one in ("a", "b"))
ONE = TrustStorePlan(authorities="ONE\n")
LISTED = TrustStorePlan(authorities="ONE\n", revocations=("FIRST\n", "SECOND\n"))
ISSUER = pair("0" * 60, authority=True)
TLS = TlsPlan(ssl_policy="ELBSecurityPolicy-2016-08", default_certificate="arn:1")


def verifying(store=ONE, attributes=None, **more):
    made = secure()
    tls = replace(made.listeners[0].tls, trust_store=OURS, **more)
    own = replace(made.listeners[0], tls=tls, attributes=attributes or {})
    return replace(made, listeners=(own,), trust_stores={OURS: store})


def named(letter, *texts):
    digest = sha256("".join(texts).encode()).hexdigest()
    return f"/run/x/{letter}-{digest[:32]}.pem"


def binds(made):
    text = compile_config([made], {}, PLACE).text("/run/s")
    return [one for one in text.splitlines() if one.startswith("  bind ")]


def test_every_way_into_a_verifying_listener_requires_a_certificate():
    place = PLACE._replace(entrances={("127.64.0.1", 443)})
    text = compile_config([verifying()], {}, place).text("/run/s")
    lines = [one for one in text.splitlines() if one.startswith("  bind ")]
    assert len(lines) == 4  # two zones, the entrance, the edge's socket
    assert all(" verify required " in one for one in lines)
    assert "verify optional" not in text


@pytest.mark.parametrize(
    ("store", "more", "expected"),
    [
        (ONE, {}, "no-ca-names verify required ca-ignore-err 2,3,11,12 crt-ignore-err 3,11,12 "),
        (ONE, {"advertises_authorities": True}, "verify required ca-ignore-err 2,3,11,12"),
        (ONE, {"ignores_client_expiry": True}, "crt-ignore-err 3,11,12,10 "),
        (LISTED, {}, f"crl-file {named('r', *LISTED.revocations)} "),
    ],
)
def test_a_trust_store_s_wishes_are_options_of_the_bind(store, more, expected):
    for line in binds(verifying(store, **more)):
        assert f"ca-file {named('a', store.authorities)} " in line
        assert expected in f"{line} "
        assert ("no-ca-names" in line) is not more.get("advertises_authorities", False)
        assert ("crl-file" in line) is bool(store.revocations)


def test_its_files_belong_to_the_frame_and_are_named_after_what_is_in_them():
    def frame(store):
        config = compile_config([verifying(store)], {}, PLACE)
        return config.frame(), {
            path: text for path, text in config.lists.items() if not path.endswith(".list")
        }

    plain, files = frame(ONE)
    assert list(files.values()) == ["ONE\n"]
    listed, both = frame(LISTED)
    assert list(both.values()) == ["ONE\n", "FIRST\nSECOND\n"]
    other, changed = frame(replace(LISTED, revocations=("FIRST\n",)))
    assert len({plain, listed, other, frame(replace(ONE, authorities="TWO\n"))[0]}) == 4
    assert set(files) < set(both)
    assert set(both) != set(changed)


def test_where_clients_are_verified_no_session_is_shared_between_listeners():
    plain, one = secure(), replace(verifying(), load_balancer_arn="arn:other")
    assert NO_SHARED_SESSIONS not in compile_config([plain], {}, PLACE).text("/s")
    assert NO_SHARED_SESSIONS in compile_config([plain, one], {}, PLACE).text("/s")


def test_listeners_have_stores_of_their_own():
    made = verifying()
    first = made.listeners[0]
    second = replace(
        first, listener_arn="arn:2", port=8443, tls=replace(first.tls, trust_store=THEIRS)
    )
    two = replace(
        made,
        listeners=(first, second),
        trust_stores={OURS: ONE, THEIRS: TrustStorePlan(authorities="TWO\n")},
    )
    config = compile_config([two], {}, PLACE)
    by_content = {text: path for path, text in config.lists.items()}
    for port, text in ((443, "ONE\n"), (8443, "TWO\n")):
        lines = [one for one in binds(two) if f":{port} " in one]
        assert lines
        assert all(f"ca-file {by_content[text]} " in one for one in lines)


def test_without_its_store_a_listener_is_not_opened_to_anybody():
    lost = replace(verifying(), trust_stores={})
    with pytest.raises(BalancerError, match=OURS):
        compile_config([lost], {}, PLACE)
    with pytest.raises(BalancerError, match="arn:gone"):
        bind_options(replace(TLS, trust_store="arn:gone"), "/x", ())


def test_targets_are_told_by_the_balancer_alone_whatever_the_headers_are_called():
    key = "routing.http.request.x_amzn_mtls_clientcert_subject.header_name"
    text = compile_config([verifying(attributes={key: "X-Who's"})], {}, PLACE).text("/s")
    lines = [one.strip() for one in text.splitlines()]
    names = [f"X-Amzn-Mtls-Clientcert{one}" for one in ("", "-Serial-Number", "-Issuer")]
    names += ["X-Who\\x27s", "X-Amzn-Mtls-Clientcert-Validity", "X-Amzn-Mtls-Clientcert-Leaf"]
    gone = [f"http-request del-header {one}" for one in names]
    start = lines.index(gone[0])
    assert lines[start : start + 6] == gone
    told = [one.split()[2] for one in lines if one.startswith("http-request set-header")]
    assert [one for one in told if one in names] == names[1:]
    assert f"http-request set-header {names[3]} %[ssl_c_s_dn(,0,rfc2253)]" in lines


FIRST, LAST = datetime(1950, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
SPAN = int((LAST - FIRST).total_seconds())
TIMES = st.integers(0, SPAN).map(lambda seconds: FIRST + timedelta(seconds=seconds))


@given(st.tuples(TIMES, TIMES).map(sorted), st.text("09AZ_", min_size=1, max_size=60))
def test_the_validity_is_read_out_of_any_certificate(times, name):
    since, until = times
    made = pair(name, issuer=ISSUER, key=ISSUER.key, since=since, until=until).certificate
    text = made.public_bytes(Encoding.DER).hex().upper()
    for old, new in VALIDITY_STEPS:
        text = re.sub(old, new, text)
    first, second = (one.strftime("%Y-%m-%dT%H:%M:%SZ") for one in (since, until))
    assert text == f"NotBefore={first};NotAfter={second}"


WORDS = st.text(min_size=1).filter(lambda one: one.strip())


@given(WORDS, st.lists(WORDS, max_size=3), WORDS)
def test_what_users_bring_never_reaches_the_configuration(authorities, revoked, arn):
    store = TrustStorePlan(authorities=authorities, revocations=tuple(revoked))
    tls = replace(TLS, trust_store=arn)
    line = bind_options(tls, "/run/x", ("h2",), {arn: store})
    files = trust_files(tls, {arn: store}, "/run/x")
    assert set(files.values()) == {authorities, *(["".join(revoked)] if revoked else [])}
    plain = bind_options(
        replace(TLS, trust_store="a"),
        "/run/x",
        ("h2",),
        {"a": LISTED if revoked else ONE},
    )
    assert [len(one) for one in line.split()] == [len(one) for one in plain.split()]
