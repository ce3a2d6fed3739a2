"""A real service behind a real load balancer: what issues and guides promise about it."""

import subprocess

import pytest

from tests.integration.sample import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


def containers(task):
    """Return the Engine's names of a task's app containers."""
    names = subprocess.run(
        ["docker", "ps", "-aq", "--filter", f"label=com.amazonaws.ecs.task-arn={task['taskArn']}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    shown = [
        subprocess.run(
            ["docker", "inspect", "-f", "{{.Name}}", one],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for one in names
    ]
    return [one.lstrip("/") for one in shown if not one.endswith("-pause")]


def in_container(task, *words):
    (name,) = containers(task)
    return subprocess.run(
        ["docker", "exec", name, *words], capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture
def web(account):
    """The sample service in its steady state."""
    account.network()
    account.load_balancer()
    account.service(account.register(), deploymentConfiguration=BREAKER)
    account.steady()
    return account


def test_both_tasks_answer_through_the_load_balancer(web):
    bodies = {web.get()[2] for _ in range(10)}
    assert len(bodies) == 2
    assert {web.address(task) for task in web.tasks()} == {
        body.split(" at ")[1].split(",")[0] for body in bodies
    }
    health = web.elbv2.describe_target_health(TargetGroupArn=web.group)
    assert [one["TargetHealth"] for one in health["TargetHealthDescriptions"]] == [
        {"State": "healthy"},
        {"State": "healthy"},
    ]


def test_headers_are_set_as_aws_sets_them(web):
    _, _, body = web.get("/headers", headers={"X-Forwarded-For": "192.0.2.9"})
    headers = dict(line.split(": ", 1) for line in body.strip().splitlines())
    assert headers["x-forwarded-for"].startswith("192.0.2.9, ")
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-port"] == "80"
    assert headers["x-amzn-trace-id"].startswith("Root=1-")
    first, time_part, rest = headers["x-amzn-trace-id"].removeprefix("Root=").split("-")
    assert (first, len(time_part), len(rest)) == ("1", 8, 24)


def test_a_killed_container_is_replaced_and_the_reason_is_told(web):
    victim = web.tasks()[0]
    (name,) = containers(victim)
    subprocess.run(["docker", "kill", name], check=True, capture_output=True)

    def replaced():
        tasks = web.tasks()
        return victim["taskArn"] not in {one["taskArn"] for one in tasks} and len(tasks) == 2

    eventually(replaced)
    web.steady()
    (ended,) = web.ecs.describe_tasks(cluster="prod", tasks=[victim["taskArn"]])["tasks"]
    assert (ended["lastStatus"], ended["stopCode"]) == ("STOPPED", "EssentialContainerExited")
    assert ended["stoppedReason"] == "Essential container in task exited"
    assert ended["containers"][0]["exitCode"] == 137
    assert "reason" not in ended["containers"][0]
    told = [one for one in web.events() if victim["taskArn"].rpartition("/")[2] in one]
    assert any("exited with code 137" in one for one in told)


def test_a_target_that_answers_503_is_replaced(web):
    victim = web.tasks()[0]
    in_container(victim, "touch", "/tmp/unhealthy")
    eventually(lambda: any("failed with these codes: [503]" in one for one in web.events()))
    eventually(lambda: victim["taskArn"] not in {one["taskArn"] for one in web.tasks()})
    web.steady()
    (ended,) = web.ecs.describe_tasks(cluster="prod", tasks=[victim["taskArn"]])["tasks"]
    assert ended["stoppedReason"].startswith("Task failed ELB health checks in (target-group arn")
    assert ended["stopCode"] == "ServiceSchedulerInitiated"


def test_a_container_whose_health_check_fails_is_replaced(account):
    account.network()
    check = {
        "command": ["CMD-SHELL", "curl -f http://localhost/health || exit 1"],
        "interval": 5,
        "timeout": 2,
        "retries": 1,
    }
    account.service(account.register(healthCheck=check), desired=1, balanced=False)
    account.steady()
    (victim,) = account.tasks()
    assert victim["healthStatus"] == "HEALTHY"
    in_container(victim, "touch", "/tmp/unhealthy")
    eventually(lambda: any("failed container health checks." in one for one in account.events()))
    eventually(lambda: victim["taskArn"] not in {one["taskArn"] for one in account.tasks()})
    account.steady()
    (ended,) = account.ecs.describe_tasks(cluster="prod", tasks=[victim["taskArn"]])["tasks"]
    assert ended["stoppedReason"] == "Task failed container health checks"


def test_a_rolling_update_under_load_fails_no_request_and_drains_first(web):
    first = web.tasks()
    samples = []
    with web.load(connections=4, rate=200) as load:
        eventually(lambda: load.done > 50)
        second = web.register(release="2")
        web.ecs.update_service(cluster="prod", service="web", taskDefinition=second)

        def finished():
            service = web.described()
            samples.append((service["runningCount"], service["pendingCount"]))
            return len(service["deployments"]) == 1 and any(
                "release 2" in body for body in load.bodies
            )

        eventually(finished, every=0.02)
        eventually(lambda: load.done > 1000)
    assert load.failures == []
    assert min(running for running, _ in samples) >= 2
    assert max(running + pending for running, pending in samples) <= 4
    for task in first:
        (ended,) = web.ecs.describe_tasks(cluster="prod", tasks=[task["taskArn"]])["tasks"]
        waited = ended["executionStoppedAt"] - ended["stoppingAt"]
        assert waited.total_seconds() >= 2


def test_an_image_that_does_not_exist_fails_and_rolls_back(web):
    before = {one["taskArn"] for one in web.tasks()}
    good = web.described()["deployments"][0]["id"]
    with web.load() as load:
        bad = web.register(image="ecsd/no-such-image:1")
        web.ecs.update_service(cluster="prod", service="web", taskDefinition=bad)
        eventually(lambda: any("rolling back to deployment" in one for one in web.events()))
        web.steady()
    assert load.failures == []
    assert {one["taskArn"] for one in web.tasks()} == before
    events = web.events()
    assert f"(service web) rolling back to deployment {good}." in events
    assert any("deployment failed: tasks failed to start." in one for one in events)
    assert any("CannotPullContainerError" in one for one in events)


def test_an_image_that_crashes_fails_and_rolls_back(web):
    before = {one["taskArn"] for one in web.tasks()}
    with web.load() as load:
        bad = web.register(image="ecsd/busybox:1", command=["sh", "-c", "exit 3"])
        web.ecs.update_service(cluster="prod", service="web", taskDefinition=bad)
        eventually(lambda: any("rolling back to deployment" in one for one in web.events()))
        web.steady()
    assert load.failures == []
    assert {one["taskArn"] for one in web.tasks()} == before
    stopped = [one for one in web.tasks("STOPPED") if one["containers"][0].get("exitCode") == 3]
    assert stopped


def test_what_containers_write_is_in_cloudwatch_logs(account):
    account.network()
    account.logs.create_log_group(logGroupName="/ecs/web")
    options = {
        "awslogs-group": "/ecs/web",
        "awslogs-region": "us-east-1",
        "awslogs-stream-prefix": "ecs",
    }
    definition = account.register(
        logConfiguration={"logDriver": "awslogs", "options": options}, release="7"
    )
    account.service(definition, desired=1, balanced=False)
    account.steady()
    (task,) = account.tasks()
    stream = f"ecs/app/{task['taskArn'].rpartition('/')[2]}"

    def written():
        events = account.logs.get_log_events(
            logGroupName="/ecs/web", logStreamName=stream, startFromHead=True
        )["events"]
        return [one["message"] for one in events]

    assert eventually(written) == ["starting, release 7"]


def test_waiters_and_statuses_of_a_single_task(account):
    account.network()
    account.ecs.create_cluster(clusterName="prod")
    definition = account.register(image="ecsd/busybox:1", command=["sh", "-c", "sleep 1; exit 4"])
    network = {"awsvpcConfiguration": {"subnets": account.private}}
    answer = account.ecs.run_task(
        cluster="prod",
        taskDefinition=definition,
        launchType="FARGATE",
        networkConfiguration=network,
    )
    (task,) = answer["tasks"]
    arn = task["taskArn"]
    account.ecs.get_waiter("tasks_stopped").wait(
        cluster="prod", tasks=[arn], WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    (ended,) = account.ecs.describe_tasks(cluster="prod", tasks=[arn])["tasks"]
    assert ended["containers"][0]["exitCode"] == 4
    assert ended["stopCode"] == "EssentialContainerExited"
    order = ["createdAt", "pullStartedAt", "startedAt", "stoppingAt", "stoppedAt"]
    times = [ended[name] for name in order if name in ended]
    assert times == sorted(times)
    assert ended["attachments"][0]["status"] == "DELETED"


def test_a_tag_that_moves_changes_nothing_within_a_deployment(account):
    """The second task runs what the first one does, though its image's name stands for another."""

    def docker(*words):
        subprocess.run(["docker", *words], check=True, capture_output=True)

    docker("tag", "ecsd/sample-app:1", "ecsd/moving:1")
    try:
        account.network()
        definition = account.register(image="ecsd/moving:1")
        account.service(definition, desired=1, balanced=False)
        account.steady()
        docker("tag", "ecsd/busybox:1", "ecsd/moving:1")
        account.ecs.update_service(cluster="prod", service="web", desiredCount=2)
        account.steady()
        tasks = account.tasks()
        assert [one["containers"][0]["image"] for one in tasks] == ["ecsd/moving:1"] * 2
        releases = [in_container(one, "cat", "/etc/nginx.conf.in") for one in tasks]
        assert "release @RELEASE@" in releases[0]
        assert releases[0] == releases[1]
    finally:
        docker("rmi", "ecsd/moving:1")


def test_a_protected_task_outlives_a_deployment_until_it_is_released(account):
    account.network()
    account.service(account.register(), balanced=False)
    account.steady()
    kept = account.tasks()[0]["taskArn"]
    account.ecs.update_task_protection(cluster="prod", tasks=[kept], protectionEnabled=True)
    account.ecs.update_service(
        cluster="prod", service="web", taskDefinition=account.register(release="2")
    )
    eventually(lambda: any("1 tasks under protection" in words for words in account.events()))
    assert kept in {one["taskArn"] for one in account.tasks()}
    account.ecs.update_task_protection(cluster="prod", tasks=[kept], protectionEnabled=False)
    account.steady()
    assert kept not in {one["taskArn"] for one in account.tasks()}
