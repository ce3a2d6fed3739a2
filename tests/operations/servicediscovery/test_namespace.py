"""Namespaces, operations and tags."""

import pytest

from ecsd.clock import VirtualClock


async def test_a_private_namespace_is_shown_with_its_zone(ask, vpc):
    made = await ask(
        "CreatePrivateDnsNamespace",
        Name="prod.local",
        Vpc=await vpc(),
        Description="names",
        CreatorRequestId="once",
        Tags=[{"Key": "team", "Value": "a"}],
        Properties={"DnsProperties": {"SOA": {"TTL": 5}}},
    )
    done = (await ask("GetOperation", OperationId=made["OperationId"]))["Operation"]
    shown = (await ask("GetNamespace", Id=done["Targets"]["NAMESPACE"]))["Namespace"]
    assert shown["Arn"].endswith(f":namespace/{shown['Id']}")
    properties = shown["Properties"]
    assert properties["DnsProperties"]["HostedZoneId"].startswith("Z")
    assert properties["DnsProperties"]["SOA"] == {"TTL": 5}
    assert properties["HttpProperties"] == {"HttpName": "prod.local"}
    assert (shown["Type"], shown["ServiceCount"], shown["Description"]) == (
        "DNS_PRIVATE",
        0,
        "names",
    )
    tags = await ask("ListTagsForResource", ResourceARN=shown["Arn"])
    assert tags == {"Tags": [{"Key": "team", "Value": "a"}]}


async def test_the_same_request_again_is_the_same_operation(ask, refused, vpc):
    request = {"Name": "prod.local", "Vpc": await vpc(), "CreatorRequestId": "once"}
    first = await ask("CreatePrivateDnsNamespace", **request)
    assert await ask("CreatePrivateDnsNamespace", **request) == first
    error = await refused("CreatePrivateDnsNamespace", **request | {"CreatorRequestId": "twice"})
    assert error.code == "NamespaceAlreadyExists"
    (known,) = (await ask("ListNamespaces"))["Namespaces"]
    assert error.details == {"CreatorRequestId": "once", "NamespaceId": known["Id"]}


async def test_a_name_may_be_used_in_two_vpcs_and_has_two_http_names(ask, vpc, namespace):
    first = await namespace(Vpc=await vpc("10.0.0.0/16"))
    second = await namespace(Vpc=await vpc("10.1.0.0/16"))
    names = {
        one["Id"]: one["Properties"]["HttpProperties"]["HttpName"]
        for one in (await ask("ListNamespaces"))["Namespaces"]
    }
    assert names == {first: "prod.local", second: f"prod.local-{second[3:]}"}


async def test_a_vpc_that_is_not_there_fails_the_operation_and_leaves_nothing(ask):
    made = await ask("CreatePrivateDnsNamespace", Name="prod.local", Vpc="vpc-0123")
    done = (await ask("GetOperation", OperationId=made["OperationId"]))["Operation"]
    assert (done["Status"], done["ErrorCode"]) == ("FAIL", "CANNOT_CREATE_HOSTED_ZONE")
    assert "vpc-0123" in done["ErrorMessage"]
    assert (await ask("ListNamespaces"))["Namespaces"] == []


@pytest.mark.parametrize("name", ["a..b", "x" * 64 + ".local", ".local", "local."])
async def test_a_name_that_dns_cannot_carry_is_refused(refused, vpc, name):
    error = await refused("CreatePrivateDnsNamespace", Name=name, Vpc=await vpc())
    assert error.code == "InvalidInput"


async def test_a_namespace_with_services_stays(ask, refused, namespace, service):
    own = await namespace()
    await service(own)
    assert (await refused("DeleteNamespace", Id=own)).code == "ResourceInUse"
    (only,) = (await ask("ListServices"))["Services"]
    await ask("DeleteService", Id=only["Id"])
    await ask("DeleteNamespace", Id=own)
    assert (await refused("GetNamespace", Id=own)).code == "NamespaceNotFound"


async def test_an_update_changes_description_and_soa(ask, refused, namespace):
    own = await namespace()
    change = {"Description": "new", "Properties": {"DnsProperties": {"SOA": {"TTL": 99}}}}
    await ask("UpdatePrivateDnsNamespace", Id=own, Namespace=change)
    shown = (await ask("GetNamespace", Id=own))["Namespace"]
    assert shown["Description"] == "new"
    assert shown["Properties"]["DnsProperties"]["SOA"] == {"TTL": 99}
    error = await refused("UpdateHttpNamespace", Id=own, Namespace={"Description": "x"})
    assert error.code == "InvalidInput"


async def test_namespaces_are_listed_by_filters_and_pages(ask, refused, namespace):
    private = await namespace()
    http = await namespace("api", "Http")
    public = await namespace("example.com", "PublicDns")

    async def listed(*filters):
        found = await ask("ListNamespaces", Filters=[*filters])
        return {one["Id"] for one in found["Namespaces"]}

    assert await listed({"Name": "TYPE", "Values": ["HTTP"]}) == {http}
    assert await listed({"Name": "TYPE", "Values": ["DNS_"], "Condition": "BEGINS_WITH"}) == {
        private,
        public,
    }
    assert await listed({"Name": "NAME", "Values": ["example.com"]}) == {public}
    assert await listed({"Name": "RESOURCE_OWNER", "Values": ["SELF"]}) == {private, http, public}
    assert await listed({"Name": "RESOURCE_OWNER", "Values": ["OTHER_ACCOUNTS"]}) == set()
    wrong = [{"Name": "TYPE", "Values": ["a", "b"]}]
    assert (await refused("ListNamespaces", Filters=wrong)).code == "InvalidInput"

    first = await ask("ListNamespaces", MaxResults=2)
    second = await ask("ListNamespaces", MaxResults=2, NextToken=first["NextToken"])
    pages = [one["Id"] for page in (first, second) for one in page["Namespaces"]]
    assert pages == sorted({private, http, public})
    assert "NextToken" not in second
    assert (await refused("ListNamespaces", NextToken="?")).code == "InvalidInput"


async def test_a_wrong_filter_is_refused_though_there_is_nothing_to_filter(refused):
    wrong = [{"Name": "RESOURCE_OWNER", "Values": ["ME"]}]
    assert (await refused("ListServices", Filters=wrong)).code == "InvalidInput"
    wrong = [{"Name": "UPDATE_DATE", "Values": ["yesterday", "today"], "Condition": "BETWEEN"}]
    assert (await refused("ListOperations", Filters=wrong)).code == "InvalidInput"


async def test_operations_are_listed_by_filters(client, namespace, service, ask):
    own = await namespace()
    srv = await service(own)
    attributes = {"AWS_INSTANCE_IPV4": "10.0.0.5"}
    made = await ask("RegisterInstance", ServiceId=srv, InstanceId="a", Attributes=attributes)
    operation_id = made["OperationId"]

    async def listed(*filters):
        found = await ask("ListOperations", Filters=[*filters])
        return {one["Id"] for one in found["Operations"]}

    assert await listed({"Name": "SERVICE_ID", "Values": [srv]}) == {operation_id}
    of_namespace = await listed({"Name": "NAMESPACE_ID", "Values": [own]})
    assert len(of_namespace) == 2
    assert operation_id in of_namespace
    assert await listed({"Name": "STATUS", "Values": ["FAIL", "SUBMITTED"], "Condition": "IN"}) == (
        set()
    )
    assert await listed({"Name": "STATUS", "Values": ["SUCCEED"]}) == of_namespace
    assert await listed({"Name": "TYPE", "Values": ["REGISTER_INSTANCE"]}) == {operation_id}
    now = VirtualClock().now().timestamp()
    for first, last, found in ((now - 9, now + 9, of_namespace), (now + 1, now + 9, set())):
        dates = [str(first), str(last)]
        between = {"Name": "UPDATE_DATE", "Values": dates, "Condition": "BETWEEN"}
        assert await listed(between) == found


async def test_an_operation_that_is_not_there_is_not_found(refused):
    assert (await refused("GetOperation", OperationId="x")).code == "OperationNotFound"


async def test_tags_are_set_replaced_and_removed(ask, refused, namespace):
    shown = (await ask("GetNamespace", Id=await namespace()))["Namespace"]
    arn = shown["Arn"]
    await ask("TagResource", ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}])
    more = [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}]
    await ask("TagResource", ResourceARN=arn, Tags=more)
    assert (await ask("ListTagsForResource", ResourceARN=arn))["Tags"] == more
    await ask("UntagResource", ResourceARN=arn, TagKeys=["a"])
    assert (await ask("ListTagsForResource", ResourceARN=arn))["Tags"] == more[1:]
    many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    error = await refused("TagResource", ResourceARN=arn, Tags=many)
    assert (error.code, error.details) == ("TooManyTagsException", {"ResourceName": arn})
    gone = f"{arn}x"
    assert (await refused("ListTagsForResource", ResourceARN=gone)).code == (
        "ResourceNotFoundException"
    )
