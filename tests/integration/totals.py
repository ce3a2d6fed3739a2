"""Sums of metrics over all periods that were seen: asked often enough, they are everything."""

from tests.integration.conftest import page


class Totals:
    """Of one resource, those metrics that have just the named dimensions."""

    def __init__(self, ecsd, resource_arn, *dimensions):
        self._ecsd, self._arn, self._dimensions = ecsd, resource_arn, [*dimensions]
        self._periods = {}

    def of(self, metric):
        for period in page(self._ecsd, "metrics"):
            if period["ResourceArn"] == self._arn:
                told = {
                    one["MetricName"]: one["StatisticValues"]["Sum"]
                    for one in period["MetricData"]
                    if [each["Name"] for each in one["Dimensions"]] == self._dimensions
                }
                known = self._periods.setdefault(period["Timestamp"], told)
                assert known == told  # a period is told once
        return sum(one.get(metric, 0) for one in self._periods.values())
