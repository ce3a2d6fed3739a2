"""Where a record lives: an account and a region."""

from typing import NamedTuple

GLOBAL = "aws-global"  # the region of services that have none: IAM


class Scope(NamedTuple):
    """An AWS account and region. IAM's records use ``scope.globally()``."""

    account: str
    region: str

    def globally(self) -> "Scope":
        """Return the account's scope for services without regions."""
        return Scope(self.account, GLOBAL)

    @classmethod
    def of_arn(cls, arn: str) -> "Scope":
        """Return the account and region that an ARN names."""
        _, _, _, region, account, *_ = arn.split(":", 5)
        return cls(account, region)


HOSTS = Scope("", "")  # the machines that run this ecsd belong to no account
