"""Certificates as they are passed about, all in PEM."""

from typing import NamedTuple

from ecsd.records.acm.certificate import X509Facts


class Material(NamedTuple):
    """A certificate that may be served, and what it says. chain: its issuers, the root last."""

    body: str
    chain: str
    private_key: str
    facts: X509Facts


class Unfit(Exception):  # noqa: N818 - a finding, told to the client
    """What was brought cannot be served; the text says why."""
