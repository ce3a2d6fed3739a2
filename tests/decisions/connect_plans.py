"""A name and a port of a task's proxy."""

from ecsd.records.plan import ProxyEndpoint, ProxyName, ProxyPort

ONE = ProxyEndpoint(instance_id="1", address="10.0.0.5", port=80)
TWO = ProxyEndpoint(instance_id="2", address="10.0.0.6", port=80)
NAME = ProxyName(
    name="web",
    address="127.255.0.1",
    port=80,
    listener_port=15001,
    discovery_arn="arn:web",
    discovery_name="front",
    protocol="http",
    idle_timeout=300,
    request_timeout=15,
    endpoints=(TWO,),
)
PORT = ProxyPort(
    container_port=80,
    listener_port=15002,
    redirected=True,
    discovery_arn="arn:web",
    discovery_name="shop-api",
    protocol="http",
    idle_timeout=300,
    request_timeout=15,
)
