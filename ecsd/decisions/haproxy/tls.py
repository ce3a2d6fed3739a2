"""HTTPS and TLS listeners: what their binds say, and the lists of certificates that they read.

A certificate's file is named after its ARN and may change while HAProxy runs; a list is named
after its content, and another list is another frame. Source: HAProxy 2.6 Configuration Manual,
5.1 (bind options), crt-list; OpenSSL ciphers(1).
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from ecsd.decisions.balancers.ssl_policies import DEFAULT, POLICIES, TLS13, SslPolicy
from ecsd.decisions.haproxy.text import word
from ecsd.records.plan import TlsPlan

NOBODY = "default.invalid"  # RFC 6761: no host is ever called so
MOST_NAMES = 200  # in a line of a list, of which HAProxy reads 64 KiB and 2048 words
OPEN_SSL = {"TLSv1": "TLSv1.0"}  # HAProxy's names where the API's differ
EVERY_LEVEL = "@SECLEVEL=0"  # OpenSSL 3 has TLS 1.0 and 1.1 at its lowest level alone
LEVEL = "@SECLEVEL=2"


def certificate_path(folder: str, certificate_arn: str) -> str:
    """Return where a certificate's PEM lies: certificate, issuers, private key."""
    return f"{folder}/c-{_digest(certificate_arn)}.pem"


def certificate_files(tls: TlsPlan, pems: Mapping[str, str], folder: str) -> dict[str, str]:
    """Return path → PEM of the certificates that a listener serves; ``pems`` by ARN."""
    served = dict.fromkeys((tls.default_certificate, *(one.certificate_arn for one in tls.choices)))
    return {certificate_path(folder, arn): pems[arn] for arn in served if arn in pems}


def crt_list(tls: TlsPlan, folder: str) -> tuple[str, str]:
    """Return path and content of the list that a listener's binds read.

    The first line is the default. A name that nobody has keeps its own names out of the choice;
    without any, HAProxy 2.6 would serve new contents without the bind's ciphers and ALPN.
    """
    lines = [f"{certificate_path(folder, tls.default_certificate)} {NOBODY}"]
    lines += [
        f"{certificate_path(folder, one.certificate_arn)} {' '.join(names)}"
        for one in tls.choices
        for names in _lines(one.names)
    ]
    text = "".join(f"{line}\n" for line in lines)
    return f"{folder}/l-{_digest(text)}.list", text


def _lines(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [names[at : at + MOST_NAMES] for at in range(0, len(names), MOST_NAMES)]


def bind_options(tls: TlsPlan, folder: str, protocols: Sequence[str]) -> str:
    """Return what follows a bind's address. protocols: negotiated with clients, the best first."""
    policy = POLICIES.get(tls.ssl_policy, POLICIES[DEFAULT])
    path, _ = crt_list(tls, folder)
    options = [
        f"ssl crt-list {word(path)}",
        *([f"alpn {','.join(protocols)}"] if protocols else []),
        *negotiation(policy),
    ]
    if tls.asks_clients:
        # HAProxy asks with a list of authorities only: any will do, and none is told to clients.
        some = word(certificate_path(folder, tls.default_certificate))
        options.append(
            f"ca-file {some} no-ca-names verify optional ca-ignore-err all crt-ignore-err all"
        )
    return " ".join(options)


def negotiation(policy: SslPolicy) -> list[str]:
    """Return the options of a bind or a server that say a policy's protocols and ciphers."""
    return [
        f"ssl-min-ver {_version(policy.protocols[0])}",
        f"ssl-max-ver {_version(policy.protocols[-1])}",
        *_ciphers(policy),
    ]


def _ciphers(policy: SslPolicy) -> list[str]:
    suites = [one for one in policy.ciphers if one in TLS13]
    older = [one for one in policy.ciphers if one not in TLS13]
    level = LEVEL if policy.protocols[0] in {"TLSv1.2", "TLSv1.3"} else EVERY_LEVEL
    options = [f"ciphers {':'.join([*older, level])}"] if older else []
    return [*options, f"ciphersuites {':'.join(suites)}"] if suites else options


def _version(protocol: str) -> str:
    return OPEN_SSL.get(protocol, protocol)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]
