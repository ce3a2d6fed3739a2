"""Counters of HAProxy's workers: read, and by how much they have grown."""

from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.telemetry.counters import TIMES, added, growth, read_worker

INFO = [
    "Name: HAProxy",
    "Pid: 17",
    "CurrConns: 3",
    "Stopping: 1",
    "DroppedLogs: 4",
    "Start_time_sec: 1700000000",
]
STAT = [
    "# pxname,svname,scur,conn_tot,bin,stot,hrsp_2xx,hrsp_5xx,used_conn_cur,-,"
    "ssl_failed_handshake,",
    "f_1,FRONTEND,2,9,100,,7,0,,-,1,",
    "t_1,s1,0,,50,8,7,0,1,-,,",
    "t_1,BACKEND,0,,50,8,7,0,,-,,",
    "cut,off",
]
TABLES = [
    "# table: t_1, type: integer, size:2048, used:1",
    "0x7f: key=528 use=0 exp=599880 http_req_cnt=7",
    "No such table",
]
PLACES = st.tuples(st.sampled_from("ab"), st.sampled_from("cd"), st.sampled_from("ef"))
COUNTS = st.dictionaries(PLACES, st.integers(1, 1000))


def test_a_workers_answers_become_a_reading():
    found = read_worker(INFO, STAT, TABLES)
    assert (found.worker, found.started) == ("17@1700000000", 1_700_000_000)
    assert (found.leaving, found.connections, found.dropped) == (True, 3, 4)
    assert found.counts == {
        ("f_1", "FRONTEND", "conn_tot"): 9,
        ("f_1", "FRONTEND", "bin"): 100,
        ("f_1", "FRONTEND", "hrsp_2xx"): 7,
        ("f_1", "FRONTEND", "ssl_failed_handshake"): 1,
        ("t_1", "s1", "bin"): 50,
        ("t_1", "s1", "stot"): 8,
        ("t_1", "s1", "hrsp_2xx"): 7,
        ("t_1", TIMES, "528"): 7,
    }
    assert found.levels == {("f_1", "FRONTEND", "scur"): 2, ("t_1", "s1", "used_conn_cur"): 1}


def test_answers_that_are_not_whole_are_none():
    assert read_worker(INFO[:3], STAT, TABLES) is None
    assert read_worker(INFO, [], TABLES) is None


@given(COUNTS, COUNTS)
def test_what_grew_is_what_is_more(before, more):
    after = added(before, more)
    assert growth(before, after) == more
    assert growth({}, after) == after


def test_a_counter_that_begins_anew_grew_from_nothing():
    assert growth({("a", "b", "c"): 9}, {("a", "b", "c"): 2}) == {("a", "b", "c"): 2}
