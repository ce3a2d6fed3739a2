"""Security policies: AWS's table, and what OpenSSL makes of it."""

import subprocess

import pytest

from ecsd.decisions.balancers.ssl_policies import DEFAULT, POLICIES, TLS13
from ecsd.decisions.haproxy.tls import bind_options
from ecsd.records.plan import TlsPlan

# From the Application Load Balancers guide: the oldest protocol, the newest, how many ciphers.
TABLE = {
    "ELBSecurityPolicy-2016-08": ("TLSv1", "TLSv1.2", 18),
    "ELBSecurityPolicy-TLS-1-0-2015-04": ("TLSv1", "TLSv1.2", 19),
    "ELBSecurityPolicy-TLS-1-1-2017-01": ("TLSv1.1", "TLSv1.2", 18),
    "ELBSecurityPolicy-TLS-1-2-2017-01": ("TLSv1.2", "TLSv1.2", 12),
    "ELBSecurityPolicy-TLS-1-2-Ext-2018-06": ("TLSv1.2", "TLSv1.2", 18),
    "ELBSecurityPolicy-FS-2018-06": ("TLSv1", "TLSv1.2", 12),
    "ELBSecurityPolicy-FS-1-1-2019-08": ("TLSv1.1", "TLSv1.2", 12),
    "ELBSecurityPolicy-FS-1-2-2019-08": ("TLSv1.2", "TLSv1.2", 12),
    "ELBSecurityPolicy-FS-1-2-Res-2019-08": ("TLSv1.2", "TLSv1.2", 8),
    "ELBSecurityPolicy-FS-1-2-Res-2020-10": ("TLSv1.2", "TLSv1.2", 4),
    "ELBSecurityPolicy-TLS13-1-3-2021-06": ("TLSv1.3", "TLSv1.3", 3),
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06": ("TLSv1.2", "TLSv1.3", 7),
    "ELBSecurityPolicy-TLS13-1-2-2021-06": ("TLSv1.2", "TLSv1.3", 11),
    "ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06": ("TLSv1.2", "TLSv1.3", 15),
    "ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06": ("TLSv1.2", "TLSv1.3", 21),
    "ELBSecurityPolicy-TLS13-1-1-2021-06": ("TLSv1.1", "TLSv1.3", 21),
    "ELBSecurityPolicy-TLS13-1-0-2021-06": ("TLSv1", "TLSv1.3", 21),
    "ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04": ("TLSv1.3", "TLSv1.3", 2),
    "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04": ("TLSv1.2", "TLSv1.3", 6),
    "ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04": ("TLSv1.2", "TLSv1.3", 10),
    "ELBSecurityPolicy-TLS13-1-2-Ext0-FIPS-2023-04": ("TLSv1.2", "TLSv1.3", 14),
    "ELBSecurityPolicy-TLS13-1-2-Ext1-FIPS-2023-04": ("TLSv1.2", "TLSv1.3", 14),
    "ELBSecurityPolicy-TLS13-1-2-Ext2-FIPS-2023-04": ("TLSv1.2", "TLSv1.3", 20),
    "ELBSecurityPolicy-TLS13-1-1-FIPS-2023-04": ("TLSv1.1", "TLSv1.3", 20),
    "ELBSecurityPolicy-TLS13-1-0-FIPS-2023-04": ("TLSv1", "TLSv1.3", 20),
}


def test_the_policies_are_awss():
    found = {
        name: (policy.protocols[0], policy.protocols[-1], len(policy.ciphers))
        for name, policy in POLICIES.items()
    }
    assert found == TABLE | {"ELBSecurityPolicy-2015-05": TABLE[DEFAULT]}
    assert POLICIES["ELBSecurityPolicy-2015-05"] == POLICIES[DEFAULT]


def test_what_the_names_promise_holds():
    for name, policy in POLICIES.items():
        assert ("TLSv1.3" in policy.protocols) == ("TLS13" in name)
        assert len(set(policy.ciphers)) == len(policy.ciphers)
        if "-FS-" in name or "-Res-" in name:
            older = set(policy.ciphers) - set(TLS13)
            assert all(one.startswith("ECDHE-") for one in older), name
        if "FIPS" in name:
            assert not any("CHACHA20" in one for one in policy.ciphers)


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_openssl_knows_every_cipher_but_triple_des(name):
    policy = POLICIES[name]
    asked = [one for one in policy.ciphers if one not in TLS13 and one != "DES-CBC3-SHA"]
    if not asked:
        return
    words = subprocess.run(
        ["openssl", "ciphers", "-tls1_2", "-s", f"{':'.join(asked)}:@SECLEVEL=0"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    known = [one for one in words.split(":") if one not in TLS13]
    assert known == asked  # each of them, in this order


def test_a_bind_says_protocols_ciphers_and_http_versions():
    def options(policy, *protocols):
        tls = TlsPlan(ssl_policy=policy, default_certificate="arn:1")
        return bind_options(tls, "/run/x", protocols)

    old = options(DEFAULT)
    assert "ssl-min-ver TLSv1.0 ssl-max-ver TLSv1.2" in old
    assert "@SECLEVEL=0" in old
    assert "ciphersuites" not in old
    new = options("ELBSecurityPolicy-TLS13-1-3-2021-06")
    assert "ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.3" in new
    assert f"ciphersuites {':'.join(TLS13)}" in new
    assert " ciphers " not in new
    assert "alpn" not in new
    assert "alpn h2,http/1.1 " in options(DEFAULT, "h2", "http/1.1")
