"""Security policies of HTTPS listeners: their protocols and ciphers.

Policies with post-quantum key exchange are not among them: OpenSSL before 3.5 has none.
Source: Application Load Balancers guide, security policies (tables of protocols and ciphers).
"""

from typing import NamedTuple

DEFAULT = "ELBSecurityPolicy-2016-08"
TLS13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
# In AWS's order of preference.
CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "AES128-GCM-SHA256",
    "AES128-SHA256",
    "AES128-SHA",
    "AES256-GCM-SHA384",
    "AES256-SHA256",
    "AES256-SHA",
)
OLD = "DES-CBC3-SHA"
VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")  # as the API names them, in order


class SslPolicy(NamedTuple):
    """protocols: of ``VERSIONS``, without a gap. ciphers: in order of preference."""

    protocols: tuple[str, ...]
    ciphers: tuple[str, ...]


def find_policy(name: str) -> SslPolicy | None:
    """Return a policy by its name, or None."""
    return POLICIES.get(name)


def _old(cipher: str) -> bool:
    """Tell a cipher whose message authentication is SHA-1's."""
    return cipher.endswith("-SHA")


FORWARD = tuple(one for one in CIPHERS if one.startswith("ECDHE-"))
FORWARD_NEW = tuple(one for one in FORWARD if not _old(one))
FORWARD_GCM = tuple(one for one in FORWARD if "-GCM-" in one)
NEW = tuple(one for one in CIPHERS if not _old(one))
# Ciphers for TLS 1.2 and before of the TLS13 families, by the rest of the name.
SUITES: dict[str, tuple[str, tuple[str, ...]]] = {
    "1-3": ("TLSv1.3", ()),
    "1-2": ("TLSv1.2", FORWARD_NEW),
    "1-2-Res": ("TLSv1.2", FORWARD_GCM),
    "1-2-Ext1": ("TLSv1.2", NEW),
    "1-2-Ext2": ("TLSv1.2", CIPHERS),
    "1-1": ("TLSv1.1", CIPHERS),
    "1-0": ("TLSv1", CIPHERS),
}
FIPS_ONLY: dict[str, tuple[str, tuple[str, ...]]] = {"1-2-Ext0": ("TLSv1.2", FORWARD)}


def _from(oldest: str, newest: str) -> tuple[str, ...]:
    return VERSIONS[VERSIONS.index(oldest) : VERSIONS.index(newest) + 1]


def _policies() -> dict[str, SslPolicy]:
    until12 = {
        "2016-08": ("TLSv1", CIPHERS),
        "2015-05": ("TLSv1", CIPHERS),
        "TLS-1-0-2015-04": ("TLSv1", (*CIPHERS, OLD)),
        "TLS-1-1-2017-01": ("TLSv1.1", CIPHERS),
        "TLS-1-2-2017-01": ("TLSv1.2", NEW),
        "TLS-1-2-Ext-2018-06": ("TLSv1.2", CIPHERS),
        "FS-2018-06": ("TLSv1", FORWARD),
        "FS-1-1-2019-08": ("TLSv1.1", FORWARD),
        "FS-1-2-2019-08": ("TLSv1.2", FORWARD),
        "FS-1-2-Res-2019-08": ("TLSv1.2", FORWARD_NEW),
        "FS-1-2-Res-2020-10": ("TLSv1.2", FORWARD_GCM),
    }
    found = {
        f"ELBSecurityPolicy-{name}": SslPolicy(_from(oldest, "TLSv1.2"), ciphers)
        for name, (oldest, ciphers) in until12.items()
    }
    for name, (oldest, ciphers) in SUITES.items():
        key = f"ELBSecurityPolicy-TLS13-{name}-2021-06"
        found[key] = SslPolicy(_from(oldest, "TLSv1.3"), (*TLS13, *ciphers))
    for name, (oldest, ciphers) in (SUITES | FIPS_ONLY).items():
        key = f"ELBSecurityPolicy-TLS13-{name}-FIPS-2023-04"
        found[key] = SslPolicy(_from(oldest, "TLSv1.3"), (*TLS13[:2], *ciphers))
    return found


POLICIES = _policies()
