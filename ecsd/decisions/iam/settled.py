"""What is decided about a caller once for all requests: as long as its policies stay the same.

Most statements have no conditions; then nothing that a request brings along changes the decision.
"""

from ecsd.decisions.iam.evaluation import (
    WITHOUT_POLICIES,
    Decision,
    Policies,
    Request,
    Source,
    decide,
    keys_asked,
)
from ecsd.decisions.iam.principal import Principal

REMEMBERED = 1024  # actions, and actions on resources, about one caller


class Settled:
    """Decisions about one caller, remembered. Good for as long as its policies are the same."""

    def __init__(self, principal: Principal, policies: Policies) -> None:
        self._principal = principal
        self._policies = policies
        self._decisions: dict[tuple[str, str, str], Decision | None] = {}
        self._everywhere: dict[str, bool] = {}  # action → allowed

    def allows_everywhere(self, action: str) -> bool:
        """Tell whether an action is allowed on every resource of the caller's own account.

        Resources with policies aside. False: it rests on the resource, or on condition keys.
        """
        found = self._everywhere.get(action)
        if found is None:
            found = _allows_everywhere(action, self._principal, self._policies)
            if len(self._everywhere) >= REMEMBERED:
                self._everywhere.clear()
            self._everywhere[action] = found
        return found

    def decision(self, action: str, resource: str, owner: str = "") -> Decision | None:
        """Return the decision about a resource without a policy; None: condition keys count."""
        about = (action, resource, owner)
        if about in self._decisions:
            return self._decisions[about]
        found = None
        if not keys_asked(action, resource, self._policies):
            found = decide(Request(self._principal, action, resource, {}, owner), self._policies)
        if len(self._decisions) >= REMEMBERED:
            self._decisions.clear()
        self._decisions[about] = found
        return found


def _allows_everywhere(action: str, principal: Principal, policies: Policies) -> bool:
    if policies.resource is not None or principal.kind in WITHOUT_POLICIES:
        return False
    sides: list[tuple[Source, ...]] = [policies.identity]
    if policies.boundary is not None:
        sides.append((policies.boundary,))
    if policies.session is not None:
        sides.append(policies.session)
    for sources in sides:
        allowing = [one.policy.allows_everywhere(action) for one in sources]
        if None in allowing or True not in allowing:
            return False
    return True
