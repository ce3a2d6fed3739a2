"""Every field of a task definition has a row; what is refused is refused by name; the page is new.

Rows about effects are run against real containers: tests/integration/fields.
"""

import ast
import importlib.util
from pathlib import Path

import pytest

from ecsd.errors import AwsError
from tests.integration.fields import scenes
from tests.integration.fields.ends import ENDS
from tests.integration.fields.rows import Effective, Elsewhere, NotApplicable, Refused, values
from tests.integration.fields.table import ROWS

ROOT = Path(__file__).parents[3]
TOOL = ROOT / "tools" / "compatibility_report.py"
SMALLEST = {
    "family": "web",
    "containerDefinitions": [{"name": "app", "image": "app:1", "memory": 64}],
}
PLAYED = scenes.FARGATE | scenes.INSTANCE


def of_kind(kind):
    return [row for row in ROWS if isinstance(row, kind)]


@pytest.fixture(scope="module")
def report():
    spec = importlib.util.spec_from_file_location("compatibility_report", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_field_of_the_model_has_a_row_and_every_row_a_field(report):
    assert report.missing() == []
    assert report.unknown() == []


def test_the_page_is_not_stale(report):
    assert report.PAGE.read_text() == report.page(), f"run {TOOL.relative_to(ROOT)}"


@pytest.mark.parametrize("row", of_kind(Effective), ids=lambda row: f"{row.path} in {row.scene}")
def test_a_scene_gives_what_a_row_is_about(row):
    scene = PLAYED[row.scene]
    assert row.path == "family" or list(values(scene.definition | scene.run, row.path))


@pytest.mark.parametrize("row", of_kind(Elsewhere), ids=lambda row: row.path)
def test_what_another_test_shows_is_shown_there(row):
    file, _, name = row.test.partition("::")
    functions = ast.walk(ast.parse((ROOT / "tests" / file).read_text()))
    assert name in {getattr(one, "name", None) for one in functions}


@pytest.mark.parametrize("row", of_kind(Refused), ids=lambda row: row.paths[0])
async def test_a_refused_field_is_refused_in_these_words(ecs, fargate, awsvpc, row):
    given = {"overrides": row.given} if row.paths[0].startswith("overrides") else row.given
    assert all(list(values(given, path)) for path in row.paths)
    if "overrides" in given:
        await ecs("RegisterTaskDefinition", **fargate)
        await ecs("CreateCluster", clusterName="default")
        asked = {"launchType": "FARGATE", "networkConfiguration": awsvpc, **given}
        request = ecs("RunTask", taskDefinition="web", **asked)
    elif row.operation == "RunTask":
        await ecs("RegisterTaskDefinition", **SMALLEST | given)
        await ecs("CreateCluster", clusterName="default")
        request = ecs("RunTask", taskDefinition="web", launchType="EC2")
    else:
        request = ecs("RegisterTaskDefinition", **SMALLEST | given)
    with pytest.raises(AwsError) as refused:
        await request
    assert refused.value.code == row.code
    assert refused.value.message.startswith(row.words)


@pytest.mark.parametrize("row", of_kind(NotApplicable), ids=lambda row: row.paths[0])
async def test_a_field_with_nothing_to_act_on_is_kept_and_shown(ecs, row):
    await ecs("RegisterTaskDefinition", **SMALLEST | {"networkMode": "awsvpc"} | row.given)
    answer = await ecs("DescribeTaskDefinition", taskDefinition="web")
    for path in row.paths:
        assert list(values(answer["taskDefinition"], path)) == list(values(row.given, path))


@pytest.mark.parametrize("name", [*PLAYED, *ENDS])
async def test_scenes_pass_the_apis_checks(ecs, name):
    scene = PLAYED[name] if name in PLAYED else ENDS[name].scene
    answer = await ecs("RegisterTaskDefinition", family="scene", **scene.definition)
    wanted = scene.definition["requiresCompatibilities"]
    assert set(wanted) <= set(answer["taskDefinition"]["compatibilities"])
