"""The compiled tables and stubs: complete, current, and refused when they are not there."""

import re

import pytest
from botocore_judge import OURS, compile_models, operations_of

from ecsd.protocol.table import TableError, read_table


@pytest.mark.parametrize("service", OURS)
def test_a_table_has_every_operation_of_the_model(service):
    assert sorted(read_table(service).operations) == sorted(operations_of(service))


@pytest.mark.parametrize("service", OURS)
def test_every_operation_has_a_request_and_a_response_stub(service):
    table = read_table(service)
    text = compile_models.stub(table)
    names = set(re.findall(r"^(?:class )?(\w+)", text, re.MULTILINE))
    for name in table.operations:
        assert {f"{name}Request", f"{name}Response"} <= names


def test_compiling_again_does_nothing(tmp_path):
    assert compile_models.main(("sts",), tmp_path / "tables", tmp_path / "shapes")
    assert not compile_models.main(("sts",), tmp_path / "tables", tmp_path / "shapes")
    assert compile_models.main(("sts", "logs"), tmp_path / "tables", tmp_path / "shapes")
    assert (tmp_path / "shapes" / "logs.pyi").exists()


def test_a_missing_table_says_what_to_run(tmp_path):
    with pytest.raises(TableError, match="compile_models"):
        read_table("sts", tmp_path)


@pytest.mark.parametrize(
    ("java", "good", "bad"),
    [
        (r"[\w+=,.@-]+", "a.b", "é"),
        (r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", "é 1", "<"),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF]*", "\U0001f600", "\n"),
        (r"[\w-_]+", "a-b", "a b"),
    ],
)
def test_java_patterns_keep_their_meaning(java, good, bad):
    pattern = re.compile(compile_models.translate_pattern(java))
    assert pattern.fullmatch(good)
    assert not pattern.fullmatch(bad)


def test_a_pattern_that_cannot_be_translated_stops_the_build():
    with pytest.raises(SystemExit, match="add a replacement"):
        compile_models.translate_pattern(r"\p{Tibetan}")
