import pytest

UNKNOWN = "dopt-0123456789abcdef0"


def configured(**options: list[str]) -> list[dict]:
    return [{"Key": key.replace("_", "-"), "Values": some} for key, some in options.items()]


OWN = configured(domain_name=["corp.local"], domain_name_servers=["10.0.0.9", "AmazonProvidedDNS"])


@pytest.fixture
def make(ec2):
    async def make(configurations=OWN, **more) -> dict:
        answer = await ec2("CreateDhcpOptions", DhcpConfigurations=configurations, **more)
        return answer["DhcpOptions"]

    return make


async def test_a_set_is_made_used_and_deleted(ec2, network, make, refused):
    vpc_id, _ = await network()
    tags = [{"Key": "Name", "Value": "x"}]
    specified = [{"ResourceType": "dhcp-options", "Tags": tags}]
    made = await make(TagSpecifications=specified)
    assert made["Tags"] == tags
    assert made["DhcpConfigurations"] == [
        {"Key": "domain-name", "Values": [{"Value": "corp.local"}]},
        {
            "Key": "domain-name-servers",
            "Values": [{"Value": "10.0.0.9"}, {"Value": "AmazonProvidedDNS"}],
        },
    ]
    where = {"DhcpOptionsId": made["DhcpOptionsId"]}
    found = await ec2("DescribeDhcpOptions", DhcpOptionsIds=[made["DhcpOptionsId"]])
    assert found["DhcpOptions"] == [made]
    assert len((await ec2("DescribeDhcpOptions"))["DhcpOptions"]) == 2

    async def options() -> str:
        return (await ec2("DescribeVpcs"))["Vpcs"][0]["DhcpOptionsId"]

    before = await options()
    await ec2("AssociateDhcpOptions", VpcId=vpc_id, **where)
    assert await options() == made["DhcpOptionsId"]
    assert (await refused("DeleteDhcpOptions", **where))[0] == "DependencyViolation"
    await ec2("AssociateDhcpOptions", VpcId=vpc_id, DhcpOptionsId="default")
    assert await options() == before
    await ec2("DeleteDhcpOptions", **where)
    code, _ = await refused("DeleteDhcpOptions", DhcpOptionsId=before)
    assert code == "DependencyViolation"
    code, _ = await refused("AssociateDhcpOptions", VpcId=vpc_id, DhcpOptionsId=UNKNOWN)
    assert code == "InvalidDhcpOptionID.NotFound"


@pytest.mark.parametrize(
    ("configurations", "code"),
    [
        (configured(ntp_servers=["10.0.0.9"]), "UnsupportedOperation"),
        (configured(netbios_node_type=["2"]), "UnsupportedOperation"),
        (configured(colour=["red"]), "InvalidParameterValue"),
        (configured(domain_name=["a", "b"]), "InvalidParameterValue"),
        (configured(domain_name=["a"]) * 2, "InvalidParameterValue"),
        (configured(domain_name_servers=["ns.example.com"]), "InvalidParameterValue"),
        (configured(domain_name_servers=["10.0.0.1"] * 5), "InvalidParameterValue"),
        ([], "MissingParameter"),
    ],
)
async def test_what_has_no_effect_is_refused_by_its_name(refused, configurations, code):
    told = await refused("CreateDhcpOptions", DhcpConfigurations=configurations)
    assert told[0] == code
    if code == "UnsupportedOperation":
        assert configurations[0]["Key"] in told[1]
