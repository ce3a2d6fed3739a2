"""What operations of ECR need: on a repository, whose own policy counts too.

Source: Service Authorization Reference, Amazon Elastic Container Registry.
"""

import re
from collections.abc import Iterator

from ecsd.decisions.ecr.names import Place
from ecsd.decisions.ecr.repository_policy import completed
from ecsd.decisions.iam.evaluation import Source
from ecsd.decisions.iam.statement import compile_policy
from ecsd.gateway.authorization.need import ANY, Asked, Need
from ecsd.records.ecr.repository import Repository
from ecsd.store.finders.iam_policies import RESOURCE

REPOSITORY = re.compile(
    r"arn:aws:ecr:(?P<region>[^:]*):(?P<account>[0-9]{12}):repository/(?P<name>.+)"
)


def needs(asked: Asked) -> Iterator[Need]:
    """Yield what an operation needs; one about several repositories needs it on each."""
    action = f"ecr:{asked.operation}"
    account, region = asked.view.scope
    account = str(asked.members.get("registryId") or account)
    names = asked.values("repositoryName") + asked.values("repositoryNames")
    if asked.operation == "DescribeRepositories" and not names:
        names = ["*"]
    arns = [Place(account, region, name).arn for name in names] + asked.values("resourceArn")
    for arn in arns or [ANY]:
        found = REPOSITORY.fullmatch(arn)
        if found is None:
            yield Need(action, arn)
        else:
            place = Place(found["account"], found["region"], found["name"])
            yield Need(action, arn, owner=place.account, policy=_policy(asked, place))


def _policy(asked: Asked, place: Place) -> Source | None:
    """Return a repository's policy, wherever it belongs."""
    view = asked.view.of_account(place.account).in_region(place.region)
    found = view.get(Repository, place.arn)
    if found is None or found.policy is None:
        return None
    return Source(compile_policy(completed(found.policy)), place.name, RESOURCE)
