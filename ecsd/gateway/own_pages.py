"""What ecsd shows of itself by GET: ``/``, and at ``/_ecsd/<name>``, mostly JSON."""

from collections.abc import Callable
from functools import partial

import msgspec

from ecsd import __version__
from ecsd.gateway.dispatch import Dispatcher, GatewayParts
from ecsd.protocol.message import HttpRequest, HttpResponse
from ecsd.store.finders.elbv2 import find_public_key
from ecsd.store.trust_store_content import PATH, content_at

JSON = {"content-type": "application/json"}
PEM = {"content-type": "application/x-pem-file"}
PUBLIC_KEYS = "/_ecsd/public-keys/"  # + key id: what load balancers sign users' claims with
FORBIDDEN = HttpResponse(403, PEM, b"")
Show = Callable[[], object]


class OwnPages:
    """Everybody may see that ecsd is there; states and faults are the operator's.

    In strict mode others may reach the port: there those pages have to be asked for with the root
    credentials' signature, for a service named ``ecsd``.
    """

    def __init__(self, parts: GatewayParts, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._parts = parts
        self._find_public_key = partial(find_public_key, parts.store)
        self._private = {f"/_ecsd/{name}": show for name, show in parts.pages.items()}
        self._public: dict[str, Show] = {
            "/": _health,
            "/_ecsd/health": _health,
            "/_ecsd/unimplemented": parts.unimplemented.report,
        }

    def answer(self, request: HttpRequest) -> HttpResponse | None:
        """Return the page that is asked for, None when it is none.

        Raises:
            AwsError: strict mode, and the request is not the operator's.
        """
        if request.method not in ("GET", "HEAD") or request.query:
            return None
        if request.path == "/" and "authorization" in request.headers:
            return None  # an operation of a service whose requests look so
        if request.path.startswith(PUBLIC_KEYS):
            return self._public_key(request.path.removeprefix(PUBLIC_KEYS))
        if request.path.startswith(PATH):
            return self._trust_store_content(request.path.removeprefix(PATH))
        show = self._private.get(request.path)
        if show is not None:
            self._dispatcher.admit_operator(request)
        else:
            show = self._public.get(request.path)
        return None if show is None else HttpResponse(200, JSON, msgspec.json.encode(show()))

    def _public_key(self, key_id: str) -> HttpResponse:
        """Everybody may check a signature: targets do, which have no credentials here."""
        key = self._find_public_key(key_id)
        return HttpResponse(404, PEM, b"") if key is None else HttpResponse(200, PEM, key.encode())

    def _trust_store_content(self, sealed: str) -> HttpResponse:
        """Whoever has been told the address may read what is there, while it holds."""
        parts = self._parts
        found = content_at(parts.store, sealed, parts.authority.seal, parts.clock.now())
        return FORBIDDEN if found is None else HttpResponse(200, PEM, found.encode())


def _health() -> object:
    return {"service": "ecsd", "version": __version__, "status": "ok"}
