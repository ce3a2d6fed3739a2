"""What an operation needs: an action on a resource, and what the request says about it."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ecsd.decisions.iam.evaluation import Source
from ecsd.store.finders.iam_caller import Keys
from ecsd.store.store import View

ANY = "*"  # the resource of operations that are about no single one


class Need(NamedTuple):
    """One permission that the caller has to have.

    Attributes:
        owner: the account that the resource belongs to; empty: the caller's own.
        policy: of the resource; None: it has none.
        decides: that policy has to allow, whatever the caller's policies say: keys.
    """

    action: str
    resource: str = ANY
    context: Keys = {}  # noqa: RUF012 - of a tuple, never changed
    owner: str = ""
    policy: Source | None = None
    decides: bool = False


class Asked(NamedTuple):
    """A request, parsed.

    Attributes:
        operation: its name.
        members: by the model's names.
        view: the account and region that it belongs to.
        caller_arn: who asks.
    """

    operation: str
    members: Mapping[str, Any]
    view: View
    caller_arn: str

    def arn(self, service: str, rest: str, *, account: bool = True, region: bool = True) -> str:
        """Return the ARN of something of this account and region."""
        own = self.view.scope
        where = f"{own.region if region else ''}:{own.account if account else ''}"
        return f"arn:aws:{service}:{where}:{rest}"

    def values(self, member: str) -> list[str]:
        """Return a member's texts, whether it is one or a list; empty when it is not given."""
        given = self.members.get(member)
        if isinstance(given, str):
            return [given]
        return [one for one in given or [] if isinstance(one, str)]


def by_template(asked: Asked, service: str, template: str) -> list[str]:
    """Return the ARNs that a template such as ``{ListenerArn}`` or ``service/{Id}`` means.

    A value that is an ARN already stands for itself; without the member it is any resource.
    """
    if "{" not in template:
        return [asked.arn(service, template)] if template != ANY else [ANY]
    head, _, rest = template.partition("{")
    member, _, tail = rest.partition("}")
    return [
        value if value.startswith("arn:") else asked.arn(service, f"{head}{value}{tail}")
        for value in asked.values(member)
    ] or [ANY]


def spread(table: Mapping[str, str]) -> dict[str, str]:
    """Return operation → template of a table template → operations, separated by spaces."""
    return {name: template for template, names in table.items() for name in names.split()}


def unique(arns: Iterable[str]) -> list[str]:
    """Return ARNs once each, any resource when there are none."""
    return list(dict.fromkeys(arns)) or [ANY]
