"""Which operations clients asked for that this ecsd does not have."""

MOST_NAMES = 1000  # distinct ones; beyond, only the total grows
REASONS = {  # of some, why
    "ec2:CreateEgressOnlyInternetGateway": "it would carry IPv6, and VPCs here carry IPv4 alone",
}


def refusal(service: str, operation: str) -> str:
    """Return the words with which an operation is refused, its name among them."""
    name = f"{service}:{operation}"
    words = f"The operation {name} is not implemented by this ecsd"
    return f"{words}: {REASONS[name]}." if name in REASONS else f"{words}."


class UnimplementedCounter:
    """Counts refusals by ``service:Operation``."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._total = 0

    def add(self, service: str, operation: str) -> None:
        """Count one refusal."""
        name = f"{service}:{operation}"
        self._total += 1
        if name in self._counts or len(self._counts) < MOST_NAMES:
            self._counts[name] = self._counts.get(name, 0) + 1

    def report(self) -> dict[str, object]:
        """Return ``{"total": 3, "operations": {"ecs:CreateDaemon": 3}}``, the most wanted first."""
        ranked = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return {"total": self._total, "operations": dict(ranked)}
