"""A certificate's time, its names, how ownership is shown."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.balancers import certificate as decide
from ecsd.records.acm.certificate import Certificate, X509Facts

END = datetime(2027, 1, 1, tzinfo=UTC)


def certificate(kind="AMAZON_ISSUED"):
    facts = X509Facts(
        subject="CN=a.example.com",
        issuer="ecsd",
        serial="01",
        not_before=END - timedelta(days=198),
        not_after=END,
        key_algorithm="RSA-2048",
        strength=2048,
        signature_algorithm="SHA256WITHRSA",
        domain_names=("a.example.com",),
    )
    return Certificate(
        certificate_arn="arn:aws:acm:us-east-1:000000000000:certificate/1",
        type=kind,
        domain_name="a.example.com",
        subject_alternative_names=("a.example.com",),
        body="",
        sealed_key="",
        facts=facts,
        created_at=facts.not_before,
    )


def test_a_certificate_expires_after_its_last_moment():
    assert decide.status(certificate(), END) == "ISSUED"
    assert decide.status(certificate(), END + timedelta(seconds=1)) == "EXPIRED"


def test_what_is_issued_here_and_in_use_is_renewed_in_time():
    assert decide.is_renewable(certificate(), ["lb"])
    assert not decide.is_renewable(certificate(), [])
    assert not decide.is_renewable(certificate("IMPORTED"), ["lb"])
    assert decide.renewal_due(certificate()) == END - timedelta(days=45)


@given(st.integers(1, 45), st.floats(0, 200 * 86400))
def test_each_of_the_last_days_is_told_once(days, seconds):
    now = END - timedelta(seconds=seconds)
    following = decide.next_warning(certificate(), days, now)
    if following is None:
        assert END - now <= timedelta(days=1)
        return
    assert now < following < END
    assert decide.warns(certificate(), days, following)
    begin = END - timedelta(days=days)
    assert (following - begin) % timedelta(days=1) == timedelta(0)
    assert following == begin or following - now <= timedelta(days=1)


def test_nothing_is_told_after_its_end():
    assert decide.next_warning(certificate(), 45, END) is None
    assert not decide.warns(certificate(), 45, END)


def test_the_dns_record_has_awss_form_and_is_the_same_for_the_wildcard():
    one = decide.validation("000000000000", "example.com", "DNS", "example.com")
    wild = decide.validation("000000000000", "*.example.com", "DNS", "example.com")
    other = decide.validation("111111111111", "example.com", "DNS", "example.com")
    label, _, rest = one.record_name.partition(".")
    assert rest == "example.com."
    assert len(label) == 33
    value, zone, *tail = one.record_value.split(".")
    assert (len(value), len(zone), tail) == (33, 10, ["acm-validations", "aws", ""])
    assert (wild.record_name, wild.record_value) == (one.record_name, one.record_value)
    assert other.record_name != one.record_name


def test_mail_goes_to_the_five_names_of_the_validation_domain():
    shown = decide.validation("000000000000", "a.example.com", "EMAIL", "example.com")
    assert shown.record_name == ""
    assert "admin@example.com" in decide.mailboxes(shown.validation_domain)
    assert len(decide.mailboxes("*.example.com")) == 5


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        (("a.example.com", "example.com"), None),
        (("a.example.com", "a.example.com"), None),
        (("a.example.com", "ample.com"), "not a.example.com or a domain above"),
        (("b.example.com", "example.com"), "not a domain name of the certificate"),
    ],
)
def test_a_name_is_validated_by_itself_or_by_a_domain_above(option, wrong):
    found = decide.validation_domains(
        ["a.example.com"], [{"DomainName": option[0], "ValidationDomain": option[1]}]
    )
    if wrong is None:
        assert found == {"a.example.com": option[1]}
    else:
        assert wrong in found


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("example.com", True),
        ("*.example.com", True),
        ("xn--bcher-kva.example", True),
        ("web-0123456789.elb.localhost", True),
        ("localhost", False),
        ("*.*.example.com", False),
        ("a.*.example.com", False),
        ("-a.example.com", False),
        ("a..example.com", False),
        ("a b.example.com", False),
        (f"{'a' * 64}.example.com", False),
        (f"{'a.' * 127}com", False),
    ],
)
def test_names_that_a_certificate_may_have(name, good):
    assert decide.is_domain_name(name) is good


@pytest.mark.parametrize(
    ("pattern", "host", "covered"),
    [
        ("example.com", "EXAMPLE.com", True),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.b.example.com", False),
        ("a.example.com", "b.example.com", False),
    ],
)
def test_a_wildcard_stands_for_one_label(pattern, host, covered):
    assert decide.covers(pattern, host) is covered
