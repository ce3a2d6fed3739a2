"""Every field of a task definition has its effect in a real container; every end says why."""

from pathlib import Path
from typing import NamedTuple

import pytest

from ecsd.agent.drivers.open_files import open_files
from tests.integration.conftest import new_account
from tests.integration.fields import scenes
from tests.integration.fields.ends import ENDS
from tests.integration.fields.looks import limit
from tests.integration.fields.rows import Effective, as_expected
from tests.integration.fields.stage import CLUSTER, OnFargate, OnInstance, Room, docker
from tests.integration.fields.table import ROWS
from tests.integration.sample import Account
from tests.integration.task_world import SOCKET

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
PORTS = (scenes.GELF_PORT, scenes.SYSLOG_PORT)
ROWS_TO_SEE = [row for row in ROWS if isinstance(row, Effective)]


class Stage(NamedTuple):
    """Every scene, begun; and the account in which they are."""

    scenes: dict
    ends: dict
    account: Account


@pytest.fixture(scope="module")
def stage(ecsd, image, tmp_path_factory):
    """All scenes at once, so that together they take as long as the longest."""
    folder = tmp_path_factory.mktemp("room")
    with new_account(ecsd, "fields") as account, Room(folder, PORTS) as room:
        account.network()
        account.ecs.create_cluster(clusterName=CLUSTER)
        account.logs.create_log_group(logGroupName="fields")
        played = {name: begin(account, name, one) for name, one in scenes.FARGATE.items()}
        played |= {name: begin(account, name, one, room) for name, one in scenes.INSTANCE.items()}
        ended = {
            name: begin(account, name, one.scene, None if one.on_fargate else room)
            for name, one in ENDS.items()
        }
        yield Stage(played, ended, account)
    docker("volume", "rm", scenes.VOLUME)  # a shared volume outlives its task
    Path(scenes.ON_HOST).rmdir()  # the Engine has made it


def begin(account, name, scene, room=None):
    """Register a scene's definition through the API and run it."""
    family = "fields-" + name.replace(" ", "-").replace("'", "")
    answer = account.ecs.register_task_definition(family=family, **scene.definition)
    if room is None:
        return OnFargate(account, scene, answer["taskDefinition"])
    return OnInstance(room, scene, answer["taskDefinition"])


def name_of(row):
    return f"{row.path} in {row.scene}"


@pytest.mark.parametrize("row", ROWS_TO_SEE, ids=name_of)
def test_a_field_has_its_effect(stage, row):
    there = stage.scenes[row.scene].ready()
    seen = row.look(there)
    assert as_expected(row.equals, seen), seen


@pytest.mark.parametrize("name", ENDS)
def test_an_end_says_why(stage, name):
    end, there = ENDS[name], stage.ends[name].ready()
    task, app = there.task, there.container("app")
    assert task["stopCode"] == end.stop_code
    assert task["stoppedReason"].startswith(end.stopped_reason)
    assert app.get("exitCode") == end.exit_code
    if end.reason is None:
        assert app.get("reason") is None
    else:
        assert app["reason"].startswith(end.reason)


def test_the_accounts_mode_is_that_of_log_drivers_that_name_none(stage):
    setting = {"name": "defaultLogDriverMode", "value": "blocking"}
    logging = {"logDriver": "awslogs", "options": scenes.AWSLOGS}
    scene = scenes.Scene(scenes.fargate(scenes.container(logConfiguration=logging)))
    stage.account.ecs.put_account_setting_default(**setting)
    there = begin(stage.account, "blocking", scene).ready()
    options = there.inspect("app")["HostConfig"]["LogConfig"]["Config"]
    assert options["mode"] == "blocking"
    assert "max-buffer-size" not in options


def test_fargate_gives_65535_open_files_or_what_the_engine_may(stage):
    there = stage.scenes["overridden"].ready()
    most = min(65_535, open_files(SOCKET))
    assert limit("Max open files")(there) == [str(most), str(most)]
