"""logConfiguration as the Engine gets it."""

from msgspec.structs import replace

from ecsd.decisions.containers.container_logging import log_config
from ecsd.records.plan import TaskPlan

PLAN = TaskPlan(
    task_arn="arn:aws:ecs:us-east-1:000000000000:task/c/ab",
    task_id="ab",
    cluster="c",
    account="000000000000",
    region="us-east-1",
    family="f",
    revision=1,
    desired_status="RUNNING",
    launch_type="FARGATE",
    containers=(),
    logs_endpoint="http://127.0.0.1:4566",
)


def config(driver, **options):
    options = {name.replace("_", "-"): value for name, value in options.items()}
    container = {"name": "app", "logConfiguration": {"logDriver": driver, "options": options}}
    return log_config(PLAN, container, "@127.0.0.1:1/x")


def test_without_a_configuration_there_is_a_bounded_file():
    found = log_config(PLAN, {"name": "app"}, "")
    assert (found["Type"], found["Config"]["max-size"]) == ("json-file", "10m")


def test_awslogs_comes_here():
    given = {
        "awslogs_group": "g",
        "awslogs_region": "eu-west-1",
        "awslogs_stream_prefix": "p",
        "awslogs_create_group": "true",
        "awslogs_multiline_pattern": "^INFO",
    }
    assert config("awslogs", **given) == {
        "Type": "awslogs",
        "Config": {
            "awslogs-group": "g",
            "awslogs-region": "eu-west-1",
            "awslogs-create-group": "true",
            "awslogs-multiline-pattern": "^INFO",
            "awslogs-stream": "p/app/ab",
            "awslogs-endpoint": "http://127.0.0.1:4566",
            "awslogs-credentials-endpoint": "@127.0.0.1:1/x",
            "cache-disabled": "true",
            "mode": "non-blocking",
            "max-buffer-size": "10m",
            "awslogs-max-buffered-events": "32768",
        },
    }


def test_without_a_prefix_the_stream_is_the_containers_id():
    assert "awslogs-stream" not in config("awslogs", awslogs_group="g")["Config"]


def test_the_users_own_mode_and_buffer_stand():
    found = config("awslogs", awslogs_group="g", mode="blocking")["Config"]
    assert found["mode"] == "blocking"
    assert "max-buffer-size" not in found
    found = config("awslogs", awslogs_group="g", max_buffer_size="1m")["Config"]
    assert (found["mode"], found["max-buffer-size"]) == ("non-blocking", "1m")


def test_other_drivers_are_passed_on_and_files_are_bounded():
    mode = {"mode": "non-blocking", "max-buffer-size": "10m"}
    assert config("syslog", tag="t") == {"Type": "syslog", "Config": {"tag": "t"} | mode}
    assert config("local")["Config"] == {"max-size": "10m"} | mode
    assert config("json-file", max_size="1m")["Config"] == {"max-size": "1m"} | mode


def test_a_mode_that_is_not_given_is_the_accounts_default():
    blocking = replace(PLAN, log_driver_mode="blocking")
    container = {"name": "app", "logConfiguration": {"logDriver": "syslog"}}
    assert log_config(blocking, container, "")["Config"] == {"mode": "blocking"}
    container["logConfiguration"]["options"] = {"mode": "non-blocking"}
    assert log_config(blocking, container, "")["Config"]["max-buffer-size"] == "10m"
