"""The checker sees each way in which zones can contradict themselves."""

import pytest
from msgspec.structs import replace

from ecsd.decisions.dns.hosted_zone import first_record_sets
from ecsd.decisions.invariants.zones import Zones, check_zones
from tests.decisions.dns.test_change_batch import FIRST, PRIVATE, ZONE, record_set

OTHER = replace(PRIVATE, zone_id="Z2")
GOOD = Zones([ZONE], [*FIRST, record_set()])


def test_what_is_right_is_not_complained_of():
    assert list(check_zones(GOOD)) == []
    assert list(check_zones(Zones([PRIVATE], first_record_sets(PRIVATE)))) == []


@pytest.mark.parametrize(
    ("zones", "words"),
    [
        (GOOD._replace(zones=[replace(ZONE, private=True)]), "private without a VPC"),
        (GOOD._replace(zones=[]), "of no zone"),
        (GOOD._replace(record_sets=FIRST[:1]), "SOA"),
        (GOOD._replace(record_sets=FIRST[1:]), "NS"),
        (GOOD._replace(record_sets=[*FIRST, replace(record_set(), place="x")]), "another record"),
        (GOOD._replace(record_sets=[*FIRST, record_set("w.b.com.")]), "not permitted in zone"),
        (GOOD._replace(record_sets=[*FIRST, record_set(value="x")]), "IPv4"),
        (
            Zones([PRIVATE, OTHER], [*first_record_sets(PRIVATE), *first_record_sets(OTHER)]),
            "which asks Z1",
        ),
    ],
)
def test_what_is_wrong_is_fatal(zones, words):
    found = list(check_zones(zones))
    assert any(words in one.words for one in found), found
    assert {one.severity for one in found} == {"fatal"}
