"""How much a query may keep in memory at a time."""

MOST_HELD = 1_000_000  # rows by their weight, groups, distinct values, numbers of percentiles


class QueryTooLargeError(Exception):
    """The query would keep more than its share in memory."""


class Budget:
    """Counts what is kept."""

    def __init__(self, most: int = MOST_HELD) -> None:
        self._left = most

    def hold(self, amount: int) -> None:
        """Take some; QueryTooLargeError when none is left. Negative amounts give back."""
        self._left -= amount
        if self._left < 0:
            raise QueryTooLargeError("the query keeps too many rows, groups or values")
