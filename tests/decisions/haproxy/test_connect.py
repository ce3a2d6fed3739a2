"""A task's proxy in HAProxy's words."""

import pytest
from msgspec.structs import replace

from ecsd.decisions.haproxy.config import Limits, Place
from ecsd.decisions.haproxy.connect import compile_proxy_config
from ecsd.decisions.haproxy.observation import Observed
from ecsd.records.plan import ProxyPlan
from tests.decisions.connect_plans import NAME, ONE, PORT, TWO

PLACE = Place("/run", Limits(2000, 1))
OBSERVED = PLACE._replace(observed=Observed("", "/run/buckets"))


def config(name=NAME, *ports, place=PLACE):
    plan = ProxyPlan(task_arn="arn:task/1", task_id="1", names=(name,), ports=ports)
    return compile_proxy_config(plan, place)


def section(found, start):
    return next(one.split("\n") for one in found.sections if one.startswith(start))


def test_endpoints_come_and_go_without_another_frame():
    frames = {config(replace(NAME, endpoints=some)).frame() for some in ((), (ONE,), (ONE, TWO))}
    assert len(frames) == 1
    assert config(replace(NAME, listener_port=9)).frame() not in frames


def test_an_endpoint_is_among_the_watched_and_among_all():
    servers = config().servers
    (watched,) = [some for name, some in servers.items() if not name.endswith("-all")]
    (every,) = [some for name, some in servers.items() if name.endswith("-all")]
    assert set(watched) == set(every)
    (one,) = watched.values()
    assert (one.address, one.port, one.used) == ("10.0.0.6", 80, True)
    assert "observe layer7 error-limit 5 on-error mark-down" in one.options
    assert "fastinter 30s" in one.options
    assert "check" not in next(iter(every.values())).options


def test_all_are_asked_where_every_one_was_put_aside():
    lines = section(config(), "frontend to-")
    assert "  use_backend web:80-all if { nbsrv(web:80) eq 0 }" in lines


def test_the_task_reaches_itself_where_its_proxy_listens():
    servers = config(replace(NAME, endpoints=(ONE,)), PORT).servers
    found = {(one.address, one.port) for some in servers.values() for one in some.values()}
    assert found == {("127.0.0.1", 15002)}


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, {"timeout server 15s", "timeout client 300s", "mode http"}),
        ({"request_timeout": 0}, {"timeout server 300s"}),
        ({"request_timeout": 0, "idle_timeout": 0}, {"timeout server 24d", "timeout client 24d"}),
        ({"idle_timeout": 2147483647}, {"timeout client 2000000s"}),
        (
            {"protocol": "tcp", "request_timeout": 0, "idle_timeout": 3600},
            {"mode tcp", "timeout server 3600s", "timeout tunnel 3600s", "timeout client 3600s"},
        ),
    ],
)
def test_timeouts_follow_the_service(changes, wanted):
    for found in (config(replace(NAME, **changes)), config(NAME, replace(PORT, **changes))):
        lines = {line.strip() for some in found.sections for line in some.split("\n")}
        assert wanted <= lines


@pytest.mark.parametrize(("protocol", "spoken"), [("http2", True), ("grpc", True), ("http", False)])
def test_http2_is_spoken_to_those_that_speak_it(protocol, spoken):
    name, port = replace(NAME, protocol=protocol), replace(PORT, protocol=protocol)
    found = config(name, port)
    options = {one.options for some in found.servers.values() for one in some.values()}
    assert all((" proto h2" in one) is spoken for one in options)
    assert section(found, "backend container-")[-1].endswith(" proto h2") is spoken


def test_only_what_may_be_sent_twice_is_sent_to_another_endpoint():
    lines = section(config(), "backend web:80")
    assert "  http-request disable-l7-retry unless { method GET HEAD OPTIONS }" in lines
    assert "  retry-on conn-failure empty-response" in lines
    assert not [
        one
        for one in section(config(replace(NAME, protocol="tcp")), "backend web:80")
        if "retry" in one
    ]


def test_an_encrypted_endpoint_is_verified_and_an_encrypted_port_shows_its_certificate():
    name = replace(NAME, endpoints=(ONE, replace(TWO, tls=True)), server_name="srv-1.x")
    port = replace(PORT, tls=True, discovery_arn="arn:own")
    plan = ProxyPlan(
        task_arn="arn:task/9",
        task_id="9",
        names=(name,),
        ports=(port,),
        certificates={"arn:own": "PEM"},
        authority="ROOT",
    )
    found = compile_proxy_config(plan, PLACE)
    (issuers,) = found.lists
    (own,) = found.certificates
    assert (found.lists[issuers], found.certificates[own]) == ("ROOT", "PEM")
    for servers in found.servers.values():
        plain, encrypted = sorted(servers.values(), key=lambda one: one.address)
        assert "ssl" not in plain.options
        wanted = f"ssl verify required ca-file {issuers} ssl-min-ver TLSv1.3 verifyhost srv-1.x"
        assert wanted in encrypted.options
    bind = next(one for one in section(found, "frontend in-") if "bind" in one)
    assert f"ssl crt {own} ssl-min-ver TLSv1.3 alpn http/1.1" in bind


def test_a_new_certificate_is_no_new_frame_and_a_first_authority_is():
    plan = ProxyPlan(
        task_arn="arn:task/1",
        task_id="1",
        ports=(replace(PORT, tls=True),),
        certificates={"arn:web": "PEM"},
    )
    first = compile_proxy_config(plan, PLACE)
    renewed = compile_proxy_config(replace(plan, certificates={"arn:web": "NEW"}), PLACE)
    assert first.frame() == renewed.frame()
    assert first.frame() != compile_proxy_config(replace(plan, authority="ROOT"), PLACE).frame()


TESTED = replace(NAME, test_header="x-try", endpoints=(ONE, replace(TWO, weight=256, tested=True)))


@pytest.mark.parametrize(
    ("value", "condition"),
    [
        (None, "-m found"),
        ("2", "-m str -- 2"),
        ('a "b" }', r"-m str -- a\x20\x22b\x22\x20\x7d"),
    ],
)
def test_test_traffic_goes_to_its_endpoints_where_there_are_any(value, condition):
    found = config(replace(TESTED, test_value=value))
    rule = (
        rf"  use_backend web:80-test if {{ req.fhdr(\x22x-try\x22) {condition} }}"
        " { nbsrv(web:80-test) gt 0 }"
    )
    lines = section(found, "frontend to-")
    assert lines.index(rule) < lines.index("  use_backend web:80-all if { nbsrv(web:80) eq 0 }")
    ((name, server),) = found.servers["web:80-test"].items()
    assert (name, server.weight, "check" in server.options) == ("2", 1, False)


def test_a_name_without_test_traffic_has_no_place_for_it():
    assert set(config().servers) == {"web:80", "web:80-all"}


def test_shares_change_without_another_frame_and_count_where_all_are_asked():
    frames = set()
    for weight, tested in ((1, False), (0, True), (256, True)):
        endpoint = replace(TWO, weight=weight, tested=tested)
        found = config(replace(TESTED, endpoints=(ONE, endpoint)))
        frames.add(found.frame())
        for backend in ("web:80", "web:80-all"):
            assert found.servers[backend]["2"].weight == weight
    assert len(frames) == 1


def test_a_servers_weight_is_said_where_it_is_not_haproxys_own():
    server = config(TESTED).servers["web:80-all"]["2"]
    assert server.line() == "10.0.0.6:80 weight 256"
    assert server._replace(weight=1).line() == "10.0.0.6:80"


TOOK = "http-response track-sc2 date(0,us),sub(txn.began),map_ip(/run/buckets)"


def test_responses_of_all_endpoints_are_counted_by_how_long_they_took_in_one_table():
    found = config(replace(TESTED), PORT, place=OBSERVED)
    for backend in ("web:80", "web:80-all", "web:80-test"):
        lines = [one.strip() for one in section(found, f"backend {backend}\n")]
        assert "http-request set-var(txn.began) date(0,us)" in lines
        own = backend == "web:80"
        assert (TOOK if own else f"{TOOK} table web:80") in lines
        assert any(one.startswith("stick-table") for one in lines) is own
    lines = section(found, "backend container-80")
    assert not [one for one in lines if "track" in one or "stick-table" in one]


def test_nothing_is_counted_for_each_connection_of_tcp():
    tcp = {"protocol": "tcp", "request_timeout": 0}
    found = config(replace(NAME, **tcp), replace(PORT, **tcp), place=OBSERVED)
    assert not [one for one in found.sections if "track" in one or "stick-table" in one]
    for frontend in ("frontend to-web:80", "frontend in-80"):
        assert "  option contstats" in section(found, frontend)
    assert "contstats" not in "".join(config(NAME, PORT, place=OBSERVED).sections)


def test_requests_of_grpc_are_counted_on_its_ports():
    found = config(NAME, replace(PORT, protocol="grpc"), place=OBSERVED)
    tracked = [one for one in section(found, "backend container-80") if "track-sc1 int(1)" in one]
    assert len(tracked) == 1
    assert "req.fhdr(content-type) -m reg ^application/grpc([+;]|\\x24)" in tracked[0]


def test_nothing_is_counted_where_nobody_observes():
    found = config(TESTED, replace(PORT, protocol="grpc"))
    assert not [one for one in found.sections if "track" in one or "stick-table" in one]
