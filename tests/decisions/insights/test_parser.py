"""What is a query, what is none, and where it goes wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.insights.parser import parse_query
from ecsd.decisions.insights.row import Row
from ecsd.decisions.insights.run import Run
from ecsd.decisions.insights.syntax import Query, QueryFault


@pytest.mark.parametrize(
    ("query", "marked", "words"),
    [
        ("", "", "expected a command, found the end"),
        ("wish @message", "wish", "expected a command, found 'wish'"),
        ("fields a +", "", "expected a value, found the end"),
        ("fields a b", "b", "expected '|', found 'b'"),
        ("fields a | | limit 1", "|", "expected a command"),
        ("filter a = 'x", "'", "unexpected character"),
        ("filter (a = 1", "", "expected ')'"),
        ("filter a in [1, 2", "", "expected ']'"),
        ("filter a not 1", "1", "expected 'like' or 'in'"),
        ("filter a like /(x/", "/(x/", "not valid"),
        ("filter a =~ /(x+)+/", "/(x+)+/", "repeats a group"),
        ("filter frob(a)", "frob", "unknown function 'frob'"),
        ("filter strlen(a, b)", "strlen", "does not take 2 values"),
        ("fields bin(3)", "bin", "needs a period"),
        ("fields 5m", "5m", "a period is no value"),
        ("stats count(*) by bin(0m)", "0m", "a period is too"),
        ("filter count(*) > 1", "count(*) > 1", "may stand in 'stats' alone"),
        ("stats a by b", "by", "no function of many rows"),
        ("stats sum(max(a))", "", "inside another"),
        ("stats pct(a, b)", "pct", "a number between 0 and 100"),
        ("stats sum(a), sum(a)", "", "same name"),
        ("parse @message 'a=*' as x, y", "'a=*'", "1 '*' and there are 2 names"),
        ("parse @message 'a**' as x, y", "'a**'", "follow each other"),
        ("parse @message /a(b)/", "/a(b)/", "names no group"),
        ("parse @message 'a=*'", "", "expected 'as'"),
        ("limit 0", "0", "takes 1 to 100000"),
        ("limit x", "x", "expected a number of rows"),
        ("pattern @message", "pattern", "'pattern' is not supported by ecsd"),
        ("fields " + "(" * 60 + "a" + ")" * 60, "(", "too many levels"),
        ("fields a" + " | fields a" * 60, "fields", "more than 50 commands"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(query, marked, words):
    fault = parse_query(query)
    assert isinstance(fault, QueryFault)
    assert words in fault.words
    assert query[fault.start : fault.end] == marked


WORDS = """fields display filter parse stats sort limit dedup by as and or not like in asc desc | |
, ( ) [ ] = != < > <= >= =~ + - * / % ^ @message @timestamp a b.c `x` 1 2.5 5m 'x*' "y" /a.c/
/(?<n>b)/ count(*) sum(a) avg(a) pct(a,50) max(a) bin(1h) strlen(a) ispresent(b) now() true
concat(a,1) # substr(a,1) datefloor(@timestamp,1mo) latest(a) replace(a,b,a)"""
words_of_queries = st.sampled_from(WORDS.split())


@given(st.lists(words_of_queries, max_size=14).map(" ".join) | st.text(max_size=30))
def test_any_text_is_a_query_that_runs_or_a_fault_inside_it(text):
    parsed = parse_query(text)
    if isinstance(parsed, QueryFault):
        assert 0 <= parsed.start <= parsed.end <= len(text)
        return
    assert isinstance(parsed, Query)
    run = Run(parsed, 5, 1_700_000_000)
    message = '{"a": "abc", "b": {"c": 7}, "x y": null}'
    own = {"@timestamp": 1_700_000_000_000, "@message": message, "@ptr": "p"}
    run.feed([Row(own, message), Row(own, "no json")] * 3)
    assert len(run.finish()) <= 5


@given(st.lists(words_of_queries, max_size=10))
def test_spaces_and_comments_do_not_matter(words):
    words = [one for one in words if one != "#"]
    plain, spread = parse_query(" ".join(words)), parse_query("\n # said\n ".join(words))
    assert isinstance(plain, Query) == isinstance(spread, Query)
