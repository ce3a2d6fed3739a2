"""Certificates as clients of Certificate Manager see them."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ecsd.errors import AwsError
from ecsd.records.acm.certificate import Certificate
from ecsd.records.elbv2.load_balancer import Listener
from tests.certificates.pems import NOW, pair
from tests.conftest import SCOPE
from tests.operations.conftest import AUTHORITY

MISSING = "arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-4000-8000-000000000000"
BALANCER = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/web/1"
EC = {"KeyAlgorithm": "EC_prime256v1"}
ALL = {"Includes": {"keyTypes": ["RSA_2048", "EC_prime256v1"]}}


class Hand:
    """A clock that is set by hand."""

    def __init__(self):
        self.time = NOW

    def now(self):
        return self.time


@pytest.fixture
def hand():
    return Hand()


@pytest.fixture
def acm(client, hand):
    return client("acm", clock=hand)


@pytest.fixture
def refused(acm):
    async def ask(name, **request):
        with pytest.raises(AwsError) as caught:
            await acm(name, **request)
        return caught.value.code, caught.value.message

    return ask


@pytest.fixture
def requested(acm):
    """Ask for a certificate and return its ARN."""

    async def ask(name="www.example.com", **more):
        wanted = {"DomainName": name, "ValidationMethod": "DNS"} | EC
        return (await acm("RequestCertificate", **wanted | more))["CertificateArn"]

    return ask


@pytest.fixture
def described(acm):
    async def ask(arn):
        return (await acm("DescribeCertificate", CertificateArn=arn))["Certificate"]

    return ask


@pytest.fixture
def in_use(store):
    """Have a load balancer serve a certificate."""

    async def serve(arn):
        async with store.transaction(SCOPE) as change:
            change.put(
                Listener(
                    listener_arn=f"{BALANCER}/1".replace(":loadbalancer/", ":listener/"),
                    load_balancer_arn=BALANCER,
                    port=443,
                    protocol="HTTPS",
                    default_actions=(),
                    default_certificate=arn,
                    certificate_arns=(arn,),
                )
            )

    return serve


async def test_a_requested_certificate_is_issued_at_once(acm, requested, described):
    arn = await requested(SubjectAlternativeNames=["example.com", "www.example.com"])
    shown = await described(arn)
    assert (shown["Status"], shown["Type"]) == ("ISSUED", "AMAZON_ISSUED")
    assert shown["SubjectAlternativeNames"] == ["www.example.com", "example.com"]
    assert shown["KeyAlgorithm"] == "EC-prime256v1"
    assert shown["NotAfter"] - shown["IssuedAt"] == timedelta(days=198)
    assert shown["ExtendedKeyUsages"] == [
        {"Name": "TLS_WEB_SERVER_AUTHENTICATION", "OID": "1.3.6.1.5.5.7.3.1"}
    ]
    assert (shown["InUseBy"], shown["RenewalEligibility"]) == ([], "INELIGIBLE")
    first, second = shown["DomainValidationOptions"]
    assert first["ValidationStatus"] == "SUCCESS"
    assert first["ResourceRecord"]["Type"] == "CNAME"
    assert first["ResourceRecord"]["Name"].endswith(".www.example.com.")
    assert first["ResourceRecord"] != second["ResourceRecord"]
    got = await acm("GetCertificate", CertificateArn=arn)
    certificate = x509.load_pem_x509_certificate(got["Certificate"].encode())
    root = x509.load_pem_x509_certificate(got["CertificateChain"].encode())
    certificate.verify_directly_issued_by(root)


async def test_the_default_key_is_rsa_of_2048_bits(acm, described):
    made = await acm("RequestCertificate", DomainName="*.example.com")
    shown = await described(made["CertificateArn"])
    assert shown["KeyAlgorithm"] == "RSA-2048"
    assert [one["Name"] for one in shown["KeyUsages"]] == ["DIGITAL_SIGNATURE", "KEY_ENCIPHERMENT"]
    [validation] = shown["DomainValidationOptions"]
    assert validation["ValidationMethod"] == "EMAIL"
    assert "hostmaster@example.com" in validation["ValidationEmails"]


async def test_mail_may_go_to_a_domain_above(acm, requested, described, refused):
    option = {"DomainName": "www.example.com", "ValidationDomain": "example.com"}
    arn = await requested(ValidationMethod="EMAIL", DomainValidationOptions=[option])
    [validation] = (await described(arn))["DomainValidationOptions"]
    assert validation["ValidationDomain"] == "example.com"
    code, words = await refused(
        "RequestCertificate",
        DomainName="www.example.com",
        DomainValidationOptions=[option | {"ValidationDomain": "example.org"}],
    )
    assert code == "InvalidDomainValidationOptionsException"
    assert "example.org" in words


async def test_the_private_key_is_stored_sealed_and_fits(acm, requested, store):
    arn = await requested()
    kept = store.view(SCOPE).get(Certificate, arn)
    assert "PRIVATE" not in kept.sealed_key
    key = load_pem_private_key(AUTHORITY.seal.unseal(kept.sealed_key, arn).encode(), None)
    body = (await acm("GetCertificate", CertificateArn=arn))["Certificate"]
    assert key.public_key() == x509.load_pem_x509_certificate(body.encode()).public_key()


async def test_a_token_asks_for_one_certificate_within_an_hour(acm, requested, hand):
    first = await requested(IdempotencyToken="t1")
    assert await requested(IdempotencyToken="t1") == first
    assert await requested(IdempotencyToken="t2") != first
    assert await requested("other.example.com", IdempotencyToken="t1") != first
    hand.time += timedelta(hours=1)
    assert await requested(IdempotencyToken="t1") != first


@pytest.mark.parametrize(
    ("more", "code", "word"),
    [
        ({"DomainName": "localhost"}, "InvalidParameterException", "localhost"),
        ({"DomainName": f"{'a' * 60}.example.com"}, "InvalidParameterException", "64"),
        ({"KeyAlgorithm": "RSA_4096"}, "InvalidParameterException", "RSA_4096"),
        ({"ValidationMethod": "HTTP"}, "InvalidParameterException", "HTTP"),
        ({"Options": {"Export": "ENABLED"}}, "InvalidParameterException", "Export"),
        ({"ManagedBy": "CLOUDFRONT"}, "InvalidParameterException", "ManagedBy"),
        ({"RootHierarchyType": "N2_AMAZON_MANAGED"}, "InvalidParameterException", "RootHier"),
        (
            {"CertificateAuthorityArn": MISSING.replace(":acm:", ":acm-pca:")},
            "InvalidParameterException",
            "CertificateAuthorityArn",
        ),
        ({"Tags": [{"Key": "aws:x", "Value": "1"}]}, "InvalidTagException", "aws:x"),
    ],
)
async def test_what_cannot_be_issued_is_refused_by_name(refused, more, code, word):
    found, words = await refused("RequestCertificate", **{"DomainName": "a.example.com"} | more)
    assert found == code
    assert word in words


async def test_an_import_is_told_of_as_it_is(acm, described, refused):
    issuer = pair("Mine", authority=True)
    mine = pair("a.example.com", "b.example.com", issuer=issuer)
    made = await acm(
        "ImportCertificate",
        Certificate=mine.body,
        PrivateKey=mine.private_key,
        CertificateChain=issuer.body,
        Tags=[{"Key": "who", "Value": "me"}],
    )
    arn = made["CertificateArn"]
    shown = await described(arn)
    assert (shown["Status"], shown["Type"]) == ("ISSUED", "IMPORTED")
    assert (shown["DomainName"], shown["Issuer"]) == ("a.example.com", "Mine")
    assert shown["RenewalEligibility"] == "INELIGIBLE"
    assert not {"DomainValidationOptions", "IssuedAt", "Options", "RenewalSummary"} & set(shown)
    assert shown["ImportedAt"] == NOW
    got = await acm("GetCertificate", CertificateArn=arn)
    assert got == {"Certificate": mine.body.decode(), "CertificateChain": issuer.body.decode()}
    assert (await acm("ListTagsForCertificate", CertificateArn=arn))["Tags"] == [
        {"Key": "who", "Value": "me"}
    ]
    code, words = await refused("RenewCertificate", CertificateArn=arn)
    assert (code, "not eligible" in words) == ("ValidationException", True)


async def test_an_import_again_keeps_the_arn_and_takes_the_new_contents(acm, described, refused):
    old, new = pair("a.example.com"), pair("a.example.com", "b.example.com")
    made = await acm("ImportCertificate", Certificate=old.body, PrivateKey=old.private_key)
    arn = made["CertificateArn"]
    again = {"CertificateArn": arn, "Certificate": new.body, "PrivateKey": new.private_key}
    assert await acm("ImportCertificate", **again) == {"CertificateArn": arn}
    assert (await described(arn))["SubjectAlternativeNames"] == ["a.example.com", "b.example.com"]
    assert (await acm("GetCertificate", CertificateArn=arn))["Certificate"] == new.body.decode()
    code, _ = await refused("ImportCertificate", **again, Tags=[{"Key": "a", "Value": "b"}])
    assert code == "InvalidParameterException"
    other = pair("c.example.com")
    again |= {"Certificate": other.body, "PrivateKey": other.private_key}
    code, words = await refused("ImportCertificate", **again)
    assert (code, "a.example.com" in words) == ("ValidationException", True)


async def test_what_was_issued_cannot_be_imported_again(requested, refused):
    mine = pair("www.example.com")
    code, words = await refused(
        "ImportCertificate",
        CertificateArn=await requested(),
        Certificate=mine.body,
        PrivateKey=mine.private_key,
    )
    assert (code, "was not imported" in words) == ("ValidationException", True)


async def test_an_unfit_import_is_refused_with_its_reason(refused):
    mine, other = pair("a.example.com"), pair("a.example.com")
    code, words = await refused(
        "ImportCertificate", Certificate=mine.body, PrivateKey=other.private_key
    )
    assert (code, words) == (
        "ValidationException",
        "The private key does not match the certificate.",
    )
    nameless = pair()
    code, words = await refused(
        "ImportCertificate", Certificate=nameless.body, PrivateKey=nameless.private_key
    )
    assert (code, "names no domain" in words) == ("ValidationException", True)


async def test_a_certificate_in_use_is_not_deleted(acm, requested, described, in_use, refused):
    arn = await requested()
    await in_use(arn)
    shown = await described(arn)
    assert (shown["InUseBy"], shown["RenewalEligibility"]) == ([BALANCER], "ELIGIBLE")
    code, words = await refused("DeleteCertificate", CertificateArn=arn)
    assert code == "ResourceInUseException"
    assert words == f"Certificate {arn} in account 000000000000 is in use."
    free = await requested()
    await acm("DeleteCertificate", CertificateArn=free)
    code, words = await refused("DescribeCertificate", CertificateArn=free)
    assert (code, words) == ("ResourceNotFoundException", f"Could not find certificate {free}.")


async def test_a_renewal_by_hand_issues_anew(acm, requested, described, in_use, hand, store):
    arn = await requested()
    before = await described(arn)
    await in_use(arn)
    hand.time += timedelta(days=10)
    await acm("RenewCertificate", CertificateArn=arn)
    after = await described(arn)
    assert after["NotAfter"] - before["NotAfter"] == timedelta(days=10)
    assert after["Serial"] != before["Serial"]
    assert after["SubjectAlternativeNames"] == before["SubjectAlternativeNames"]
    assert after["RenewalSummary"]["RenewalStatus"] == "SUCCESS"
    assert after["RenewalSummary"]["UpdatedAt"] == hand.time
    kept = store.view(SCOPE).get(Certificate, arn)
    key = load_pem_private_key(AUTHORITY.seal.unseal(kept.sealed_key, arn).encode(), None)
    assert key.public_key() == x509.load_pem_x509_certificate(kept.body.encode()).public_key()


async def test_a_certificate_expires(requested, described, hand, acm):
    arn = await requested()
    hand.time += timedelta(days=198, seconds=1)
    assert (await described(arn))["Status"] == "EXPIRED"
    wanted = {"CertificateStatuses": ["ISSUED"]} | ALL
    assert (await acm("ListCertificates", **wanted))["CertificateSummaryList"] == []


async def test_nothing_is_exported(requested, refused):
    code, words = await refused(
        "ExportCertificate", CertificateArn=await requested(), Passphrase=b"secret"
    )
    assert (code, "cannot be exported" in words) == ("ValidationException", True)


async def test_lists_are_filtered(acm, requested, in_use):
    served = await requested()
    await in_use(served)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    mine = pair("b.example.com", key=key)
    made = await acm("ImportCertificate", Certificate=mine.body, PrivateKey=mine.private_key)
    brought = made["CertificateArn"]

    async def listed(**request):
        found = await acm("ListCertificates", **request)
        return [one["CertificateArn"] for one in found["CertificateSummaryList"]]

    assert await listed() == [brought]  # RSA alone, unless key types are named
    assert set(await listed(**ALL)) == {served, brought}
    assert await listed(Includes={"keyTypes": ["EC_prime256v1"]}) == [served]
    usage = {"extendedKeyUsage": ["TLS_WEB_SERVER_AUTHENTICATION"]}
    assert await listed(Includes=ALL["Includes"] | usage) == [served]
    assert await listed(Includes=ALL["Includes"] | {"keyUsage": ["CRL_SIGNING"]}) == []
    assert await listed(Includes={"exportOption": "ENABLED"}) == []
    assert await listed(CertificateKeyPairOrigins=["AWS_MANAGED"], **ALL) == [served]
    assert await listed(CertificateStatuses=["EXPIRED"], **ALL) == []
    [one] = (await acm("ListCertificates", Includes={"keyTypes": ["EC_prime256v1"]}))[
        "CertificateSummaryList"
    ]
    assert one["InUse"]
    assert one["DomainName"] == "www.example.com"


async def test_lists_come_in_pages(acm, requested, hand, refused):
    made = []
    for number in range(5):
        hand.time += timedelta(seconds=1)
        made.append(await requested(f"h{number}.example.com"))
    seen, token = [], {}
    while True:
        answer = await acm("ListCertificates", MaxItems=2, **ALL, **token)
        seen += [one["CertificateArn"] for one in answer["CertificateSummaryList"]]
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert seen == made
    newest = await acm(
        "ListCertificates", MaxItems=1, SortBy="CREATED_AT", SortOrder="DESCENDING", **ALL
    )
    assert newest["CertificateSummaryList"][0]["CertificateArn"] == made[-1]
    assert (await refused("ListCertificates", NextToken="?"))[0] == "ValidationException"
    assert (await refused("ListCertificates", SortBy="CREATED_AT"))[0] == "ValidationException"


async def test_tags_come_and_go(acm, requested, refused):
    arn = await requested(Tags=[{"Key": "a", "Value": "1"}])
    await acm(
        "AddTagsToCertificate",
        CertificateArn=arn,
        Tags=[{"Key": "a", "Value": "2"}, {"Key": "b"}, {"Key": "c", "Value": "3"}],
    )
    await acm(
        "RemoveTagsFromCertificate",
        CertificateArn=arn,
        Tags=[{"Key": "a", "Value": "1"}, {"Key": "b"}, {"Key": "c", "Value": "3"}],
    )
    tags = (await acm("ListTagsForCertificate", CertificateArn=arn))["Tags"]
    assert tags == [{"Key": "a", "Value": "2"}]
    many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    code, _ = await refused("AddTagsToCertificate", CertificateArn=arn, Tags=many)
    assert code == "TooManyTagsException"


async def test_options_are_kept_for_what_is_issued_here(acm, requested, described, refused):
    arn = await requested()
    disabled = {"CertificateTransparencyLoggingPreference": "DISABLED"}
    await acm("UpdateCertificateOptions", CertificateArn=arn, Options=disabled)
    assert (await described(arn))["Options"] == disabled | {"Export": "DISABLED"}
    for options, word in (
        ({"Export": "ENABLED"}, "Export"),
        ({"ValidationMethod": "DNS"}, "ValidationMethod"),
    ):
        code, words = await refused("UpdateCertificateOptions", CertificateArn=arn, Options=options)
        assert (code, word in words) == ("InvalidParameterException", True)
    mine = pair("a.example.com")
    made = await acm("ImportCertificate", Certificate=mine.body, PrivateKey=mine.private_key)
    code, _ = await refused("UpdateCertificateOptions", **made, Options=disabled)
    assert code == "InvalidStateException"


async def test_the_account_says_when_to_be_told(acm, refused):
    assert (await acm("GetAccountConfiguration"))["ExpiryEvents"] == {"DaysBeforeExpiry": 45}
    await acm("PutAccountConfiguration", IdempotencyToken="t", ExpiryEvents={"DaysBeforeExpiry": 7})
    assert (await acm("GetAccountConfiguration"))["ExpiryEvents"] == {"DaysBeforeExpiry": 7}
    code, _ = await refused(
        "PutAccountConfiguration", IdempotencyToken="t", ExpiryEvents={"DaysBeforeExpiry": 90}
    )
    assert code == "ValidationException"


async def test_an_unknown_certificate_is_refused_everywhere(refused):
    calls = [
        ("DescribeCertificate", {}),
        ("GetCertificate", {}),
        ("DeleteCertificate", {}),
        ("RenewCertificate", {}),
        ("ListTagsForCertificate", {}),
        ("AddTagsToCertificate", {"Tags": [{"Key": "a"}]}),
        ("RemoveTagsFromCertificate", {"Tags": [{"Key": "a"}]}),
        ("UpdateCertificateOptions", {"Options": {"Export": "DISABLED"}}),
        ("ExportCertificate", {"Passphrase": b"secret"}),
    ]
    for name, more in calls:
        assert (await refused(name, CertificateArn=MISSING, **more))[0] == (
            "ResourceNotFoundException"
        )
        wrong = MISSING.replace(":certificate/", ":thing/")
        assert (await refused(name, CertificateArn=wrong, **more))[0] == "InvalidArnException"
