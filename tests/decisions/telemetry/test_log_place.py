"""Where logs go, and how their objects are called."""

from datetime import UTC, datetime

import pytest

from ecsd.decisions.telemetry.log_place import (
    ACCESS,
    CONNECTIONS,
    LogPlace,
    deliverers,
    is_enabled,
    log_place,
    object_name,
    trial_words,
)

ARN = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/web/0123456789abcdef"
END = datetime(2026, 3, 1, 23, 40, tzinfo=UTC)
FOLDER = "AWSLogs/111122223333/"


@pytest.mark.parametrize(("prefix", "folder"), [("", FOLDER), ("my/app", f"my/app/{FOLDER}")])
def test_a_prefix_goes_before_awss_folder(prefix, folder):
    attributes = {"access_logs.s3.bucket": "logs", "access_logs.s3.prefix": prefix}
    assert log_place(ACCESS, attributes, ARN) == LogPlace("logs", folder)
    assert not is_enabled(ACCESS, attributes)


@pytest.mark.parametrize(("kind", "head"), [(ACCESS, ""), (CONNECTIONS, "conn_log.")])
def test_objects_have_awss_names(kind, head):
    assert object_name(kind, LogPlace("logs", FOLDER), ARN, END, ("10.0.0.1", "20sg8hgm")) == (
        "AWSLogs/111122223333/elasticloadbalancing/us-east-1/2026/03/01/"
        f"{head}111122223333_elasticloadbalancing_us-east-1_app.web.0123456789abcdef_"
        "20260301T2340Z_10.0.0.1_20sg8hgm.log.gz"
    )


def test_the_trial_says_whose_logs_it_is_for():
    words = "Enable AccessLog for ELB: app/web/0123456789abcdef at 2026-03-01T23:40:00Z"
    assert trial_words(ARN, END) == words


def test_policies_name_a_service_or_in_older_regions_an_account():
    assert deliverers("us-east-1")[1:] == ("127311923021",)
    assert deliverers("il-central-1") == ("logdelivery.elasticloadbalancing.amazonaws.com",)
