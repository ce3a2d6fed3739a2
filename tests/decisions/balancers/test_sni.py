"""Which certificate a name chooses."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.balancers.certificate import covers
from ecsd.decisions.balancers.sni import HOST, rank, sni_choices
from ecsd.records.acm.certificate import Certificate, X509Facts

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def certificate(arn, *names, key=("RSA-2048", 2048), signature="SHA256WITHRSA", days=100):
    facts = X509Facts(
        subject="",
        issuer="",
        serial="01",
        not_before=NOW,
        not_after=NOW + timedelta(days=days),
        key_algorithm=key[0],
        strength=key[1],
        signature_algorithm=signature,
        domain_names=names,
    )
    return Certificate(
        certificate_arn=arn,
        type="IMPORTED",
        domain_name=names[0] if names else "",
        subject_alternative_names=names,
        body="",
        sealed_key="",
        facts=facts,
        created_at=NOW,
    )


def chosen(certificates, host):
    """Return the certificates that HAProxy finds for a name, in order: exact, then wildcard."""
    choices = sni_choices(certificates)
    exact = [one.certificate_arn for one in choices if host in one.names]
    star = "*." + host.partition(".")[2]
    return exact + [one.certificate_arn for one in choices if star in one.names]


BETTER = [
    ({"key": ("EC-prime256v1", 256)}, {"key": ("RSA-4096", 4096)}),
    ({"signature": "SHA256WITHRSA"}, {"signature": "MD5WITHRSA", "key": ("RSA-4096", 4096)}),
    ({"key": ("RSA-3072", 3072)}, {"key": ("RSA-2048", 2048), "days": 900}),
    ({"key": ("EC-secp384r1", 384)}, {"key": ("EC-prime256v1", 256)}),
    ({"days": 200}, {"days": 100}),
]


@pytest.mark.parametrize(("better", "worse"), BETTER)
def test_the_better_certificate_is_chosen_whatever_the_order(better, worse):
    good = certificate("arn:good", "a.example.com", **better)
    bad = certificate("arn:bad", "a.example.com", **worse)
    assert chosen([bad, good], "a.example.com") == chosen([good, bad], "a.example.com")
    assert chosen([bad, good], "a.example.com")[0] == "arn:good"


def test_a_better_wildcard_goes_before_an_exact_name():
    exact = certificate("arn:exact", "a.example.com")
    wild = certificate("arn:wild", "*.example.com", key=("RSA-4096", 4096))
    assert chosen([exact, wild], "a.example.com")[0] == "arn:wild"
    assert chosen([exact, wild], "b.example.com") == ["arn:wild"]
    assert chosen([exact, wild], "b.a.example.com") == []


def test_names_are_compared_without_regard_to_case():
    assert sni_choices([certificate("arn:1", "A.Example.COM")])[0].names == ("a.example.com",)


@pytest.mark.parametrize(
    "name",
    ["a b", "a\nb", "!a.example.com", "a.example.com]", "#", "a.*.example.com", "", "é.example"],
)
def test_what_no_client_can_ask_for_is_no_name(name):
    assert sni_choices([certificate("arn:1", name)]) == ()
    assert sni_choices([certificate("arn:1", name, "good.example.com")])[0].names == (
        "good.example.com",
    )


labels = st.sampled_from(["a", "b", "example", "com", "*", "X", "a b", "!c", "[d]", ""])
names = st.lists(labels, min_size=1, max_size=4).map(".".join)
keys = st.sampled_from([("RSA-2048", 2048), ("RSA-4096", 4096), ("EC-prime256v1", 256)])
certificates = st.lists(
    st.builds(
        lambda number, names, key: certificate(f"arn:{number}", *names, key=key),
        st.integers(0, 10**6),
        st.lists(names, max_size=4),
        keys,
    ),
    max_size=6,
    unique_by=lambda one: one.certificate_arn,
)


@given(certificates, names)
def test_the_first_found_is_the_best_that_fits(held, host):
    host = host.lower()
    if not HOST.fullmatch(host) or host.startswith("*"):
        return
    fitting = [
        one
        for one in held
        if any(
            HOST.fullmatch(name.lower()) and covers(name.lower(), host)
            for name in one.facts.domain_names
        )
    ]
    found = chosen(held, host)
    assert set(found) == {one.certificate_arn for one in fitting}
    if fitting:
        assert found[0] == min(fitting, key=rank).certificate_arn


@given(st.lists(st.text(), max_size=5))
def test_nothing_but_names_reaches_the_list(texts):
    for choice in sni_choices([certificate("arn:1", *texts)]):
        assert all(HOST.fullmatch(name) for name in choice.names)
