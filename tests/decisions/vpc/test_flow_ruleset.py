"""The table that counts packets: none where nobody asks, and never replaced under its counters."""

from msgspec.structs import replace

from ecsd.decisions.network.addresses import uplink
from ecsd.decisions.network.ruleset import Table, difference, read_table, whole
from ecsd.decisions.network.security_group import FREE
from ecsd.decisions.vpc.flow_ruleset import NAME, PRIORITIES, compile_flow_counters
from ecsd.decisions.vpc.packet_filter import compile_vpc_filter
from ecsd.records.plan_network import AclEntry, FlowLogsPlan, NetworkAclPlan, SubnetPlan, VpcPlan
from tests.decisions.nft_reading import obey

COUNTED = FlowLogsPlan(vpc_arn="arn:aws:ec2:us-east-1:1:vpc/vpc-1", intervals=(60,))
PLAN = VpcPlan(
    vpc_id="vpc-1",
    number=1,
    cidr="10.0.0.0/16",
    dns_support=True,
    subnets=(SubnetPlan(subnet_id="subnet-a", cidr="10.0.1.0/24", network_acl_id="acl-1"),),
    network_acls=(
        NetworkAclPlan(
            network_acl_id="acl-1",
            ingress=(AclEntry(number=1, allow=True, protocol="6", cidr="0.0.0.0/0"),),
        ),
    ),
    flow_logs=COUNTED,
)
QUIET = replace(PLAN, flow_logs=None)


def tables(plan: VpcPlan) -> dict[str, Table]:
    return {one.name: one for one in compile_vpc_filter(plan, "10.0.0.2", uplink(1))}


def order(hook: str) -> list[str]:
    """Return what sees a packet of a hook, first to last, as ``table chain``."""
    found = []
    for name, table in tables(PLAN).items():
        for chain, one in table.chains.items():
            words = one.hook.replace(";", "").split()
            if words and words[3] == hook:
                found.append((int(words[5]), f"{name} {chain}"))
    return [name for _, name in sorted(found)]


def told_by_nft(table: Table) -> list[dict]:
    """Return sets as the kernel tells them once packets have put something into them."""
    objects = []
    for name, one in table.collections.items():
        parts = dict(part.split(" ", 1) for part in one.header.rstrip(";").split("; "))
        told = {"name": name, "type": parts["type"].split(" . ")}
        if "timeout" in parts:
            size, seconds = int(parts["size"]), int(parts["timeout"].rstrip("s"))
            told |= {"flags": ["timeout"], "size": size, "timeout": seconds}
            told["elem"] = [{"elem": {"val": {"concat": ["10.0.1.4"]}, "expires": 1}}]
        else:
            elements = [
                {"prefix": {"addr": it.split("/")[0], "len": 16}} if "/" in it else it
                for it in one.elements
            ]
            told |= {"flags": ["interval"], "type": parts["type"], "elem": elements}
        objects.append({"set": told})
    for name, chain in table.chains.items():
        words = chain.hook.replace(";", "").split()
        keys = {"type": 1, "hook": 3, "prio": 5, "policy": 7} if words else {}
        objects.append({"chain": {"name": name} | {key: words[at] for key, at in keys.items()}})
    return objects


def test_a_vpc_without_flow_logs_counts_nothing_and_judges_acls_in_one_go():
    quiet = tables(QUIET)
    assert quiet[NAME] == Table(NAME, {}, {})
    assert "forward_in" not in quiet["ip acl"].chains
    assert quiet["ip acl"].chains["forward"].rules[-1] == "jump judge"


def test_each_side_s_judges_stand_between_two_points():
    for hook in ("forward", "input", "output"):
        assert order(hook)[:7] == [
            f"ip flow_logs {hook}_seen",
            f"ip acl {hook}",
            f"inet sg {hook[0]}_egress",
            f"ip flow_logs {hook}_left",
            f"ip acl {hook}_in",
            f"inet sg {hook[0]}_ingress",
            f"ip flow_logs {hook}_came",
        ]
    acl = tables(PLAN)["ip acl"].chains
    assert acl["forward"].rules[-1] == "jump leaving"
    assert acl["forward_in"].rules[-1] == "jump entering"


def test_counting_refuses_nothing():
    rules = [rule for chain in tables(PLAN)[NAME].chains.values() for rule in chain.rules]
    assert not [rule for rule in rules if "drop" in rule or "reject" in rule]
    assert all(
        "policy accept" in one.hook for one in tables(PLAN)[NAME].chains.values() if one.hook
    )
    assert set(PRIORITIES) == {"seen", "left", "came"}


def test_resolver_metadata_and_routers_have_no_records():
    free = tables(PLAN)[NAME].collections["free"]
    assert free.elements == {"10.0.0.2", "10.0.1.1", "169.254.0.0/16"}


def test_a_table_that_counts_already_is_changed_by_difference_and_keeps_its_counters():
    table = compile_flow_counters(PLAN, FREE | {"10.0.0.2"})
    found = read_table(NAME, told_by_nft(table))
    assert found.collections == table.collections
    changes = difference(found, table)
    assert not [line for line in changes.splitlines() if line.startswith(("delete", "add set"))]
    assert obey(table, changes) == table


def test_counting_begins_and_ends_by_difference():
    on, off = (compile_flow_counters(one, FREE) for one in (PLAN, QUIET))
    assert obey(off, difference(off, on)) == on
    assert obey(on, difference(on, off)) == off
    assert obey(Table(NAME, {}, {}), whole(on)) == on


def test_a_balancer_s_second_half_is_the_target_s_alone_where_it_shows_the_client():
    chains = tables(PLAN)[NAME].chains
    on_the_way = {name: chains[name].rules[2:] for name in ("answered", "asked", "behind")}
    dnat = "ct status dnat ct direction"
    assert on_the_way == {
        "answered": (
            f"{dnat} reply ct mark 0x2 jump passed",
            f"{dnat} reply ct mark != 0x2 jump gave",
        ),
        "asked": (f"{dnat} original jump passed_asked",),
        "behind": (
            f"{dnat} reply jump passed",
            f"{dnat} original ct mark 0x2 jump passed",
            f"{dnat} original ct mark != 0x2 jump got",
        ),
    }
    assert all("ct original ip daddr" in rule for rule in chains["left_asked"].rules[:2])
    for name in ("gave", "got"):
        assert [rule.split("@")[1].split()[0] for rule in chains[name].rules if "@" in rule] == [
            f"{name}_ports"
        ]
