"""Which images of a task definition are in our own registry."""

from ecsd.clock import VIRTUAL_START
from ecsd.records.ecr.pull_through import PullThroughCacheRule
from ecsd.records.ecr.repository import Repository
from ecsd.store.finders.ecr import ecr_images
from ecsd.store.scope import Scope

REGISTRY = "localhost:4766"
HOME = Scope("000000000000", "us-east-1")
AWAY = Scope("111111111111", "eu-west-1")


def containers(*images):
    return [{"name": str(at), "image": one} for at, one in enumerate(images)]


async def test_images_of_repositories_that_are_here_are_pulled_from_here(store):
    async with store.transaction(AWAY) as change:
        arn = "arn:aws:ecr:eu-west-1:111111111111:repository/team/app"
        change.put(Repository(arn=arn, repository_name="team/app", created_at=VIRTUAL_START))
    given = containers(
        "111111111111.dkr.ecr.eu-west-1.amazonaws.com/team/app",
        "111111111111.dkr.ecr.us-east-1.amazonaws.com/team/app:1",  # another region's
        "111111111111.dkr.ecr.eu-west-1.amazonaws.com/other:1",  # AWS's own
        "localhost:4766/111111111111/eu-west-1/other:1",
        "localhost:5000/team/app:1",
        "nginx",
    )
    assert ecr_images(store.view(HOME), given, REGISTRY) == {
        "0": "localhost:4766/111111111111/eu-west-1/team/app:latest",
        "3": "localhost:4766/111111111111/eu-west-1/other:1",
    }


async def test_images_that_a_rule_fetches_are_pulled_from_here_before_they_are_here(store):
    async with store.transaction(AWAY) as change:
        change.put(
            PullThroughCacheRule(
                prefix="quay",
                upstream_url="quay.io",
                upstream_registry="quay",
                created_at=VIRTUAL_START,
                updated_at=VIRTUAL_START,
            )
        )
    given = containers(
        "111111111111.dkr.ecr.eu-west-1.amazonaws.com/quay/app:1",
        "111111111111.dkr.ecr.eu-west-1.amazonaws.com/quay:1",
        "111111111111.dkr.ecr.us-east-1.amazonaws.com/quay/app:1",
        "quay.io/app:1",
    )
    assert ecr_images(store.view(HOME), given, REGISTRY) == {
        "0": "localhost:4766/111111111111/eu-west-1/quay/app:1"
    }
