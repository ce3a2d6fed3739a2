"""What an account has once; stored in the account's global scope."""

from typing import ClassVar

from ecsd.records.record import Record


class PasswordPolicy(Record, frozen=True, kw_only=True):
    """Rules for passwords of users, by IAM's members."""

    KIND: ClassVar[str] = "password_policy"
    KEY: ClassVar[str] = "name"

    name: str = "account"
    members: dict[str, int | bool]


class AccountAlias(Record, frozen=True, kw_only=True):
    """The name that an account gives itself."""

    KIND: ClassVar[str] = "account_alias"
    KEY: ClassVar[str] = "alias"

    alias: str
