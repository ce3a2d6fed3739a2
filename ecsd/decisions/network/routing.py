"""Route tables as values: every function returns a new table."""

from msgspec.structs import replace

from ecsd.records.ec2.vpc import Route, RouteTable, RouteTableAssociation


def find_route(table: RouteTable, destination: str) -> Route | None:
    """Return the route to exactly this range or prefix list, or None."""
    return next((one for one in table.routes if one.destination == destination), None)


def with_route(table: RouteTable, route: Route) -> RouteTable:
    """Return the table with this route, in place of the one to the same range if there is one."""
    if find_route(table, route.destination) is None:
        return replace(table, routes=(*table.routes, route))
    same = route.destination
    routes = tuple(route if one.destination == same else one for one in table.routes)
    return replace(table, routes=routes)


def without_route(table: RouteTable, destination: str) -> RouteTable:
    """Return the table without the route to this range."""
    rest = tuple(one for one in table.routes if one.destination != destination)
    return replace(table, routes=rest)


def with_gateway_state(table: RouteTable, gateway_id: str, state: str) -> RouteTable:
    """Return the table with the state of its routes through a gateway set."""
    routes = tuple(
        replace(one, state=state) if one.target_id == gateway_id else one for one in table.routes
    )
    return replace(table, routes=routes)


def find_association(
    table: RouteTable, *, association_id: str | None = None, subnet_id: str | None = None
) -> RouteTableAssociation | None:
    """Return the association of that id or subnet, or None."""
    for one in table.associations:
        if one.association_id == association_id or (subnet_id and one.subnet_id == subnet_id):
            return one
    return None


def with_association(table: RouteTable, association: RouteTableAssociation) -> RouteTable:
    """Return the table with one more association."""
    return replace(table, associations=(*table.associations, association))


def without_association(table: RouteTable, association_id: str) -> RouteTable:
    """Return the table without an association."""
    rest = tuple(one for one in table.associations if one.association_id != association_id)
    return replace(table, associations=rest)
