"""Records: batches of changes, and how they are listed."""

import pytest

BALANCER_ZONE = "Z35SXDOTRQ7X7K"


def simple(name, kind="A", *values, ttl=60, **more):
    values = values or ("10.0.0.1",)
    records = [{"Value": one} for one in values]
    return {"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": records} | more


def alias(name, target, zone_id, kind="A", *, evaluate=False, **more):
    leads = {"HostedZoneId": zone_id, "DNSName": target, "EvaluateTargetHealth": evaluate}
    return {"Name": name, "Type": kind, "AliasTarget": leads} | more


def batch(*changes):
    return {"Changes": [{"Action": how, "ResourceRecordSet": one} for how, one in changes]}


@pytest.fixture
def change(ask):
    """Change a zone: ``await change(zone_id, ("CREATE", record_set), …)``."""

    async def send(zone_id, *changes):
        answer = await ask(
            "ChangeResourceRecordSets", HostedZoneId=zone_id, ChangeBatch=batch(*changes)
        )
        return answer["ChangeInfo"]

    return send


@pytest.fixture
def faults(refused):
    """Return what InvalidChangeBatch says of changes."""

    async def send(zone_id, *changes):
        error = await refused(
            "ChangeResourceRecordSets", HostedZoneId=zone_id, ChangeBatch=batch(*changes)
        )
        assert error.code == "InvalidChangeBatch"
        assert error.message[0] + error.message[-1] == "[]"
        return error.message[1:-1]

    return send


@pytest.fixture
def listed(ask):
    """Return the records of a zone, but for those that it began with."""

    async def send(zone_id, **more):
        answer = await ask("ListResourceRecordSets", HostedZoneId=zone_id, **more)
        return [one for one in answer["ResourceRecordSets"] if one["Type"] not in {"NS", "SOA"}]

    return send


async def test_records_are_created_replaced_and_deleted(ask, change, listed, zone):
    own = await zone()
    web = simple("WWW.example.com", "A", "10.0.0.1", "10.0.0.2")
    info = await change(own, ("CREATE", web))
    assert info["Status"] == "PENDING"
    assert await listed(own) == [web | {"Name": "www.example.com."}]
    await change(own, ("UPSERT", simple("www.example.com.", "A", "10.0.0.3")))
    (shown,) = await listed(own)
    assert shown["ResourceRecords"] == [{"Value": "10.0.0.3"}]
    assert (await ask("GetHostedZone", Id=own))["HostedZone"]["ResourceRecordSetCount"] == 3
    await change(own, ("DELETE", shown))
    assert await listed(own) == []


async def test_a_batch_is_all_or_nothing(change, faults, listed, zone):
    own = await zone()
    words = await faults(
        own, ("CREATE", simple("a.example.com")), ("DELETE", simple("b.example.com"))
    )
    assert words == (
        "Tried to delete resource record set [name='b.example.com.', type='A'] but it was not found"
    )
    assert await listed(own) == []
    await change(own, ("CREATE", simple("a.example.com")))
    await change(
        own,
        ("DELETE", simple("a.example.com")),
        ("CREATE", simple("a.example.com", "CNAME", "b.example.com")),
    )
    (shown,) = await listed(own)
    assert shown["Type"] == "CNAME"


async def test_what_is_there_and_what_is_not_is_told(change, faults, zone):
    own = await zone()
    await change(own, ("CREATE", simple("a.example.com")))
    assert await faults(own, ("CREATE", simple("a.example.com"))) == (
        "Tried to create resource record set [name='a.example.com.', type='A'] but it already "
        "exists"
    )
    for other in (simple("a.example.com", ttl=1), simple("a.example.com", "A", "10.9.9.9")):
        assert await faults(own, ("DELETE", other)) == (
            "Tried to delete resource record set [name='a.example.com.', type='A'] but the values "
            "provided do not match the current values"
        )


async def test_every_fault_of_a_batch_is_told(faults, zone):
    own = await zone()
    words = await faults(
        own,
        ("CREATE", simple("a.example.org")),
        ("CREATE", simple("b.example.com", "A", "10.0.0")),
        ("CREATE", simple("example.com", "CNAME", "a.com")),
        ("CREATE", simple("a..example.com")),
        ("CREATE", simple("c.example.com", "NAPTR", "x")),
    )
    assert "RRSet with DNS name a.example.org. is not permitted in zone example.com." in words
    assert (
        "Invalid Resource Record: 'FATAL problem: ARRDATAIllegalIPv4Address (Value is not a valid "
        "IPv4 address) encountered with '10.0.0''"
    ) in words
    assert "RRSet of type CNAME with DNS name example.com. is not permitted at apex" in words
    assert "DomainLabelEmpty" in words
    assert "type NAPTR: the type is not supported by ecsd yet" in words


async def test_a_cname_stands_alone(change, faults, zone):
    own = await zone()
    await change(own, ("CREATE", simple("a.example.com", "CNAME", "b.com")))
    assert await faults(own, ("CREATE", simple("a.example.com", "TXT", '"x"'))) == (
        "RRSet of type TXT with DNS name a.example.com. is not permitted because a conflicting "
        "RRSet of type  CNAME with the same DNS name already exists in zone example.com."
    )
    await change(own, ("CREATE", simple("c.example.com")))
    assert await faults(own, ("CREATE", simple("c.example.com", "CNAME", "b.com"))) == (
        "RRSet of type CNAME with DNS name c.example.com. is not permitted as it conflicts with "
        "other records with the same DNS name in zone example.com."
    )


async def test_the_zones_own_ns_and_soa_stay(ask, change, faults, zone):
    own = await zone()
    records = (await ask("ListResourceRecordSets", HostedZoneId=own))["ResourceRecordSets"]
    words = await faults(own, *(("DELETE", one) for one in records))
    assert "must contain exactly one SOA record." in words
    assert "must contain at least one NS record for the zone itself." in words
    soa = records[1] | {"TTL": 60}
    await change(own, ("UPSERT", soa))
    records = (await ask("ListResourceRecordSets", HostedZoneId=own))["ResourceRecordSets"]
    assert records[1] == soa


async def test_weighted_and_multivalue_choices_have_identifiers(change, faults, listed, zone):
    own = await zone()
    light = simple("a.example.com", SetIdentifier="light", Weight=1)
    heavy = simple("a.example.com", SetIdentifier="heavy", Weight=255)
    await change(own, ("CREATE", light), ("CREATE", heavy))
    assert [one["SetIdentifier"] for one in await listed(own)] == ["heavy", "light"]
    assert "other RRSets exist" in await faults(own, ("CREATE", simple("a.example.com")))
    several = simple("a.example.com", SetIdentifier="x", MultiValueAnswer=True)
    assert await faults(own, ("CREATE", several)) == (
        "RRSet with DNS name a.example.com., type A, SetIdentifier x cannot be created as a "
        "non-weighted set exists with the same name and type."
    )
    slow = simple("a.example.com", SetIdentifier="slow", Weight=3, ttl=9)
    assert "must contain the same TTL" in await faults(own, ("CREATE", slow))
    many = [
        ("CREATE", simple("b.example.com", SetIdentifier=f"{n}", MultiValueAnswer=True))
        for n in range(3)
    ]
    await change(own, *many)
    assert [one.get("MultiValueAnswer") for one in await listed(own)][2:] == [True] * 3


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"Region": "us-east-1", "SetIdentifier": "x"}, "Region"),
        ({"Failover": "PRIMARY"}, "Missing field 'SetIdentifier'"),
        ({"Failover": "PRIMARY", "Weight": 1, "SetIdentifier": "x"}, "more than one"),
        ({"GeoLocation": {"CountryCode": "JP"}, "SetIdentifier": "x"}, "GeoLocation"),
        ({"SetIdentifier": "x"}, "Expected exactly one of [Weight, Region"),
        ({"Weight": 1}, "Missing field 'SetIdentifier'"),
        ({"Weight": 1, "MultiValueAnswer": True, "SetIdentifier": "x"}, "more than one"),
        ({"MultiValueAnswer": True, "SetIdentifier": "x", "Type": "CNAME"}, "MultiValueAnswer"),
        ({"TTL": None}, "but found none"),
    ],
)
async def test_what_has_no_effect_is_refused_by_name(refused, zone, more, words):
    one = simple("a.example.com") | more
    one = {key: value for key, value in one.items() if value is not None}
    error = await refused(
        "ChangeResourceRecordSets",
        HostedZoneId=await zone(),
        ChangeBatch=batch(("CREATE", one)),
    )
    assert error.code == "InvalidInput"
    assert words in error.message
    assert "Name=a.example.com" in error.message


async def test_an_alias_leads_to_a_name_of_its_zone(change, faults, listed, zone):
    own = await zone()
    front = alias("example.com", "www.example.com", own, evaluate=True)
    assert await faults(own, ("CREATE", front)) == (
        f"Tried to create an alias that targets www.example.com., type A in zone {own}, but the "
        "alias target name was not found"
    )
    await change(own, ("CREATE", front), ("CREATE", simple("www.example.com")))
    shown = (await listed(own))[0]
    assert shown == alias("example.com.", "www.example.com.", own, evaluate=True)
    other = alias("b.example.com", "bucket.s3.amazonaws.com", "Z3AQBSTGFYJSTF")
    assert "load balancers and names of the same zone alone" in await faults(own, ("CREATE", other))


async def test_an_alias_leads_to_a_load_balancer_of_any_region(
    client, change, faults, listed, zone, vpc
):
    region = "eu-west-1"
    made = await vpc("10.0.0.0/16", region)
    ec2, elbv2 = client("ec2", region=region), client("elbv2", region=region)
    subnets = []
    for number, place in ((1, "a"), (2, "b")):
        subnet = await ec2(
            "CreateSubnet",
            VpcId=made["VPCId"],
            CidrBlock=f"10.0.{number}.0/24",
            AvailabilityZone=f"{region}{place}",
        )
        subnets.append(subnet["Subnet"]["SubnetId"])
    answer = await elbv2("CreateLoadBalancer", Name="web", Subnets=subnets, Scheme="internal")
    (balancer,) = answer["LoadBalancers"]
    assert balancer["CanonicalHostedZoneId"] == BALANCER_ZONE
    own = await zone()
    name = balancer["DNSName"]
    await change(own, ("CREATE", alias("a.example.com", f"dualstack.{name}", BALANCER_ZONE)))
    (shown,) = await listed(own)
    assert shown["AliasTarget"]["DNSName"] == f"dualstack.{name}."
    await change(own, ("DELETE", alias("a.example.com", name, BALANCER_ZONE)))
    for wrong in (
        alias("a.example.com", f"x{name}", BALANCER_ZONE),
        alias("a.example.com", name, BALANCER_ZONE, "TXT"),
    ):
        assert "but that target was not found" in await faults(own, ("CREATE", wrong))


async def test_records_are_listed_by_reversed_name_and_in_pages(ask, refused, change, zone):
    own = await zone()
    names = ["*.example.com", "b.example.com", "a.b.example.com", "a.example.com"]
    await change(own, *(("CREATE", simple(one)) for one in names))
    heavy = simple("c.example.com", SetIdentifier="y", Weight=1)
    await change(own, ("CREATE", heavy), ("CREATE", heavy | {"SetIdentifier": "x"}))
    found, more = [], {}
    while True:
        page = await ask("ListResourceRecordSets", HostedZoneId=own, MaxItems="2", **more)
        assert len(page["ResourceRecordSets"]) <= 2
        found += page["ResourceRecordSets"]
        if not page["IsTruncated"]:
            break
        more = {
            "StartRecordName": page["NextRecordName"],
            "StartRecordType": page["NextRecordType"],
        }
        if "NextRecordIdentifier" in page:
            more["StartRecordIdentifier"] = page["NextRecordIdentifier"]
    assert [(one["Name"], one["Type"], one.get("SetIdentifier")) for one in found] == [
        ("example.com.", "NS", None),
        ("example.com.", "SOA", None),
        ("\\052.example.com.", "A", None),
        ("a.example.com.", "A", None),
        ("b.example.com.", "A", None),
        ("a.b.example.com.", "A", None),
        ("c.example.com.", "A", "x"),
        ("c.example.com.", "A", "y"),
    ]
    error = await refused("ListResourceRecordSets", HostedZoneId=own, StartRecordType="A")
    assert error.code == "InvalidInput"


async def test_a_zone_with_records_stays(ask, refused, change, zone):
    own = await zone()
    await change(own, ("CREATE", simple("a.example.com")))
    error = await refused("DeleteHostedZone", Id=own)
    assert error.code == "HostedZoneNotEmpty"
    await change(own, ("DELETE", simple("a.example.com")))
    await ask("DeleteHostedZone", Id=own)


async def test_too_much_at_once_is_refused(faults, zone):
    own = await zone()
    many = [("UPSERT", simple(f"n{n}.example.com")) for n in range(501)]
    assert "Number of records limit of 1000 exceeded." in await faults(own, *many)
    long = '"' + "x" * 250 + '" '
    texts = [("UPSERT", simple(f"n{n}.example.com", "TXT", long * 15)) for n in range(5)]
    assert await faults(own, *texts) == "Number of characters limit of 32000 exceeded."
