"""OpenID Connect providers: whose web identity tokens an account's roles may trust.

Thumbprints are stored and shown; certificates of issuers are judged by the machine's trusted
authorities, as AWS does for issuers whose certificate one of those signed.
Source: IAM API Reference, CreateOpenIDConnectProvider.
"""

from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.iam.answers import tags_of
from ecsd.operations.iam.guards import exists_already, over_limit
from ecsd.operations.iam.tag import first_tags
from ecsd.records.iam.oidc_provider import OidcProvider
from ecsd.store.finders.iam import require_oidc_provider

MOST, MOST_CLIENT_IDS, MOST_THUMBPRINTS = 100, 100, 5
UNSUPPORTED = ("ContextProvider", "IdentityCenterInstanceArn")


@operation("iam", "CreateOpenIDConnectProvider")
async def create_open_id_connect_provider(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a provider. ``http://`` URLs are accepted in local mode alone."""
    for name in UNSUPPORTED:
        if name in request:
            raise AwsError("InvalidInput", f"{name} is not supported.")
    url = _checked_url(request["Url"], plain=call.settings.mode == "local")
    provider = OidcProvider(
        arn=f"arn:aws:iam::{call.scope.account}:oidc-provider/{url.partition('://')[2]}",
        url=url,
        created_at=call.clock.now(),
        client_ids=_client_ids(request.get("ClientIDList", [])),
        thumbprints=_thumbprints(request.get("ThumbprintList", [])),
        tags=first_tags(request),
    )
    async with call.store.transaction(call.scope.globally()) as change:
        if change.get(OidcProvider, provider.arn) is not None:
            raise exists_already(f"Provider with url {request['Url']} already exists.")
        if len(change.select(OidcProvider)) >= MOST:
            raise over_limit(f"Cannot exceed quota for OpenIdConnectProvidersPerAccount: {MOST}")
        change.put(provider)
    return {"OpenIDConnectProviderArn": provider.arn, "Tags": tags_of(provider.tags)}


@operation("iam", "GetOpenIDConnectProvider")
async def get_open_id_connect_provider(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return a provider."""
    provider = require_oidc_provider(call.view.globally(), request["OpenIDConnectProviderArn"])
    return {
        "Url": provider.url.partition("://")[2],
        "ClientIDList": list(provider.client_ids),
        "ThumbprintList": list(provider.thumbprints),
        "CreateDate": provider.created_at,
        "Tags": tags_of(provider.tags),
    }


@operation("iam", "ListOpenIDConnectProviders")
async def list_open_id_connect_providers(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the ARNs of all providers."""
    providers = call.view.globally().select(OidcProvider)
    return {
        "OpenIDConnectProviderList": [{"Arn": arn} for arn in sorted(one.arn for one in providers)]
    }


@operation("iam", "DeleteOpenIDConnectProvider")
async def delete_open_id_connect_provider(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a provider; one that is not there is removed already."""
    async with call.store.transaction(call.scope.globally()) as change:
        provider = change.get(OidcProvider, request["OpenIDConnectProviderArn"])
        if provider is not None:
            change.remove(provider)
    return {}


@operation("iam", "AddClientIDToOpenIDConnectProvider")
async def add_client_id(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Accept one more audience; twice is the same as once."""
    async with call.store.transaction(call.scope.globally()) as change:
        provider = require_oidc_provider(change, request["OpenIDConnectProviderArn"])
        ids = _client_ids([*provider.client_ids, request["ClientID"]])
        change.put(replace(provider, client_ids=ids))
    return {}


@operation("iam", "RemoveClientIDFromOpenIDConnectProvider")
async def remove_client_id(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Accept an audience no more."""
    async with call.store.transaction(call.scope.globally()) as change:
        provider = require_oidc_provider(change, request["OpenIDConnectProviderArn"])
        ids = tuple(one for one in provider.client_ids if one != request["ClientID"])
        change.put(replace(provider, client_ids=ids))
    return {}


@operation("iam", "UpdateOpenIDConnectProviderThumbprint")
async def update_thumbprint(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Replace the thumbprints."""
    thumbprints = _thumbprints(request["ThumbprintList"])
    async with call.store.transaction(call.scope.globally()) as change:
        provider = require_oidc_provider(change, request["OpenIDConnectProviderArn"])
        change.put(replace(provider, thumbprints=thumbprints))
    return {}


def _checked_url(url: str, *, plain: bool) -> str:
    parts = urlsplit(url)
    schemes = ("https", "http") if plain else ("https",)
    if parts.scheme not in schemes or not parts.hostname or parts.query or parts.fragment:
        raise AwsError("InvalidInput", "Invalid Open ID Connect Provider URL")
    return url.rstrip("/")


def _client_ids(ids: list[str]) -> tuple[str, ...]:
    different = tuple(dict.fromkeys(ids))
    if len(different) > MOST_CLIENT_IDS:
        raise over_limit(
            f"Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {MOST_CLIENT_IDS}"
        )
    return different


def _thumbprints(thumbprints: list[str]) -> tuple[str, ...]:
    if len(thumbprints) > MOST_THUMBPRINTS:
        raise AwsError("InvalidInput", f"Thumbprint list must contain at most {MOST_THUMBPRINTS}.")
    return tuple(thumbprints)
