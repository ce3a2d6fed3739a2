"""Health checks by their API: made once, changed in turn, shown as they went."""

import pytest
from msgspec.structs import replace

from ecsd.clock import VIRTUAL_START
from ecsd.records.route53.health_check import CheckSeen, HealthCheck
from ecsd.settings import Settings
from ecsd.store.scope import GLOBAL, Scope

OWN = Scope("000000000000", GLOBAL)
WEB = {"Type": "HTTP", "IPAddress": "127.0.0.1", "Port": 8080, "ResourcePath": "/up"}
SHOWN = WEB | {
    "RequestInterval": 30,
    "FailureThreshold": 3,
    "MeasureLatency": False,
    "EnableSNI": False,
    "Inverted": False,
    "Disabled": False,
}


@pytest.fixture
def check(ask):
    """Make a check and return its id: ``await check()``, ``await check(Type="TCP", …)``."""
    count = iter(range(1000))

    async def make(reference=None, /, **config):
        made = await ask(
            "CreateHealthCheck",
            CallerReference=reference or f"c{next(count)}",
            HealthCheckConfig=config or WEB,
        )
        assert made["Location"].endswith(f"/healthcheck/{made['HealthCheck']['Id']}")
        return made["HealthCheck"]["Id"]

    return make


@pytest.fixture
def seen(store):
    """Enter how a check went: ``await seen(own, healthy=True, last=…)``."""

    async def enter(own, **what):
        async with store.transaction(OWN) as change:
            change.put(replace(change.get(HealthCheck, own), **what))

    return enter


async def shown(ask, own):
    return (await ask("GetHealthCheck", HealthCheckId=own))["HealthCheck"]


async def test_a_check_is_made_shown_listed_and_deleted(ask, refused, check):
    own = await check("r")
    one = await shown(ask, own)
    assert one["HealthCheckConfig"] == SHOWN
    assert (one["CallerReference"], one["HealthCheckVersion"]) == ("r", 1)
    others = [await check() for _ in range(3)]
    assert (await ask("GetHealthCheckCount"))["HealthCheckCount"] == 4
    found, more = [], {}
    while True:
        page = await ask("ListHealthChecks", MaxItems="3", **more)
        found += [each["Id"] for each in page["HealthChecks"]]
        if not page["IsTruncated"]:
            break
        more = {"Marker": page["NextMarker"]}
    assert found == sorted([own, *others])
    await ask("DeleteHealthCheck", HealthCheckId=own)
    for name in ("GetHealthCheck", "DeleteHealthCheck", "GetHealthCheckStatus"):
        error = await refused(name, HealthCheckId=own)
        assert (error.code, error.status) == ("NoSuchHealthCheck", 404)


async def test_a_caller_reference_makes_one_check(refused, ask, check):
    own = await check("r")
    assert await check("r") == own
    for config in (WEB | {"Port": 1}, WEB):
        error = await refused("CreateHealthCheck", CallerReference="r", HealthCheckConfig=config)
        assert error.code == "HealthCheckAlreadyExists"
        if config is not WEB:
            await ask("DeleteHealthCheck", HealthCheckId=own)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"Type": "CLOUDWATCH_METRIC"}, "CLOUDWATCH_METRIC"),
        ({"Type": "RECOVERY_CONTROL"}, "RECOVERY_CONTROL"),
        (WEB | {"InsufficientDataHealthStatus": "Healthy"}, "InsufficientDataHealthStatus"),
        (WEB | {"EndpointType": "PRIVATE"}, "EndpointType"),
        (WEB | {"HealthCheckSourceId": "x"}, "HealthCheckSourceId"),
        (WEB | {"IPAddress": "10.0.0.1"}, "10.0.0.1"),
        (
            {"Type": "CALCULATED", "HealthThreshold": 1, "ChildHealthChecks": ["x"]},
            "no health check x",
        ),
    ],
)
async def test_what_cannot_be_checked_is_refused_by_name(refused, config, words):
    error = await refused("CreateHealthCheck", CallerReference="r", HealthCheckConfig=config)
    assert error.code == "InvalidInput"
    assert words in error.message


async def test_strict_mode_keeps_this_machine_from_being_asked(client):
    ask = client("route53", settings=Settings(mode="strict"))
    with pytest.raises(Exception, match=r"127\.0\.0\.1"):
        await ask("CreateHealthCheck", CallerReference="r", HealthCheckConfig=WEB)


async def test_a_check_is_changed_at_the_version_that_is_known(ask, refused, check):
    own = await check(Type="HTTPS", FullyQualifiedDomainName="a.com", ResourcePath="/x")
    assert (await shown(ask, own))["HealthCheckConfig"]["EnableSNI"]
    await ask(
        "UpdateHealthCheck",
        HealthCheckId=own,
        HealthCheckVersion=1,
        FailureThreshold=5,
        Inverted=True,
        ResetElements=["ResourcePath"],
    )
    one = await shown(ask, own)
    assert one["HealthCheckVersion"] == 2
    config = one["HealthCheckConfig"]
    assert (config["FailureThreshold"], config["Inverted"]) == (5, True)
    assert "ResourcePath" not in config
    error = await refused("UpdateHealthCheck", HealthCheckId=own, HealthCheckVersion=1)
    assert (error.code, error.status) == ("HealthCheckVersionMismatch", 409)
    for more, words in (
        ({"IPAddress": "127.0.0.1"}, "IPAddress"),
        ({"SearchString": "x"}, "SearchString"),
        ({"HealthThreshold": 1}, "CALCULATED"),
        ({"ResetElements": ["FullyQualifiedDomainName"]}, "Either IPAddress"),
    ):
        error = await refused("UpdateHealthCheck", HealthCheckId=own, **more)
        assert (error.code, words in error.message) == ("InvalidInput", True)


async def test_a_sum_holds_its_children_and_never_itself(ask, refused, check):
    web = await check()
    below = await check(Type="CALCULATED", HealthThreshold=1, ChildHealthChecks=[web])
    above = await check(Type="CALCULATED", HealthThreshold=1, ChildHealthChecks=[below])
    assert (await shown(ask, above))["HealthCheckConfig"] == {
        "Type": "CALCULATED",
        "HealthThreshold": 1,
        "ChildHealthChecks": [below],
        "Inverted": False,
        "Disabled": False,
    }
    error = await refused("UpdateHealthCheck", HealthCheckId=below, ChildHealthChecks=[above])
    assert "among its own children" in error.message
    assert (await refused("DeleteHealthCheck", HealthCheckId=web)).code == "HealthCheckInUse"
    for name in ("GetHealthCheckStatus", "GetHealthCheckLastFailureReason"):
        error = await refused(name, HealthCheckId=above)
        assert (error.code, "CALCULATED" in error.message) == ("InvalidInput", True)
    await ask("UpdateHealthCheck", HealthCheckId=below, ResetElements=["ChildHealthChecks"])
    await ask("DeleteHealthCheck", HealthCheckId=web)


async def test_how_a_check_went_is_told_by_the_one_checker(ask, check, seen):
    own = await check()
    status, failure = "GetHealthCheckStatus", "GetHealthCheckLastFailureReason"
    for name in (status, failure):
        assert (await ask(name, HealthCheckId=own))["HealthCheckObservations"] == []
    well = CheckSeen(words="Success: x", at=VIRTUAL_START, checker="192.0.2.7")
    await seen(own, last=well, last_failure=CheckSeen(words="Failure: y", at=VIRTUAL_START))
    assert (await ask(status, HealthCheckId=own))["HealthCheckObservations"] == [
        {
            "Region": "us-east-1",
            "IPAddress": "192.0.2.7",
            "StatusReport": {"Status": "Success: x", "CheckedTime": VIRTUAL_START},
        }
    ]
    (told,) = (await ask(failure, HealthCheckId=own))["HealthCheckObservations"]
    assert told["StatusReport"]["Status"] == "Failure: y"
    assert "IPAddress" not in told
    ranges = (await ask("GetCheckerIpRanges"))["CheckerIpRanges"]
    assert ranges == ["127.0.0.1/32", "192.0.2.7/32"]
    await ask("UpdateHealthCheck", HealthCheckId=own, Disabled=True)
    assert (await ask(status, HealthCheckId=own))["HealthCheckObservations"] == []


async def test_checks_have_tags(ask, refused, check):
    own = await check()
    kind = {"ResourceType": "healthcheck"}
    tags = [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}]
    await ask("ChangeTagsForResource", **kind, ResourceId=own, AddTags=tags)
    await ask("ChangeTagsForResource", **kind, ResourceId=own, RemoveTagKeys=["a"])
    answer = await ask("ListTagsForResource", **kind, ResourceId=own)
    assert answer["ResourceTagSet"] == kind | {"ResourceId": own, "Tags": tags[1:]}
    answer = await ask("ListTagsForResources", **kind, ResourceIds=[own])
    assert len(answer["ResourceTagSets"]) == 1
    error = await refused("ListTagsForResource", **kind, ResourceId="x")
    assert error.code == "NoSuchHealthCheck"


async def test_an_account_has_so_many_checks(refused, check):
    for _ in range(200):
        await check()
    error = await refused("CreateHealthCheck", CallerReference="r", HealthCheckConfig=WEB)
    assert error.code == "TooManyHealthChecks"


def failover(which, value, **more):
    return {
        "Name": "www.example.com",
        "Type": "A",
        "TTL": 5,
        "ResourceRecords": [{"Value": value}],
        "SetIdentifier": which,
        "Failover": which,
    } | more


async def test_a_record_names_a_check_that_exists(ask, refused, zone, check):
    own, web = await zone(), await check()
    primary = failover("PRIMARY", "10.0.0.1", HealthCheckId=web)

    async def refusal(*records):
        changes = [{"Action": "UPSERT", "ResourceRecordSet": one} for one in records]
        batch = {"Changes": changes}
        return await refused("ChangeResourceRecordSets", HostedZoneId=own, ChangeBatch=batch)

    error = await refusal(primary | {"HealthCheckId": "x"})
    assert error.code == "NoSuchHealthCheck"
    error = await refusal(failover("PRIMARY", "10.0.0.1"))
    assert "A non-alias primary ResourceRecordSet must have" in error.message
    error = await refusal(primary, primary | {"SetIdentifier": "again"})
    assert "another PRIMARY" in error.message
    other = failover("w", "10.0.0.1") | {"MultiValueAnswer": True}
    del other["Failover"]
    assert "non-failover" in (await refusal(other, primary)).message
    both = [primary, failover("SECONDARY", "10.0.0.2")]
    changes = [{"Action": "CREATE", "ResourceRecordSet": one} for one in both]
    await ask("ChangeResourceRecordSets", HostedZoneId=own, ChangeBatch={"Changes": changes})
    answer = await ask("ListResourceRecordSets", HostedZoneId=own)
    listed = [one for one in answer["ResourceRecordSets"] if one["Type"] == "A"]
    assert listed == [one | {"Name": "www.example.com."} for one in both]
    await ask("DeleteHealthCheck", HealthCheckId=web)
    changes = [{"Action": "DELETE", "ResourceRecordSet": one} for one in both]
    await ask("ChangeResourceRecordSets", HostedZoneId=own, ChangeBatch={"Changes": changes})
