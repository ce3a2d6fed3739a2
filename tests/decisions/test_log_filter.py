import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.log_filter import LogFilter, PatternFault, compile_filter

LINE = '127.0.0.1 - GET /x "Mozilla" 500 ERROR timeout'
JSON = (
    '{"code": 503, "path": "/api/v1", "user": {"name": "bob", "roles": ["admin", "dev"]},'
    ' "ok": false, "error": null, "tags": [{"k": 1}, {"k": 2}], "a.b": "dotted", "t": 1.5}'
)


@pytest.mark.parametrize(
    ("pattern", "message", "expected"),
    [
        ("", LINE, True),
        ("  ", LINE, True),
        ("ERROR", LINE, True),
        ("error", LINE, False),
        ("ERROR timeout", LINE, True),
        ("ERROR missing", LINE, False),
        ('"GET /x"', LINE, True),
        ('"\\"Mozilla\\""', LINE, True),
        ("?missing ?timeout", LINE, True),
        ("?missing ?absent", LINE, False),
        ("ERROR ?absent", LINE, True),
        ("ERROR -timeout", LINE, False),
        ("ERROR -missing", LINE, True),
        ('-"GET /x"', LINE, False),
        ("{ $.code = 503 }", JSON, True),
        ("{ $.code != 503 }", JSON, False),
        ("{ $.code >= 5.03e2 }", JSON, True),
        ("{ $.code > 503 }", JSON, False),
        ("{ $.code < 504 && $.code <= 503 }", JSON, True),
        ('{ $.path = "/api/*" }', JSON, True),
        ('{ $.path = "/api" }', JSON, False),
        ('{ $.path != "/api" }', JSON, True),
        ("{ $.user.name = bob }", JSON, True),
        ('{ $.user.roles[0] = "admin" }', JSON, True),
        ('{ $.user.roles[1] = "admin" }', JSON, False),
        ('{ $.user.roles[*] = "dev" }', JSON, True),
        ("{ $.tags[*].k = 2 }", JSON, True),
        ('{ $["a.b"] = "dotted" }', JSON, True),
        ("{ $.ok IS FALSE }", JSON, True),
        ("{ $.ok IS TRUE }", JSON, False),
        ("{ $.error IS NULL }", JSON, True),
        ("{ $.missing NOT EXISTS }", JSON, True),
        ("{ $.ok NOT EXISTS }", JSON, False),
        ('{ $.missing != "x" }', JSON, False),
        ("{ $.ok = false }", JSON, True),
        ('{ ($.code = 1) || ($.user.name = "bob" && $.t = 1.5) }', JSON, True),
        ('{ ($.code = 1 || $.user.name = "bob") && $.t = 2 }', JSON, False),
        ("{ $.code = 503 }", "no json", False),
        ("{ $.code = 503 }", '{"code": 503', False),
        ('{ $.path = "/a?i*" }', JSON, False),
    ],
)
def test_a_pattern_matches_as_aws_documents(pattern, message, expected):
    compiled = compile_filter(pattern)
    assert isinstance(compiled, LogFilter)
    assert (compiled.matches is None or compiled.matches(message)) is expected


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("[ip, user, ...]", "space-delimited"),
        ("%ab+%", "regular expressions"),
        ("{ $.a = %b% }", "regular expressions"),
        ("foo-bar", "Invalid character(s) in term 'foo-bar'"),
        ('"open', "quotation"),
        ("{ $.a = 1", "unexpected end"),
        ("{ a = 1 }", "selector"),
        ("{ $.a ~ 1 }", "unknown condition"),
        ("{ $.a > x }", "numbers only"),
        ("{ $.a = 1 } x", "nothing may follow"),
        ("{ }", "selector"),
        ("{ " + "(" * 60 + "$.a = 1" + ")" * 60 + " }", "parentheses"),
    ],
)
def test_what_is_wrong_or_not_there_is_refused_by_name(pattern, words):
    fault = compile_filter(pattern)
    assert isinstance(fault, PatternFault)
    assert words in fault.words


@given(st.text(max_size=60))
def test_any_pattern_compiles_or_is_refused(pattern):
    compiled = compile_filter(pattern)
    if isinstance(compiled, LogFilter) and compiled.matches is not None:
        assert compiled.matches(JSON) in (True, False)


@given(st.lists(st.from_regex(r"\w{1,6}", fullmatch=True), min_size=1), st.text())
def test_every_match_contains_the_literal(terms, message):
    compiled = compile_filter(" ".join(terms))
    assert isinstance(compiled, LogFilter)
    for text in (message, message.join(terms)):
        if compiled.matches(text):
            assert compiled.literal in text
