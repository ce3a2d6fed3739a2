"""What is measured of a task, as clients of the metadata endpoint read it."""

from ecsd.clock import VIRTUAL_START
from ecsd.decisions.tasks.task_measures import (
    Footprint,
    clock_drift,
    interface_counts,
    storage_metrics,
    with_network,
)

TABLE = """Inter-|   Receive                           |  Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo
    lo:  100    1    0    0    0     0          0         0      100       1    0    0    0
  eth0: {received}   12    1    2    0     0          0         0     {sent}    9    3    4    0
"""


def counts(received, sent):
    return interface_counts(TABLE.format(received=received, sent=sent))


def test_counters_are_the_interfaces_own_without_the_loopback():
    assert counts(1000, 2000) == {
        "eth0": {
            "rx_bytes": 1000,
            "rx_packets": 12,
            "rx_errors": 1,
            "rx_dropped": 2,
            "tx_bytes": 2000,
            "tx_packets": 9,
            "tx_errors": 3,
            "tx_dropped": 4,
        }
    }


def test_rates_are_what_grew_a_second_and_version_4s_alone():
    before, after = counts(1000, 2000), counts(4000, 2500)
    told = with_network({"id": "c"}, before, after, 2.0, rates=True)
    assert told["networks"]["eth0"]["rx_bytes"] == 4000
    assert told["network_rate_stats"] == {"rx_bytes_per_sec": 1500.0, "tx_bytes_per_sec": 250.0}
    assert "network_rate_stats" not in with_network({}, before, after, 2.0, rates=False)
    assert with_network({"id": "c"}, {}, {}, 2.0, rates=True) == {"id": "c"}


def test_an_image_counts_once_on_disk():
    mib = 1 << 20
    found = [Footprint("a", mib, 11 * mib), Footprint("a", 2 * mib, 12 * mib)]
    assert storage_metrics(found, 5 * mib, None) == {"Utilized": 18, "Reserved": 20_480}
    assert storage_metrics([], 0, 21)["Reserved"] == 21_504


def test_a_clock_that_nobody_keeps_right_has_no_bound():
    kept = clock_drift(synchronized=True, bound=0.5, at=VIRTUAL_START)
    assert (kept["ClockErrorBound"], kept["ClockSynchronizationStatus"]) == (0.5, "SYNCHRONIZED")
    assert clock_drift(synchronized=False, bound=16_000.0, at=VIRTUAL_START) == {
        "ClockSynchronizationStatus": "NOT_SYNCHRONIZED"
    }
