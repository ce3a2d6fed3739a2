"""What operations of ECR need: on a repository, whose own policy counts too.

Source: Service Authorization Reference, Amazon Elastic Container Registry.
"""

from collections.abc import Iterator

from ecsd.decisions.ecr.names import Place
from ecsd.decisions.ecr.repository_policy import completed
from ecsd.decisions.iam.evaluation import Source
from ecsd.decisions.iam.statement import compile_policy
from ecsd.gateway.authorization.need import Asked, Need
from ecsd.records.ecr.repository import Repository
from ecsd.store.finders.iam_policies import RESOURCE


def needs(asked: Asked) -> Iterator[Need]:
    """Yield what an operation needs; one about several repositories needs it on each."""
    action = f"ecr:{asked.operation}"
    names = asked.values("repositoryName") + asked.values("repositoryNames")
    own = asked.view.scope
    account = str(asked.members.get("registryId") or own.account)
    places = [Place(account, own.region, name) for name in names]
    for arn in asked.values("resourceArn"):
        _, _, _, region, owner, rest = (arn.split(":", 5) + [""] * 6)[:6]
        places.append(Place(owner, region, rest.removeprefix("repository/")))
    if asked.operation == "DescribeRepositories" and not places:
        places = [Place(account, own.region, "*")]
    for place in places:
        yield Need(action, place.arn, owner=place.account, policy=_policy(asked, place))
    if not places:
        yield Need(action)


def _policy(asked: Asked, place: Place) -> Source | None:
    """Return a repository's policy, wherever it belongs."""
    view = asked.view.of_account(place.account).in_region(place.region)
    found = view.get(Repository, place.arn)
    if found is None or found.policy is None:
        return None
    return Source(compile_policy(completed(found.policy)), place.name, RESOURCE)
