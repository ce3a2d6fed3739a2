from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.network.availability_zone import REGIONS, find_zone, zones
from ecsd.decisions.network.described_filter import matches, unknown_filter

PATHS = {"name": "Name", "flag": "Flag", "port": "Rules.Port", "cidr": "Rules.Ranges.Cidr"}
DOCUMENT = {
    "Name": "web*1",
    "Flag": True,
    "Rules": [{"Port": 80, "Ranges": [{"Cidr": "a"}]}, {"Port": 443, "Ranges": []}],
    "Tags": [{"Key": "Env", "Value": "prod"}, {"Key": "Empty", "Value": ""}],
}


def passes(name: str, *values: str) -> bool:
    return matches(DOCUMENT, [{"Name": name, "Values": list(values)}], PATHS)


def test_values_are_alternatives_and_filters_all_hold():
    assert passes("port", "22", "443")
    assert not passes("port", "22")
    both = [{"Name": "port", "Values": ["80"]}, {"Name": "flag", "Values": ["false"]}]
    assert not matches(DOCUMENT, both, PATHS)
    assert matches(DOCUMENT, [], PATHS)


def test_lists_are_searched_in_full_and_booleans_are_words():
    assert passes("cidr", "a")
    assert passes("flag", "true")
    assert not passes("flag", "True")


def test_wildcards():
    assert passes("name", "web*")
    assert passes("name", "w?b??")
    assert not passes("name", "web?")
    assert passes("name", r"web\*1")
    assert not passes("name", r"w\?b*")


def test_tags():
    assert passes("tag:Env", "prod")
    assert not passes("tag:Env", "Prod")
    assert passes("tag-key", "Env")
    assert passes("tag:Empty", "")
    assert not passes("tag:None", "*")


def test_an_unknown_filter_is_named():
    assert unknown_filter([{"Name": "nope"}], PATHS) == "nope"
    assert unknown_filter([{}], PATHS) == "null"
    assert unknown_filter([{"Name": "tag:x"}, {"Name": "tag-key"}, {"Name": "name"}], PATHS) is None


@given(st.text())
def test_every_value_passes_the_filter_that_quotes_it(text):
    quoted = "".join(f"\\{one}" for one in text)
    document = {"Name": text}
    assert matches(document, [{"Name": "name", "Values": [quoted]}], PATHS)
    assert matches(document, [{"Name": "name", "Values": ["*"]}], PATHS)


def test_zones_are_named_as_aws_names_them():
    assert [zone.name for zone in zones("us-east-1")] == ["us-east-1a", "us-east-1b", "us-east-1c"]
    ids = {region: zones(region)[0].zone_id for region in REGIONS}
    assert ids["us-east-1"] == "use1-az1"
    assert ids["ap-northeast-1"] == "apne1-az1"
    assert ids["eu-central-1"] == "euc1-az1"
    assert ids["ap-southeast-2"] == "apse2-az1"
    assert ids["il-central-1"] == "ilc1-az1"
    assert len(set(ids.values())) == len(REGIONS)
    assert find_zone("us-east-1", "use1-az2") == ("us-east-1b", "use1-az2")
    assert find_zone("us-east-1", "us-east-1d") is None
