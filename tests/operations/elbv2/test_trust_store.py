"""Trust stores and their revocation lists, taken out of S3; listeners that verify by them."""

from datetime import timedelta

import pytest

from ecsd.errors import AwsError
from ecsd.ids import SeededIds
from ecsd.records.elbv2.load_balancer import Listener
from ecsd.records.elbv2.trust_store import TrustStore, TrustStoreRevocation
from ecsd.store.blobs import Blobs
from ecsd.store.trust_store_content import PATH, content_at
from tests.certificates.pems import NOW, pair, revocations
from tests.operations.conftest import AUTHORITY
from tests.operations.elbv2.conftest import At
from tests.operations.s3.conftest import Body

PREFIX = "arn:aws:elasticloadbalancing:us-east-1:000000000000"
NOBODY = f"{PREFIX}:truststore/no/0123456789abcdef"
MINE, OTHER = pair("root.test", authority=True), pair("other.test", authority=True)
CLIENT, SECOND = pair("client.test", issuer=MINE), pair("second.test", issuer=MINE)
BUNDLE = {"CaCertificatesBundleS3Bucket": "trust", "CaCertificatesBundleS3Key": "ca.pem"}
FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
FILTER = {"Field": "san-dns", "MatchType": "exact", "Value": "a.test", "Action": "accept"}
ARN = "TrustStoreArn"


@pytest.fixture
def blobs(tmp_path):
    kept = Blobs(tmp_path / "objects", SeededIds(11), bytes(32))
    yield kept
    kept.close()


@pytest.fixture
def elb(client, blobs):
    return client("elbv2", clock=At(NOW), blobs=blobs)


@pytest.fixture
async def put(client, blobs):
    """Put an object into the bucket ``trust``: ``version = await put("ca.pem", b"…")``."""
    s3 = client("s3", blobs=blobs, clock=At(NOW))
    await s3("CreateBucket", Bucket="trust")
    on = {"Status": "Enabled"}
    await s3("PutBucketVersioning", Bucket="trust", VersioningConfiguration=on)

    async def place(key, content):
        return (await s3("PutObject", Bucket="trust", Key=key, Body=Body(content)))["VersionId"]

    await place("ca.pem", MINE.body)
    await place("crl.pem", revocations(MINE, CLIENT))
    return place


@pytest.fixture
def trust(elb, put):
    """Make a trust store: ``store = await trust()``."""

    async def make(name="mine", **more):
        wanted = {"Name": name} | BUNDLE | more
        return (await elb("CreateTrustStore", **wanted))["TrustStores"][0]

    return make


def file(key="crl.pem", **more):
    return {"S3Bucket": "trust", "S3Key": key} | more


async def test_a_trust_store_keeps_what_it_was_made_of(elb, put, trust, store):
    made = await trust(Tags=[{"Key": "a", "Value": "b"}])
    arn = made[ARN]
    assert arn.startswith(f"{PREFIX}:truststore/mine/")
    assert made == {
        "Name": "mine",
        ARN: arn,
        "Status": "ACTIVE",
        "NumberOfCaCertificates": 1,
        "TotalRevokedEntries": 0,
    }
    await put("ca.pem", b"something else")
    [(_, held)] = store.everywhere(TrustStore)
    assert held.authorities == MINE.body.decode()
    [tags] = (await elb("DescribeTags", ResourceArns=[arn]))["TagDescriptions"]
    assert tags["Tags"] == [{"Key": "a", "Value": "b"}]
    await elb("RemoveTags", ResourceArns=[arn], TagKeys=["a"])
    [tags] = (await elb("DescribeTags", ResourceArns=[arn]))["TagDescriptions"]
    assert tags["Tags"] == []


async def test_a_version_of_the_bundle_may_be_named(elb, put, trust):
    old = await put("ca.pem", MINE.body + OTHER.body)
    await put("ca.pem", MINE.body)
    named = {"CaCertificatesBundleS3ObjectVersion": old}
    assert (await trust("old", **named))["NumberOfCaCertificates"] == 2
    made = await trust()
    changed = await elb("ModifyTrustStore", TrustStoreArn=made[ARN], **BUNDLE | named)
    assert changed["TrustStores"] == [made | {"NumberOfCaCertificates": 2}]
    assert (await elb("DescribeTrustStores", Names=["mine"]))["TrustStores"] == [
        made | {"NumberOfCaCertificates": 2}
    ]


async def test_trust_stores_are_found_by_name_by_arn_and_by_pages(elb, trust, refused):
    stores = [await trust(f"s{number}") for number in range(3)]
    first = await elb("DescribeTrustStores", PageSize=2)
    rest = await elb("DescribeTrustStores", PageSize=2, Marker=first["NextMarker"])
    assert first["TrustStores"] + rest["TrustStores"] == stores
    assert "NextMarker" not in rest
    found = await elb("DescribeTrustStores", TrustStoreArns=[stores[1][ARN]])
    assert found["TrustStores"] == [stores[1]]
    found = await elb("DescribeTrustStores", Names=["s2", "s0", "s2"])
    assert found["TrustStores"] == [stores[0], stores[2]]
    for request in ({"Names": ["s0", "no"]}, {"TrustStoreArns": [NOBODY]}):
        assert (await refused("DescribeTrustStores", **request))[0] == "TrustStoreNotFound"
    both = {"Names": ["s0"], "TrustStoreArns": [stores[0][ARN]]}
    assert (await refused("DescribeTrustStores", **both))[0] == "ValidationError"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"Name": "-a"}, "ValidationError"),
        ({"Name": "taken"}, "DuplicateTrustStoreName"),
        ({"CaCertificatesBundleS3Bucket": "nobody"}, "CaCertificatesBundleNotFound"),
        ({"CaCertificatesBundleS3Key": "none"}, "CaCertificatesBundleNotFound"),
        ({"CaCertificatesBundleS3ObjectVersion": "none"}, "CaCertificatesBundleNotFound"),
        ({"CaCertificatesBundleS3Key": "crl.pem"}, "InvalidCaCertificatesBundle"),
        ({"CaCertificatesBundleS3Key": "large"}, "InvalidCaCertificatesBundle"),
        ({"Tags": [{"Key": "a"}, {"Key": "a"}]}, "DuplicateTagKeys"),
    ],
)
async def test_what_no_trust_store_can_be_made_of_is_refused(put, trust, store, more, code):
    await put("large", bytes((1 << 20) + 1))
    await trust("taken")
    with pytest.raises(AwsError) as caught:
        await trust(**more)
    assert caught.value.code == code
    assert len(list(store.everywhere(TrustStore))) == 1


async def test_an_account_has_so_many_trust_stores(trust):
    for number in range(20):
        await trust(f"s{number}")
    with pytest.raises(AwsError) as caught:
        await trust("one-more")
    assert caught.value.code == "TooManyTrustStores"


async def test_revocation_lists_come_and_go_by_their_ids(elb, put, trust, refused, store):
    arn = (await trust())[ARN]
    await put("two.pem", revocations(MINE, CLIENT, SECOND))
    asked = [file(), file("two.pem", RevocationType="CRL")]
    added = await elb("AddTrustStoreRevocations", TrustStoreArn=arn, RevocationContents=asked)
    told = [
        {
            ARN: arn,
            "RevocationId": number,
            "RevocationType": "CRL",
            "NumberOfRevokedEntries": number,
        }
        for number in (1, 2)
    ]
    assert added["TrustStoreRevocations"] == told
    [shown] = (await elb("DescribeTrustStores"))["TrustStores"]
    assert shown["TotalRevokedEntries"] == 3

    async def described(**more):
        return await elb("DescribeTrustStoreRevocations", TrustStoreArn=arn, **more)

    first = await described(PageSize=1)
    rest = await described(PageSize=1, Marker=first["NextMarker"])
    assert first["TrustStoreRevocations"] + rest["TrustStoreRevocations"] == told
    assert (await described(RevocationIds=[2]))["TrustStoreRevocations"] == told[1:]
    await elb("RemoveTrustStoreRevocations", TrustStoreArn=arn, RevocationIds=[1])
    assert (await described())["TrustStoreRevocations"] == told[1:]
    for name, request in (
        ("RemoveTrustStoreRevocations", {"RevocationIds": [2, 1]}),
        ("DescribeTrustStoreRevocations", {"RevocationIds": [1]}),
        ("GetTrustStoreRevocationContent", {"RevocationId": 1}),
    ):
        assert (await refused(name, TrustStoreArn=arn, **request))[0] == "RevocationIdNotFound"
    added = await elb("AddTrustStoreRevocations", TrustStoreArn=arn, RevocationContents=[file()])
    assert added["TrustStoreRevocations"][0]["RevocationId"] == 3  # none is given twice
    await elb("DeleteTrustStore", TrustStoreArn=arn)
    assert list(store.everywhere(TrustStoreRevocation)) == []


@pytest.mark.parametrize(
    ("contents", "code"),
    [
        ([], "ValidationError"),
        ([{"S3Bucket": "trust"}], "ValidationError"),
        ([file(RevocationType="OCSP")], "ValidationError"),
        ([file("none")], "RevocationContentNotFound"),
        ([file(S3Bucket="nobody")], "RevocationContentNotFound"),
        ([file(), file("ca.pem")], "InvalidRevocationContent"),
        ([file("forged")], "InvalidRevocationContent"),
        ([file("large")], "InvalidRevocationContent"),
        ([file()] * 31, "TooManyTrustStoreRevocationEntries"),
    ],
)
async def test_what_revokes_nothing_is_refused(put, trust, store, refused, contents, code):
    await put("large", bytes((1 << 20) + 1))
    await put("forged", revocations(MINE._replace(key=OTHER.key), CLIENT))
    request = {ARN: (await trust())[ARN], "RevocationContents": contents}
    assert (await refused("AddTrustStoreRevocations", **request))[0] == code
    assert list(store.everywhere(TrustStoreRevocation)) == []


async def test_a_trust_store_has_so_many_lists_in_all(elb, trust, refused, monkeypatch):
    request = {ARN: (await trust())[ARN]}
    await elb("AddTrustStoreRevocations", **request, RevocationContents=[file()] * 20)
    more = {"RevocationContents": [file()] * 11}
    code, words = await refused("AddTrustStoreRevocations", **request, **more)
    assert (code, "30" in words) == ("TooManyTrustStoreRevocationEntries", True)
    place = "ecsd.operations.elbv2.trust_store_revocation"
    for limit, value in (("MOST_ENTRIES", 20), ("MOST_BYTES", 1000)):
        with monkeypatch.context() as lower:
            lower.setattr(f"{place}.{limit}", value)
            code, words = await refused(
                "AddTrustStoreRevocations", **request, RevocationContents=[file()]
            )
        assert (code, str(value) in words) == ("TooManyTrustStoreRevocationEntries", True)


async def test_what_it_holds_can_be_had_for_ten_minutes(elb, trust, store):
    arn = (await trust())[ARN]
    await elb("AddTrustStoreRevocations", TrustStoreArn=arn, RevocationContents=[file()])
    bundle = await elb("GetTrustStoreCaCertificatesBundle", TrustStoreArn=arn)
    revoked = await elb("GetTrustStoreRevocationContent", TrustStoreArn=arn, RevocationId=1)

    def had(answer, minutes=9):
        head, _, sealed = answer["Location"].partition(PATH)
        assert head == "http://127.0.0.1:4566"
        now = NOW + timedelta(minutes=minutes)
        return content_at(store, sealed, AUTHORITY.seal, now)

    assert had(bundle) == MINE.body.decode()
    assert had(revoked) == revocations_held(store)
    assert had(bundle, 10) is None
    assert content_at(store, "guess", AUTHORITY.seal, NOW) is None
    await elb("RemoveTrustStoreRevocations", TrustStoreArn=arn, RevocationIds=[1])
    assert had(revoked) is None


def revocations_held(store):
    [(_, held)] = store.everywhere(TrustStoreRevocation)
    return held.content


@pytest.fixture
def https(elb, balancer, network, imported):
    """Open an HTTPS listener: ``listener = await https(443, Mode="verify", …)``."""
    held = {}

    async def make(port=443, **mutual):
        if not held:
            held["LoadBalancerArn"] = (await balancer(await network()))["LoadBalancerArn"]
            held["Certificates"] = [{"CertificateArn": await imported()}]
        made = await elb(
            "CreateListener",
            Protocol="HTTPS",
            Port=port,
            DefaultActions=[FIXED],
            MutualAuthentication=mutual,
            **held,
        )
        return made["Listeners"][0]

    return make


async def test_a_listener_verifies_by_a_trust_store_that_stays_as_long(
    elb, trust, https, refused, store
):
    arn = (await trust())[ARN]
    made = await https(Mode="verify", TrustStoreArn=arn)
    told = {
        "Mode": "verify",
        ARN: arn,
        "IgnoreClientCertificateExpiry": False,
        "AdvertiseTrustStoreCaNames": "off",
    }
    assert made["MutualAuthentication"] == told
    assert await https(**told) == made
    users = {ARN: arn}
    found = (await elb("DescribeTrustStoreAssociations", **users))["TrustStoreAssociations"]
    assert found == [{"ResourceArn": made["LoadBalancerArn"]}]
    code, words = await refused("DeleteTrustStore", TrustStoreArn=arn)
    assert code == "TrustStoreInUse"
    assert "is currently in use by a listener" in words

    async def changed(**mutual):
        request = {"ListenerArn": made["ListenerArn"]}
        answer = await elb("ModifyListener", **request, MutualAuthentication=mutual)
        return answer["Listeners"][0]["MutualAuthentication"]

    wide = {"IgnoreClientCertificateExpiry": True, "AdvertiseTrustStoreCaNames": "on"}
    assert await changed(**told | wide) == told | wide
    kept = await elb("ModifyListener", ListenerArn=made["ListenerArn"], Port=444)
    assert kept["Listeners"][0]["MutualAuthentication"] == told | wide
    other = (await trust("other"))[ARN]
    assert await changed(Mode="verify", TrustStoreArn=other) == told | {ARN: other}
    assert await changed(Mode="off") == {"Mode": "off"}
    for each in (arn, other):
        await elb("DeleteTrustStore", TrustStoreArn=each)
    assert list(store.everywhere(TrustStore)) == []


@pytest.mark.parametrize(
    ("mutual", "code", "words"),
    [
        ({"Mode": "verify"}, "ValidationError", "TrustStoreArn"),
        ({"Mode": "verify", ARN: NOBODY}, "TrustStoreNotFound", NOBODY),
        ({"Mode": "verify", ARN: "arn:x"}, "ValidationError", "trust store ARN"),
        (
            {
                "Mode": "verify",
                ARN: NOBODY,
                "ClientCertificateIdentityFilters": [FILTER],
            },
            "ValidationError",
            "ClientCertificateIdentityFilters",
        ),
        ({"Mode": "off", "IgnoreClientCertificateExpiry": True}, "ValidationError", "Ignore"),
    ],
)
async def test_clients_that_nobody_could_verify_are_refused_before(
    https, store, mutual, code, words
):
    with pytest.raises(AwsError) as caught:
        await https(**mutual)
    assert (caught.value.code, words in caught.value.message) == (code, True), caught.value.message
    assert list(store.everywhere(Listener)) == []


async def test_a_load_balancer_verifies_on_so_many_listeners(elb, trust, https, refused):
    verify = {"Mode": "verify", ARN: (await trust())[ARN]}
    first, second = await https(443, **verify), await https(444, **verify)
    assert await https(444, **verify) == second
    third = await https(445, Mode="off")
    request = {"ListenerArn": third["ListenerArn"], "MutualAuthentication": verify}
    assert (await refused("ModifyListener", **request))[0] == "TooManyListeners"
    again = {"ListenerArn": first["ListenerArn"], "MutualAuthentication": verify}
    assert (await elb("ModifyListener", **again))["Listeners"] == [first]


async def test_nothing_is_shared_with_other_accounts(trust, https, refused):
    arn = (await trust())[ARN]
    made = await https(Mode="verify", TrustStoreArn=arn)
    name = "DeleteSharedTrustStoreAssociation"
    own = {ARN: arn, "ResourceArn": made["LoadBalancerArn"]}
    assert (await refused(name, **own))[0] == "DeleteAssociationSameAccount"
    assert (await refused(name, **own | {"ResourceArn": "arn:x"}))[0] == "AssociationNotFound"
    assert (await refused("GetResourcePolicy", ResourceArn=arn))[0] == "ResourceNotFound"


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("ModifyTrustStore", BUNDLE),
        ("DeleteTrustStore", {}),
        ("AddTrustStoreRevocations", {"RevocationContents": [file()]}),
        ("RemoveTrustStoreRevocations", {"RevocationIds": [1]}),
        ("DescribeTrustStoreRevocations", {}),
        ("DescribeTrustStoreAssociations", {}),
        ("DeleteSharedTrustStoreAssociation", {"ResourceArn": "arn:x"}),
        ("GetTrustStoreCaCertificatesBundle", {}),
        ("GetTrustStoreRevocationContent", {"RevocationId": 1}),
    ],
)
async def test_what_is_asked_of_no_trust_store_is_refused(put, refused, name, more):
    assert (await refused(name, TrustStoreArn=NOBODY, **more))[0] == "TrustStoreNotFound"
