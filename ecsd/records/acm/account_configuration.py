"""What an account wants of its certificates. Source: AWS Certificate Manager API 2015-12-08."""

from typing import ClassVar

from ecsd.records.record import Record

DEFAULT_DAYS = 45  # AWS's default


class AccountConfiguration(Record, frozen=True, kw_only=True):
    """The one of an account and region."""

    KIND: ClassVar[str] = "certificate_account_configuration"
    KEY: ClassVar[str] = "name"

    name: str = "default"
    days_before_expiry: int = DEFAULT_DAYS  # from when on an expiring certificate is told of
