"""A task's interface: a veth from its VPC into its namespace, by two datagrams.

The task sees its subnet and the subnet's router, as on AWS; there is no ARP on the link.
Source: network.md 1 (attach).
"""

from typing import NamedTuple

from ecsd.agent.drivers.rtnetlink import (
    Netlink,
    Pair,
    add_address,
    add_default_route,
    add_host_route,
    add_neighbour,
    make_pair,
    packed_mac,
    set_up,
)
from ecsd.decisions.network.addresses import link_name
from ecsd.errors import NetworkError

MTU = 9001
TASK_INDEX = 64  # of eth0: beyond what a kernel puts into a new namespace by itself
ROUTER_BIT = 0x04  # tells the router's end of a link from the task's: another of our own addresses


class TaskInterface(NamedTuple):
    """What a task's eth0 is to be."""

    name: str  # of its link in the VPC
    address: str
    prefix: int  # of its subnet
    router: str
    mac: bytes


def task_interface(
    network_interface_id: str, address: str, prefix: int, router: str, mac: str
) -> TaskInterface:
    """Return the interface of an ENI."""
    return TaskInterface(link_name(network_interface_id), address, prefix, router, packed_mac(mac))


def attach(vpc: Netlink, wanted: TaskInterface, index: int, namespace: int) -> None:
    """Make the interface, or make it whole. Called inside the task's namespace.

    Args:
        vpc: a socket of the VPC.
        wanted: the interface.
        index: for a new link in the VPC, used by no other.
        namespace: a descriptor of the task's namespace.
    """
    task = Netlink()
    try:
        there = task.link("eth0")
        here = vpc.link(wanted.name) if there else None
        if there and here is None:
            raise NetworkError(f"the task has an eth0 that is not {wanted.name} of its VPC")
        router_mac = bytes((wanted.mac[0] ^ ROUTER_BIT, *wanted.mac[1:]))
        task_index, task_mac = TASK_INDEX, wanted.mac
        inside = []
        if there and here:
            index, router_mac = here.number, here.mac
            task_index, task_mac = there.number, there.mac
        else:
            pair = Pair(wanted.name, index, router_mac, task_index, task_mac, namespace, MTU)
            inside.append(make_pair(pair))
        inside += [
            add_neighbour(index, wanted.address, task_mac),
            add_host_route(index, wanted.address),
        ]
        vpc.change(inside)
        task.change(
            [
                set_up(task_index),
                add_address(task_index, wanted.address, wanted.prefix),
                add_neighbour(task_index, wanted.router, router_mac),
                add_default_route(task_index, wanted.router, wanted.address),
            ]
        )
    finally:
        task.close()
