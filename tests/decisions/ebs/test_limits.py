"""What volumes may be, by type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.ebs.limits import TYPES, Wanted, faults, provisioned


@pytest.mark.parametrize(
    ("wanted", "member"),
    [
        (Wanted("gp3", 1), None),
        (Wanted("gp3", 0), "size"),
        (Wanted("gp3", 100, 3000, 125), None),
        (Wanted("gp3", 100, 2999), "iops"),
        (Wanted("gp3", 10, 16_000), "iops"),  # 500 for each GiB
        (Wanted("gp3", 1, 3000), None),
        (Wanted("gp3", 100, 3000, 124), "throughput"),
        (Wanted("gp2", 100, 3000), "iops"),
        (Wanted("gp2", 100, None, 125), "throughput"),
        (Wanted("io1", 100), "iops"),
        (Wanted("io1", 3, 100), "size"),
        (Wanted("io1", 100, 5000), None),
        (Wanted("io1", 100, 5001), "iops"),
        (Wanted("st1", 124), "size"),
        (Wanted("standard", 1025), "size"),
        (Wanted("gp9", 10), "type"),
    ],
)
def test_what_is_wrong_with_a_volume(wanted, member):
    assert next((found for found, _ in faults(wanted)), None) == member


def test_what_a_type_gives_by_itself():
    assert provisioned(Wanted("gp3", 20)) == Wanted("gp3", 20, 3000, 125)
    assert provisioned(Wanted("gp3", 20, 4000, 200)) == Wanted("gp3", 20, 4000, 200)
    assert [provisioned(Wanted("gp2", size)).iops for size in (1, 100, 9000)] == [100, 300, 16_000]
    assert provisioned(Wanted("st1", 200)) == Wanted("st1", 200)


numbers = st.none() | st.integers(0, 300_000)


@given(st.sampled_from(sorted(TYPES)), st.integers(0, 70_000), numbers, numbers)
def test_what_has_no_fault_is_within_its_types_limits(kind, size, iops, throughput):
    wanted = Wanted(kind, size, iops, throughput)
    if list(faults(wanted)):
        return
    whole = provisioned(wanted)
    low, high = TYPES[kind].sizes
    assert low <= whole.size <= high
    assert (whole.throughput is not None) == (TYPES[kind].throughput is not None)
    if TYPES[kind].iops:
        assert TYPES[kind].iops[0] <= whole.iops <= TYPES[kind].iops[1]
