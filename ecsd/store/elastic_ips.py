"""Elastic IPs bound to interfaces and loosened, inside a transaction."""

from msgspec.structs import replace

from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.vpc import Address
from ecsd.store.finders.ec2 import require_network_interface
from ecsd.store.store import Transaction


def associate(
    change: Transaction, address: Address, network_interface_id: str, association_id: str
) -> Address:
    """Bind an address to an interface, both ways."""
    interface = require_network_interface(change, network_interface_id)
    associated = replace(
        address,
        association_id=association_id,
        network_interface_id=network_interface_id,
        private_ip_address=interface.private_ip_address,
    )
    change.put(associated, replace(interface, public_ip=address.public_ip))
    return associated


def dissociate(change: Transaction, address: Address) -> None:
    """Loosen an address from its interface, if it has one."""
    if address.network_interface_id:
        interface = change.get(NetworkInterface, address.network_interface_id)
        if interface is not None and interface.public_ip == address.public_ip:
            change.put(replace(interface, public_ip=None))
    change.put(
        replace(address, association_id=None, network_interface_id=None, private_ip_address=None)
    )
