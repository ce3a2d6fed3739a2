"""Queries on a few events, newest first."""

import json

from ecsd.decisions.insights.parser import parse_query
from ecsd.decisions.insights.row import Row
from ecsd.decisions.insights.run import Run
from ecsd.decisions.insights.syntax import Query
from ecsd.decisions.insights.values import Moment

START = 1_700_000_000_000


def rows(*messages):
    """Events a second apart; texts as they are, anything else as JSON."""
    texts = [one if isinstance(one, str) else json.dumps(one) for one in messages]
    return [
        Row(
            {
                "@timestamp": Moment(START + 1000 * number),
                "@message": text,
                "@logStream": "web/1",
                "@log": "000000000000:g",
                "@ptr": f"p{number}",
            },
            text,
        )
        for number, text in reversed([*enumerate(texts)])
    ]


def ask(query, *messages, most=10_000, held=1_000_000):
    """Return the result as one dict for each row, pointers left out."""
    parsed = parse_query(query)
    assert isinstance(parsed, Query), parsed
    run = Run(parsed, most, START // 1000, held)
    run.feed(rows(*messages))
    return [{name: text for name, text in row if name != "@ptr"} for row in run.finish()]


def column(query, *messages):
    """Return the only column of a result."""
    return [next(iter(row.values()), None) for row in ask(query, *messages)]
