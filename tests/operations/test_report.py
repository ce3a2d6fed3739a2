"""The page of operations is what the code and the tests say now, and each operation is tested."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
TOOL = ROOT / "tools" / "operations_report.py"


def load_tool():
    spec = importlib.util.spec_from_file_location("operations_report", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_not_stale_and_every_operation_has_a_test():
    report = load_tool()
    page = report.page()
    assert report.PAGE.read_text() == page, f"run {TOOL.relative_to(ROOT)}"
    assert "| implemented | none |" not in page
