"""The only door to chance: every identifier is made here, in AWS's form.

Source: shared reference ecs_semantics 1.2 and 12; Amazon EC2 User Guide, resource IDs.
"""

import random
import secrets
import uuid
from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")

LONG_TERM, TEMPORARY = "AKIA", "ASIA"  # how access key ids begin
ACCESS_KEY_LENGTH = 20
SMALL = "abcdefghijklmnopqrstuvwxyz0123456789"
URL_SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"


class IdSource:
    """Identifiers in AWS's forms, unguessable where AWS's are."""

    def _random(self) -> random.Random:
        return secrets.SystemRandom()

    def hexadecimal(self, length: int) -> str:
        """Return lowercase hexadecimal digits."""
        return f"{self._random().getrandbits(length * 4):0{length}x}"

    def random_bytes(self, length: int) -> bytes:
        """Return bytes: key material, nonces."""
        return self._random().randbytes(length)

    def task_id(self) -> str:
        """Return a task id: 32 hexadecimal digits."""
        return self.hexadecimal(32)

    def resource_id(self, prefix: str) -> str:
        """Return an EC2 resource id, such as ``vpc-0a1b2c3d4e5f67890``."""
        return f"{prefix}-0{self.hexadecimal(16)}"

    def balancer_id(self) -> str:
        """Return the id in an ELBv2 ARN: 16 hexadecimal digits."""
        return self.hexadecimal(16)

    def revision_number(self) -> str:
        """Return the number of a service revision, 19 digits: its deployment is ecs-svc/NUMBER."""
        return str(self._random().randrange(10**18, 10**19))

    def service_deployment_id(self) -> str:
        """Return the id in a service deployment's ARN: 21 letters, digits, ``-`` and ``_``."""
        return "".join(self._random().choices(URL_SAFE, k=21))

    def exec_session_id(self) -> str:
        """Return the id of a session inside a container, as ECS forms it."""
        return f"ecs-execute-command-{''.join(self._random().choices(SMALL, k=17))}"

    def discovery_id(self, prefix: str) -> str:
        """Return a Cloud Map id, such as ``ns-e1tpmexample0001`` or ``srv-…``."""
        return f"{prefix}-{''.join(self._random().choices(SMALL, k=16))}"

    def discovery_operation_id(self) -> str:
        """Return the id of a Cloud Map operation: 32 and 8 letters and digits."""
        first, second = (self._random().choices(SMALL, k=length) for length in (32, 8))
        return f"{''.join(first)}-{''.join(second)}"

    def hosted_zone_id(self) -> str:
        """Return a Route 53 hosted zone's id: Z and 20 upper-case letters or digits."""
        return "Z" + "".join(self._random().choices(SMALL.upper(), k=20))

    def zone_change_id(self) -> str:
        """Return the id of a change of Route 53: C and 20 upper-case letters or digits."""
        return "C" + "".join(self._random().choices(SMALL.upper(), k=20))

    def drawn(self, weights: Sequence[int]) -> int:
        """Return the place of one of the weights, as likely as it is heavy; not all are 0."""
        return self._random().choices(range(len(weights)), weights)[0]

    def shuffled(self, items: Iterable[T]) -> list[T]:
        """Return the items in random order."""
        given = list(items)
        if len(given) < 2:  # noqa: PLR2004 - nothing to choose
            return given
        return self._random().sample(given, len(given))

    def uuid(self) -> str:
        """Return a random UUID (version 4)."""
        return str(uuid.UUID(int=self._random().getrandbits(128), version=4))

    def unique_id(self, prefix: str) -> str:
        """Return an IAM unique id: prefix such as ``AROA`` and 17 upper-case letters or digits.

        Source: IAM User Guide, unique identifiers.
        """
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
        return prefix + "".join(self._random().choices(alphabet, k=17))

    def access_key_id(self, prefix: str) -> str:
        """Return the id of an access key: ``LONG_TERM`` or ``TEMPORARY``, 20 characters in all."""
        return self.unique_id(prefix)[:ACCESS_KEY_LENGTH]

    def mac_address(self) -> str:
        """Return a locally administered unicast MAC address, in EC2's form."""
        tail = self._random().getrandbits(40).to_bytes(5, "big")
        return ":".join(["0a", *(f"{byte:02x}" for byte in tail)])

    def secret(self, length: int = 40) -> str:
        """Return a secret of letters and digits."""
        alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        return "".join(self._random().choices(alphabet, k=length))


class SeededIds(IdSource):
    """The same identifiers for the same seed: tests and the simulator."""

    def __init__(self, seed: int = 0) -> None:
        self._seeded = random.Random(seed)

    def _random(self) -> random.Random:
        return self._seeded
