"""Which certificate a client gets for the name that it asks for.

The default one where it names none or none of the list fits; else the best of those that fit.
Source: Application Load Balancers guide, certificate list: prefer ECDSA over RSA, a better hash,
the longer key, the longer validity. Whether a client can take ECDSA is HAProxy's to see.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ecsd.decisions.balancers.certificate import covers
from ecsd.records.acm.certificate import Certificate
from ecsd.records.plan import SniChoice

# What a client can ask for; other text in a certificate is nobody's name (RFC 6066, 3).
HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*")
LONGEST_HOST = 253


class Rank(NamedTuple):
    """Sorts certificates, the best first."""

    rsa: bool
    poor_hash: bool
    weakness: int
    earliness: float
    certificate_arn: str


def rank(certificate: Certificate) -> Rank:
    """Return where a certificate stands among those that fit a name."""
    facts = certificate.facts
    return Rank(
        rsa=facts.key_algorithm.startswith("RSA"),
        poor_hash=facts.signature_algorithm.startswith(("MD5", "SHA1WITH")),
        weakness=-facts.strength,
        earliness=-facts.not_after.timestamp(),
        certificate_arn=certificate.certificate_arn,
    )


def sni_choices(certificates: Sequence[Certificate]) -> tuple[SniChoice, ...]:
    """Return certificates, the best first, with the names for which each is chosen.

    A wildcard is also given the exact names in the list that it stands for: else HAProxy would
    prefer the exact name, whatever the rank.
    """
    ordered = sorted(certificates, key=rank)
    own = {one.certificate_arn: hosts(one) for one in ordered}
    exact = sorted({name for names in own.values() for name in names if not name.startswith("*")})
    choices = []
    for one in ordered:
        names = own[one.certificate_arn]
        wild = [name for name in names if name.startswith("*.")]
        more = [name for name in exact if any(covers(pattern, name) for pattern in wild)]
        if names:
            whole = tuple(dict.fromkeys((*names, *more)))
            choices.append(SniChoice(certificate_arn=one.certificate_arn, names=whole))
    return tuple(choices)


def hosts(certificate: Certificate) -> list[str]:
    """Return the names of a certificate that a client can ask for, in lower case."""
    names = (name.lower() for name in certificate.facts.domain_names)
    return [name for name in names if len(name) <= LONGEST_HOST and HOST.fullmatch(name)]
