"""What HAProxy is told to count, and to tell one by one."""

from msgspec.structs import replace

from ecsd.decisions.haproxy.backend import backend_name
from ecsd.decisions.haproxy.listener import compile_config
from ecsd.decisions.haproxy.observation import Observed
from tests.decisions.listener_plans import GROUP, PLACE, forward, function_group, plan

TELLING = PLACE._replace(observed=Observed("/run/log.sock", "/run/buckets.map"))
BACK = f"backend {backend_name(GROUP)}"
FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
PATH = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/x"]}}
QUIET = "http-request set-log-level silent"


def sections(made, place=TELLING):
    """Name → lines."""
    text = compile_config([made], {}, place).text("/admin.sock")
    found, name = {}, ""
    for line in text.splitlines():
        if line and not line.startswith(" "):
            name = line
        found.setdefault(name, []).append(line.strip())
    return found


def of(found, head):
    return next(lines for name, lines in found.items() if name.startswith(head))


def logged(made, kind="access"):
    return replace(made, attributes={**made.attributes, f"{kind}_logs.s3.enabled": "true"})


def test_without_logs_only_the_balancers_own_errors_are_told():
    found = sections(plan(PATH, action=FIXED, default=forward(a=1)))
    front, back, answer = (of(found, one) for one in ("frontend f_", BACK, "backend a_"))
    assert any(one.startswith("log-format E|") for one in front)
    assert not any("uuid()" in one or "user-agent" in one for one in front)
    assert "http-response set-log-level silent" in back
    assert QUIET in answer
    assert "tune.http.logurilen" not in str(found)


def test_with_either_log_each_request_is_told():
    for kind in ("access", "connection"):
        found = sections(logged(plan(PATH, action=FIXED, default=forward(a=1)), kind))
        front, back, answer = (of(found, one) for one in ("frontend f_", BACK, "backend a_"))
        assert any(one.startswith("log-format R|") for one in front)
        assert "tcp-request connection set-var(sess.connection) uuid()" in front
        assert "http-response set-var(txn.target_status) status" in back
        assert "silent" not in str(found)
        assert "http-after-response set-var(txn.location) res.hdr(location)" in answer
        assert "tune.http.logurilen 8192" in of(found, "global")


def test_each_response_of_a_target_is_counted_by_its_time():
    for made in (plan(), logged(plan())):
        back = of(sections(made), BACK)
        counted = [one for one in back if one.startswith(("stick-table", "http-response track"))]
        assert len(counted) == 2
        assert "map_ip(/run/buckets.map)" in counted[1]


def test_a_functions_own_answers_are_told_apart_and_unmarked():
    back = of(sections(plan(groups=(function_group("http://f", GROUP),))), BACK)
    at = back.index("http-response set-var(txn.own) res.hdr(x-ecsd-own)")
    assert back[at + 1] == "http-response del-header x-ecsd-own"
    assert "http-response set-log-level silent if !{ var(txn.own) -m found }" in back


def test_an_haproxy_that_nobody_listens_to_tells_nothing():
    text = str(sections(logged(plan()), PLACE))
    assert not any(one in text for one in ("log-format", "stick-table type integer", "silent"))
