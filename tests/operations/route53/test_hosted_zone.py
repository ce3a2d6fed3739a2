"""Hosted zones: made, shown, listed, associated, tagged, deleted."""

import pytest
from msgspec.structs import replace

from ecsd.records.route53.hosted_zone import HostedZone, ZoneVpc
from ecsd.store.scope import GLOBAL, Scope


async def test_a_public_zone_has_four_name_servers_and_two_records(ask):
    made = await ask(
        "CreateHostedZone",
        Name="Example.COM",
        CallerReference="once",
        HostedZoneConfig={"Comment": "ours"},
    )
    own = made["HostedZone"]["Id"]
    assert own.startswith("/hostedzone/Z")
    assert made["Location"].endswith(own)
    assert made["HostedZone"]["Name"] == "example.com."
    assert made["HostedZone"]["ResourceRecordSetCount"] == 2
    assert made["HostedZone"]["Config"] == {"Comment": "ours", "PrivateZone": False}
    assert "VPC" not in made
    servers = made["DelegationSet"]["NameServers"]
    assert len(set(servers)) == 4
    assert all(".awsdns-" in one for one in servers)
    shown = await ask("GetHostedZone", Id=own)
    assert shown["HostedZone"] == made["HostedZone"]
    assert shown["DelegationSet"]["NameServers"] == servers
    listed = (await ask("ListResourceRecordSets", HostedZoneId=own))["ResourceRecordSets"]
    assert [(one["Type"], one["TTL"]) for one in listed] == [("NS", 172800), ("SOA", 900)]
    assert [one["Value"] for one in listed[0]["ResourceRecords"]] == [f"{one}." for one in servers]
    (soa,) = listed[1]["ResourceRecords"]
    assert soa["Value"].endswith(" awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400")


async def test_a_private_zone_has_its_vpcs(ask, vpc):
    first, second = await vpc(), await vpc("10.1.0.0/16", "eu-west-1")
    made = await ask("CreateHostedZone", Name="corp", CallerReference="once", VPC=first)
    own = made["HostedZone"]["Id"]
    assert made["VPC"] == first
    assert made["HostedZone"]["Config"] == {"PrivateZone": True}
    await ask("AssociateVPCWithHostedZone", HostedZoneId=own, VPC=second, Comment="too")
    await ask("AssociateVPCWithHostedZone", HostedZoneId=own, VPC=second)
    shown = await ask("GetHostedZone", Id=own)
    assert shown["VPCs"] == [first, second]
    assert "DelegationSet" not in shown
    of_vpc = await ask("ListHostedZonesByVPC", **second)
    assert of_vpc["HostedZoneSummaries"] == [
        {
            "HostedZoneId": own.removeprefix("/hostedzone/"),
            "Name": "corp.",
            "Owner": {"OwningAccount": "000000000000"},
        }
    ]
    await ask("DisassociateVPCFromHostedZone", HostedZoneId=own, VPC=first)
    assert (await ask("GetHostedZone", Id=own))["VPCs"] == [second]
    assert (await ask("ListHostedZonesByVPC", **first))["HostedZoneSummaries"] == []


async def test_the_last_vpc_stays(refused, ask, vpc, zone):
    first, second = await vpc(), await vpc("10.1.0.0/16")
    own = await zone(VPC=first)

    async def code(name, vpc, zone_id=own):
        return (await refused(name, HostedZoneId=zone_id, VPC=vpc)).code

    assert await code("DisassociateVPCFromHostedZone", first) == "LastVPCAssociation"
    assert await code("DisassociateVPCFromHostedZone", second) == "VPCAssociationNotFound"
    public = await zone()
    assert await code("AssociateVPCWithHostedZone", second, public) == "PublicZoneVPCAssociation"
    gone = second | {"VPCId": "vpc-0"}
    assert await code("AssociateVPCWithHostedZone", gone) == "InvalidVPCId"
    elsewhere = second | {"VPCRegion": "eu-west-1"}
    assert await code("AssociateVPCWithHostedZone", elsewhere) == "InvalidVPCId"


async def test_a_vpc_asks_one_private_zone_of_a_name(refused, client, vpc, zone):
    first, second = await vpc(), await vpc("10.1.0.0/16")
    own = await zone("corp", VPC=first)
    other = await zone("corp", VPC=second)
    await zone("a.corp", VPC=first)  # below it is another name
    error = await refused("CreateHostedZone", Name="CORP.", CallerReference="x", VPC=first)
    assert error.code == "ConflictingDomainExists"
    assert error.message == (
        f"The VPC {first['VPCId']} in region us-east-1 has already been associated with the "
        f"hosted zone {own} with the same domain name."
    )
    error = await refused("AssociateVPCWithHostedZone", HostedZoneId=other, VPC=first)
    assert error.code == "ConflictingDomainExists"

    discovery = client("servicediscovery")
    made = await discovery("CreatePrivateDnsNamespace", Name="corp", Vpc=first["VPCId"])
    done = (await discovery("GetOperation", OperationId=made["OperationId"]))["Operation"]
    assert (done["Status"], done["ErrorCode"]) == ("FAIL", "CANNOT_CREATE_HOSTED_ZONE")
    assert own in done["ErrorMessage"]


async def test_a_caller_reference_makes_one_zone(ask, refused, zone):
    await zone(CallerReference="once")
    error = await refused("CreateHostedZone", Name="example.com", CallerReference="once")
    assert error.code == "HostedZoneAlreadyExists"
    assert error.message == (
        "A hosted zone has already been created with the specified caller reference."
    )
    await zone(CallerReference="twice")  # the same name again is another public zone
    assert (await ask("GetHostedZoneCount"))["HostedZoneCount"] == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a..com", "DomainLabelEmpty"),
        (".", "DomainNameEmpty"),
        ("x" * 64 + ".com", "DomainLabelTooLong"),
        (".".join(["x" * 60] * 5), "DomainNameTooLong"),
        ("a b.com", "UnsupportedCharacter"),
    ],
)
async def test_a_name_that_dns_cannot_carry_is_refused(refused, name, words):
    error = await refused("CreateHostedZone", Name=name, CallerReference="x")
    assert error.code == "InvalidDomainName"
    assert words in error.message


async def test_what_has_no_effect_is_refused_by_name(refused):
    request = {"Name": "example.com", "CallerReference": "x"}
    error = await refused("CreateHostedZone", **request, DelegationSetId="N1")
    assert "DelegationSetId" in error.message
    error = await refused("CreateHostedZone", **request, HostedZoneConfig={"PrivateZone": True})
    assert error.code == "InvalidInput"
    assert "VPCId and VPCRegion" in error.message
    error = await refused("CreateHostedZone", **request, VPC={"VPCId": "vpc-1"})
    assert "VPCRegion" in error.message


async def test_zones_are_listed_by_id_and_by_reversed_name(ask, refused, zone):
    names = ["b.com", "a.org", "x.a.org", "a.com"]
    ids = {name: await zone(name) for name in names}
    first = await ask("ListHostedZones", MaxItems="3")
    assert (first["IsTruncated"], first["MaxItems"]) == (True, "3")
    second = await ask("ListHostedZones", Marker=first["NextMarker"])
    shown = [one["Id"][12:] for page in (first, second) for one in page["HostedZones"]]
    assert shown == sorted(ids.values())
    assert (second["IsTruncated"], second["Marker"]) == (False, first["NextMarker"])

    first = await ask("ListHostedZonesByName", MaxItems="3")
    assert [one["Name"] for one in first["HostedZones"]] == ["a.com.", "b.com.", "a.org."]
    assert (first["NextDNSName"], first["NextHostedZoneId"]) == ("x.a.org.", ids["x.a.org"])
    second = await ask(
        "ListHostedZonesByName", DNSName=first["NextDNSName"], HostedZoneId=ids["x.a.org"]
    )
    assert [one["Name"] for one in second["HostedZones"]] == ["x.a.org."]
    assert (await refused("ListHostedZonesByName", HostedZoneId="Z1")).code == "InvalidInput"
    assert (await refused("ListHostedZones", MaxItems="none")).code == "InvalidInput"
    error = await refused(
        "ListHostedZonesByVPC", VPCId="vpc-1", VPCRegion="us-east-1", NextToken="?"
    )
    assert error.code == "InvalidPaginationToken"


async def test_a_comment_is_changed_and_taken_away(ask, zone):
    own = await zone()
    shown = await ask("UpdateHostedZoneComment", Id=own, Comment="new")
    assert shown["HostedZone"]["Config"]["Comment"] == "new"
    shown = await ask("UpdateHostedZoneComment", Id=own)
    assert "Comment" not in shown["HostedZone"]["Config"]


async def test_a_zone_is_deleted_and_unknown(ask, refused, zone):
    own = await zone()
    await ask("DeleteHostedZone", Id=own)
    error = await refused("GetHostedZone", Id=own)
    assert (error.code, error.message) == (
        "NoSuchHostedZone",
        f"No hosted zone found with ID: {own}",
    )
    assert (await refused("DeleteHostedZone", Id=own)).code == "NoSuchHostedZone"


async def test_tags_are_set_replaced_and_removed(ask, refused, zone):
    own = await zone()
    of = {"ResourceType": "hostedzone", "ResourceId": own}
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    await ask("ChangeTagsForResource", **of, AddTags=tags)
    await ask(
        "ChangeTagsForResource",
        **of,
        AddTags=[{"Key": "b", "Value": "3"}],
        RemoveTagKeys=["a"],
    )
    left = of | {"Tags": [{"Key": "b", "Value": "3"}]}
    assert (await ask("ListTagsForResource", **of))["ResourceTagSet"] == left
    several = await ask("ListTagsForResources", ResourceType="hostedzone", ResourceIds=[own])
    assert several["ResourceTagSets"] == [left]

    async def code(name, **request):
        return (await refused(name, **request)).code

    assert await code("ChangeTagsForResource", **of) == "InvalidInput"
    reserved = [{"Key": "aws:a", "Value": ""}]
    assert await code("ChangeTagsForResource", **of, AddTags=reserved) == "InvalidInput"
    many = [{"Key": f"k{number}", "Value": ""} for number in range(51)]
    assert await code("ChangeTagsForResource", **of, AddTags=many) == "InvalidInput"
    check = {"ResourceType": "healthcheck", "ResourceId": "1"}
    assert await code("ListTagsForResource", **check) == "NoSuchHealthCheck"
    gone = of | {"ResourceId": "Z0"}
    assert await code("ListTagsForResource", **gone) == "NoSuchHostedZone"


async def test_a_change_is_pending_until_the_hosts_are_told(ask, refused):
    made = await ask("CreateHostedZone", Name="example.com", CallerReference="once")
    info = made["ChangeInfo"]
    assert info["Id"].startswith("/change/C")
    assert (await ask("GetChange", Id=info["Id"]))["ChangeInfo"] == info
    assert info["Status"] == "PENDING"
    assert (await refused("GetChange", Id="C0")).code == "NoSuchChange"


async def test_a_zone_is_not_signed(ask, refused, vpc, zone):
    told = await ask("GetDNSSEC", HostedZoneId=await zone())
    assert told == {"Status": {"ServeSignature": "NOT_SIGNING"}, "KeySigningKeys": []}
    private = await zone(VPC=await vpc())
    assert (await refused("GetDNSSEC", HostedZoneId=private)).code == "InvalidArgument"


async def test_namespaces_of_every_region_are_zones_that_cloud_map_owns(ask, refused, client, vpc):
    own_vpc = await vpc("10.0.0.0/16", "eu-west-1")
    discovery = client("servicediscovery", region="eu-west-1")
    made = await discovery("CreatePrivateDnsNamespace", Name="prod.local", Vpc=own_vpc["VPCId"])
    operation = (await discovery("GetOperation", OperationId=made["OperationId"]))["Operation"]
    namespace_id = operation["Targets"]["NAMESPACE"]
    namespace = (await discovery("GetNamespace", Id=namespace_id))["Namespace"]
    zone_id = namespace["Properties"]["DnsProperties"]["HostedZoneId"]
    (only,) = (await ask("ListHostedZones"))["HostedZones"]
    assert only["Id"] == f"/hostedzone/{zone_id}"
    assert only["LinkedService"]["ServicePrincipal"] == "servicediscovery.amazonaws.com"
    shown = await ask("GetHostedZone", Id=zone_id)
    assert (shown["HostedZone"], shown["VPCs"]) == (only, [own_vpc])
    summaries = (await ask("ListHostedZonesByVPC", **own_vpc))["HostedZoneSummaries"]
    assert summaries[0]["Owner"] == {"OwningService": "servicediscovery.amazonaws.com"}

    config = {"DnsRecords": [{"Type": "SRV", "TTL": 7}]}
    service = await discovery(
        "CreateService", Name="web", NamespaceId=namespace_id, DnsConfig=config
    )
    await discovery(
        "RegisterInstance",
        ServiceId=service["Service"]["Id"],
        InstanceId="i1",
        Attributes={"AWS_INSTANCE_IPV4": "10.0.0.9", "AWS_INSTANCE_PORT": "80"},
    )
    listed = (await ask("ListResourceRecordSets", HostedZoneId=zone_id))["ResourceRecordSets"]
    assert [(one["Name"], one["Type"]) for one in listed] == [
        ("prod.local.", "NS"),
        ("prod.local.", "SOA"),
        ("web.prod.local.", "SRV"),
        ("i1.web.prod.local.", "A"),
    ]
    assert listed[2] == {
        "Name": "web.prod.local.",
        "Type": "SRV",
        "TTL": 7,
        "SetIdentifier": "i1",
        "MultiValueAnswer": True,
        "ResourceRecords": [{"Value": "1 1 80 i1.web.prod.local."}],
    }
    for name, request in (
        ("DeleteHostedZone", {"Id": zone_id}),
        ("UpdateHostedZoneComment", {"Id": zone_id}),
        ("DisassociateVPCFromHostedZone", {"HostedZoneId": zone_id, "VPC": own_vpc}),
    ):
        error = await refused(name, **request)
        assert (error.code, error.status) == ("AccessDenied", 403)
        assert namespace["Arn"] in error.message


async def test_zones_belong_to_the_account_and_to_no_region(client, store, zone):
    own = await zone()
    elsewhere = await client("route53", region="eu-west-1")("ListHostedZones")
    assert [one["Id"] for one in elsewhere["HostedZones"]] == [f"/hostedzone/{own}"]
    other = await client("route53", account="1" * 12)("ListHostedZones")
    assert other["HostedZones"] == []
    assert {scope.region for scope in store.scopes()} == {GLOBAL}


async def test_an_account_has_at_most_500_zones(refused, zone):
    for _ in range(500):
        await zone()
    error = await refused("CreateHostedZone", Name="example.com", CallerReference="x")
    assert error.code == "TooManyHostedZones"


async def test_a_zone_has_at_most_300_vpcs(refused, store, vpc, zone):
    own = await zone("corp", VPC=await vpc())
    async with store.transaction(Scope("000000000000", GLOBAL)) as change:
        (known,) = change.select(HostedZone)
        many = (ZoneVpc(vpc_id=f"vpc-{number}", region="us-east-1") for number in range(299))
        change.put(replace(known, vpcs=(*known.vpcs, *many)))
    error = await refused("AssociateVPCWithHostedZone", HostedZoneId=own, VPC=await vpc())
    assert error.code == "LimitsExceeded"


async def test_a_vpc_that_is_gone_can_be_taken_out(ask, client, vpc, zone):
    first, gone = await vpc(), await vpc("10.1.0.0/16")
    own = await zone("corp", VPC=first)
    await ask("AssociateVPCWithHostedZone", HostedZoneId=own, VPC=gone)
    await client("ec2")("DeleteVpc", VpcId=gone["VPCId"])
    await ask("DisassociateVPCFromHostedZone", HostedZoneId=own, VPC=gone)
    assert (await ask("GetHostedZone", Id=own))["VPCs"] == [first]
