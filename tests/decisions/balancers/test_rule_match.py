"""The rules that requests meet: the same rows that HAProxy is held against by a client."""

import pytest

from ecsd.decisions.balancers.rule_match import Asked, meets
from tests.integration.listener_rows import ROWS


def asked(path, host="web-1.elb.localhost", headers=None, method="GET"):
    path, _, query = path.partition("?")
    headers = {name.lower(): value for name, value in (headers or {}).items()}
    return Asked(host.partition(":")[0], path, query, method, "127.0.0.1", headers)


# Python knows no end to an expression that the balancer gives up.
PATIENT = [row for row in ROWS if "would try for years" not in row.title]


@pytest.mark.parametrize("row", PATIENT, ids=lambda row: row.title)
def test_a_request_meets_the_rule_that_the_balancer_takes(row):
    for (path, members), expected in row.cases:
        request = asked(path, **members)
        met = (str(n) for n, conditions in enumerate(row.rules, 1) if meets(conditions, request))
        assert next(met, "-") == expected, (path, members)


def test_all_rows_but_one_are_asked():
    assert len(PATIENT) == len(ROWS) - 1


def test_a_client_whose_address_is_not_known_meets_no_source():
    anywhere = [{"Field": "source-ip", "SourceIpConfig": {"Values": ["0.0.0.0/0"]}}]
    assert meets(anywhere, Asked("a.com", "/", source="10.0.0.1"))
    assert not meets(anywhere, Asked("a.com", "/"))
