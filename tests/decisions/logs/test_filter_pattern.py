import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.logs.filter_pattern import LogFilter, PatternFault, compile_filter

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
        ("{ $.path = %^/api/v[0-9]$% }", JSON, True),
        ("{ $.path != %v2% && $.user.name = b* }", JSON, True),
        ("%ERR[A-Z]+% timeout", LINE, True),
        ("-%ERR[A-Z]+%", LINE, False),
        ("?%absent% ?%time.ut%", LINE, True),
        (r"%\d{3}$%", LINE, False),
        ("%^127%", LINE, True),
        ("?missing -ERROR", LINE, False),
        ("?missing -absent", LINE, True),  # beside other terms "?" is ignored
        ("[ip, dash, verb, path, agent, status, level, word]", LINE, True),
        ("[ip, dash, verb]", LINE, False),
        ("[ip, ...]", LINE, True),
        ("[...]", LINE, True),
        ("[..., level, word]", LINE, True),
        ("[..., level = ERROR, word]", LINE, True),
        ("[..., level = WARN, word]", LINE, False),
        ("[..., status = 5*, level, word]", LINE, True),
        ("[..., status >= 500 && status < 501, l, w]", LINE, True),
        ("[..., status = 4* || status = 5*, l, w]", LINE, True),
        ("[..., (status = 400 || status = 500) && status != 404, l, w]", LINE, True),
        ("[..., level > 5, w]", LINE, False),
        ("[..., level != 5, w]", LINE, True),
        ("[ip = %127[.]0%, ...]", LINE, True),
        ("[ip != %127[.]0%, ...]", LINE, False),
        ('[a, b = "x y", c]', 'one "x y" [3 4]', True),
        ('[a, b, c = "3 4"]', 'one "x y" [3 4]', True),
        ("[a, ..., b, c]", "one two", False),
    ],
)
def test_a_pattern_matches_as_aws_documents(pattern, message, expected):
    compiled = compile_filter(pattern)
    assert isinstance(compiled, LogFilter)
    assert (compiled.matches is None or compiled.matches(message)) is expected


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("%a!%", "'!' is not supported"),
        ("%(a)%", "'(' is not supported"),
        (r"%\bx%", "is not supported"),
        ("%[%", "not valid"),
        ("%a{2000}%", "repetitions"),
        ("%%", "empty"),
        ("{ $.a = %b% && $.a = %c% && $.a = %d% }", "more than 2"),
        ("{ $.a > %b% }", "numbers only"),
        ("[a = %b%, c = %b%, d = %b%]", "more than 2"),
        ("[a, b", "unexpected end"),
        ("[]", "expected a field's name"),
        ("[a, ..., b, ...]", "once"),
        ("[a, a]", "same name"),
        ("[a = 1 && b = 2]", "must be about a"),
        ("[a > x]", "numbers only"),
        ("[a] b", "nothing may follow"),
        ("[" + "(" * 60 + "a = 1" + ")" * 60 + "]", "parentheses"),
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


def test_a_pattern_tells_the_values_that_it_names():
    fields = compile_filter("[ip, ..., status = 5*, level, word]")
    assert fields.values(LINE) == {
        "$ip": "127.0.0.1",
        "$2": "-",
        "$3": "GET",
        "$4": "/x",
        "$5": "Mozilla",
        "$status": "500",
        "$level": "ERROR",
        "$word": "timeout",
    }
    document = compile_filter("{ $.code = 503 && $.user.roles[1] = * && $.none NOT EXISTS }")
    assert document.values(JSON) == {"$.code": "503", "$.user.roles[1]": "dev"}
    assert compile_filter("ERROR").values(LINE) == {}


words = st.sampled_from(["a", "b", "ab", "4", "5", "45", "4.5"])
signs = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])


@given(
    st.lists(st.none() | st.tuples(signs, st.sampled_from(["4", "5", "4.5", "45"])), max_size=3),
    st.lists(st.none() | st.tuples(signs, st.sampled_from(["4", "5", "4.5", "45"])), max_size=3),
    st.booleans(),
    st.lists(words, max_size=8),
)
def test_fields_match_as_a_plain_walk_over_them_says(head, tail, gap, message):
    """The model: place by place, numbers as numbers, what is no number differs from all."""
    names = [f"f{number}" for number in range(len(head) + len(tail))]
    conditions = [*head, *tail]
    parts = [
        name if one is None else f"{name} {one[0]} {one[1]}"
        for name, one in zip(names, conditions, strict=True)
    ]
    if gap:
        parts.insert(len(head), "...")
    compiled = compile_filter("[" + ", ".join(parts) + "]")
    if not parts:
        assert isinstance(compiled, PatternFault)
        return

    def holds(condition, word):
        if condition is None:
            return True
        sign, number = condition
        if not word[0].isdigit():
            return sign == "!="
        left, right = float(word), float(number)
        return {
            "=": left == right,
            "!=": left != right,
            "<": left < right,
            "<=": left <= right,
            ">": left > right,
            ">=": left >= right,
        }[sign]

    long_enough = len(message) >= len(conditions)
    expected = long_enough and (gap or len(message) == len(conditions))
    if expected:
        behind = message[len(message) - len(tail) :]
        expected = all(map(holds, [*head, *tail], [*message[: len(head)], *behind]))
    assert compiled.matches(" ".join(message)) is bool(expected)


@given(st.lists(st.from_regex(r"\w{1,6}", fullmatch=True), min_size=1), st.text())
def test_every_match_contains_the_literal(terms, message):
    compiled = compile_filter(" ".join(terms))
    assert isinstance(compiled, LogFilter)
    for text in (message, message.join(terms)):
        if compiled.matches(text):
            assert compiled.literal in text
