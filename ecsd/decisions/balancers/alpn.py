"""ALPN policies of TLS listeners: what is negotiated with clients, the best first.

Source: Network Load Balancers guide, ALPN policies.
"""

POLICIES: dict[str, tuple[str, ...]] = {
    "HTTP1Only": ("http/1.1", "http/1.0"),
    "HTTP2Only": ("h2",),
    "HTTP2Optional": ("http/1.1", "http/1.0", "h2"),
    "HTTP2Preferred": ("h2", "http/1.1", "http/1.0"),
    "None": (),
}


def protocols(policy: str) -> tuple[str, ...]:
    """Return the protocols of a policy; none where there is no policy."""
    return POLICIES.get(policy, ())
