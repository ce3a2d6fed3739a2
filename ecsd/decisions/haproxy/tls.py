"""HTTPS and TLS listeners: what their binds say, and the lists of certificates that they read.

A certificate's file is named after its ARN and may change while HAProxy runs; a list is named
after its content, and another list is another frame. So are authorities and revocation lists: only
a worker of its own forgets the sessions that were begun under others. Source: HAProxy 2.6
Configuration Manual, 5.1 (bind options), crt-list; OpenSSL ciphers(1), X509_STORE_CTX_get_error(3).
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from ecsd.decisions.balancers.ssl_policies import DEFAULT, POLICIES, TLS13, SslPolicy
from ecsd.decisions.haproxy.text import word
from ecsd.errors import BalancerError
from ecsd.records.plan import TlsPlan, TrustStorePlan

NOBODY = "default.invalid"  # RFC 6761: no host is ever called so
MOST_NAMES = 200  # in a line of a list, of which HAProxy reads 64 KiB and 2048 words
OPEN_SSL = {"TLSv1": "TLSv1.0"}  # HAProxy's names where the API's differ
EVERY_LEVEL = "@SECLEVEL=0"  # OpenSSL 3 has TLS 1.0 and 1.1 at its lowest level alone
LEVEL = "@SECLEVEL=2"
# X509_V_ERR_: an issuer without a list revokes nobody; a list counts until it is taken away.
NO_LIST, LIST_EARLY, LIST_LATE = 3, 11, 12
UPPER_ISSUER = 2  # an authority that is trusted, though its own issuer is not
EXPIRED = 10
# Sessions that a client may resume by their ids are one pool of all binds, and none of them asks
# whether a client was verified. Tickets are each bind's own.
NO_SHARED_SESSIONS = "tune.ssl.cachesize 0"


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


def trust_files(
    tls: TlsPlan, trust_stores: Mapping[str, TrustStorePlan], folder: str
) -> dict[str, str]:
    """Return path → PEM of what clients' certificates are checked by: authorities, then lists.

    Raises:
        BalancerError: nothing is known of the trust store.
    """
    if not tls.trust_store:
        return {}
    store = trust_stores.get(tls.trust_store)
    if store is None:
        raise BalancerError(f"clients cannot be verified without {tls.trust_store}")
    files = {f"{folder}/a-{_digest(store.authorities)}.pem": store.authorities}
    revoked = "".join(store.revocations)
    if revoked:
        files[f"{folder}/r-{_digest(revoked)}.pem"] = revoked
    return files


def bind_options(
    tls: TlsPlan,
    folder: str,
    protocols: Sequence[str],
    trust_stores: Mapping[str, TrustStorePlan] | None = None,
) -> str:
    """Return what follows a bind's address. protocols: negotiated with clients, the best first.

    Raises:
        BalancerError: clients are to be verified, and nothing is known of the trust store.
    """
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
    if tls.trust_store:
        options.append(_verification(tls, [*trust_files(tls, trust_stores or {}, folder)]))
    return " ".join(options)


def _verification(tls: TlsPlan, files: Sequence[str]) -> str:
    """Return the options by which only clients of a trust store get past the handshake."""
    lists = (NO_LIST, LIST_EARLY, LIST_LATE)
    own = (*lists, EXPIRED) if tls.ignores_client_expiry else lists
    authorities, *revoked = (word(one) for one in files)
    return " ".join(
        (
            f"ca-file {authorities}",
            *([] if tls.advertises_authorities else ["no-ca-names"]),
            *(f"crl-file {one}" for one in revoked),
            "verify required",
            f"ca-ignore-err {_listed((UPPER_ISSUER, *lists))}",
            f"crt-ignore-err {_listed(own)}",
        )
    )


def _listed(errors: Sequence[int]) -> str:
    return ",".join(str(one) for one in errors)


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
