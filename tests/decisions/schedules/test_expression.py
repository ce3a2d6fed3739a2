"""rate() and cron(), told apart."""

from datetime import timedelta

import pytest

from ecsd.decisions.schedules.cron import parse_cron
from ecsd.decisions.schedules.expression import Rate, parse_schedule


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("rate(1 minute)", timedelta(minutes=1)),
        ("rate(4 hours)", timedelta(hours=4)),
        ("rate(1 day)", timedelta(days=1)),
        ("rate(999999999 days)", timedelta.max.days * timedelta(days=1)),
    ],
)
def test_rates(text, interval):
    rate = parse_schedule(text)
    assert isinstance(rate, Rate)
    assert rate.interval == interval


def test_a_cron_expression_is_its_fields():
    assert parse_schedule("cron(0 8 * * ? *)") == parse_cron("0 8 * * ? *")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rate(1 days)", "singular"),
        ("rate(2 day)", "singular"),
        ("rate(0 days)", "at least 1"),
        ("rate(2 weeks)", "rate(value unit)"),
        ("rate(-1 days)", "rate(value unit)"),
        ("8 * * * *", "rate(value unit)"),
        ("cron(0 8 * * ? *) ", "rate(value unit)"),
        ("cron()", "six fields"),
    ],
)
def test_what_is_neither_is_told(text, words):
    fault = parse_schedule(text)
    assert isinstance(fault, str)
    assert words in fault
