"""What the registry behind is told: its own configuration, and that of the HAProxy before it.

Bytes of layers go through HAProxy straight to the registry, which lets nobody pass without a token
that the server has signed. Manifests, lists of tags and tokens are the server's: it knows which
tags may move, keeps what was pushed before it says so, and waits for a registry that is away for a
moment. (HAProxy tries a unix socket again at once, without a pause; docker sends layers again.)
Source: Distribution 2.8, configuration; HAProxy 2.6 Configuration Manual.
"""

from typing import NamedTuple

from ecsd.decisions.haproxy.config import Config, Limits, default_lines, global_lines, joined
from ecsd.decisions.haproxy.text import word

SERVICE = "ecsd-registry"  # issuer and audience of tokens
PREFIX = "/_ecsd/registry"  # where the API has what is the server's
LONGEST_IDLE = 900  # seconds without a byte: the registry hashes a layer when it is complete


class Place(NamedTuple):
    """Where the registry and its front are.

    Attributes:
        front: host and port that clients know.
        api: host and port of the API.
        socket: path of the registry's own socket.
        data: folder of its blobs.
        certificate: path of the certificate whose key signs tokens.
    """

    front: tuple[str, int]
    api: tuple[str, int]
    socket: str
    data: str
    certificate: str


def host_and_port(place: tuple[str, int]) -> str:
    """Return what a URL names a place by."""
    host, port = place
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def compile_registry(place: Place, name: str, secret: str) -> str:
    """Return Distribution's configuration, in YAML. name: host and port that clients use.

    No cache of blobs: what is freed beside it has to be gone at once.
    """
    return f"""version: 0.1
log:
  level: error
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: {_text(place.data)}
  redirect:
    disable: true
  maintenance:
    uploadpurging:
      enabled: true
      age: 24h
      interval: 6h
      dryrun: false
http:
  net: unix
  addr: {_text(place.socket)}
  secret: {_text(secret)}
  relativeurls: true
auth:
  token:
    realm: {_text(f"http://{name}/token")}
    service: {SERVICE}
    issuer: {SERVICE}
    rootcertbundle: {_text(place.certificate)}
"""


def compile_front(place: Place, limits: Limits) -> Config:
    """Return the configuration of the HAProxy that clients meet."""
    blob = "{ path_reg ^/v2/.+/blobs/[^/]+$ }"
    reads = "{ http_auth_bearer,jwt_payload_query('$.reads') -m str yes }"
    denied = '{"errors":[{"code":"DENIED","message":"ecr:BatchGetImage is not allowed"}]}'
    patience = (
        f"  timeout client {LONGEST_IDLE}s",
        f"  timeout server {LONGEST_IDLE}s",
    )
    front = (
        "frontend registry",
        f"  bind {word(host_and_port(place.front))} proto h1",
        "  acl servers_own path -m str /token /v2/ /v2",
        "  acl servers_own path_reg ^/v2/.+/(manifests|tags|referrers)/[^/]+$",
        "  http-request set-header authorization %[url_param(token),regsub(^,Bearer\\ )] "
        f"if METH_GET {blob} {{ url_param(token) -m found }}",
        f"  http-request return status 403 content-type application/json string {word(denied)} "
        f"if METH_GET {blob} {{ http_auth_bearer -m found }} !{reads}",
        "  use_backend api if servers_own",
        "  default_backend blobs",
    )
    api = (
        "backend api",
        f"  http-request set-path {PREFIX}%[path]",
        f"  server api {word(host_and_port(place.api))}",
    )
    blobs = ("backend blobs", f"  server registry unix@{word(place.socket)}")
    sections = (global_lines(limits), default_lines() + patience, front, api, blobs)
    return Config(joined(sections), {})


def _text(value: str) -> str:
    """Return a text as YAML takes it, whatever is in it."""
    return "'" + value.replace("'", "''") + "'"
