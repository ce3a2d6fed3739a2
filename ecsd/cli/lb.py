"""``ecsd lb``: load balancers with URLs, listeners, rules, target groups and targets' health."""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from ecsd.cli.balancers import (
    action_words,
    add_details,
    balancers,
    condition_words,
    target_words,
)
from ecsd.cli.find import apis
from ecsd.cli.screen import failed, on_terminal, paint, state
from ecsd.cli.traffic import latest_traffic, traffic_words
from ecsd.clock import SystemClock
from ecsd.settings import Settings

SECONDS = 2.0  # between looks
CLEAR = "\x1b[H\x1b[J"  # ECMA-48: to the upper left, and erase from there


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("lb", help="load balancers, rules, targets and their health")
    parser.add_argument("name", nargs="?", help="one load balancer alone, by name")
    parser.add_argument("--watch", action="store_true", help="look again and again")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Show the load balancers of every account and region; with --watch until interrupted."""
    clock = SystemClock()
    while True:
        found = collect(settings, arguments.name)
        if arguments.name and not found:
            failed(f"no load balancer is called {arguments.name}")
            return 1
        text = json.dumps(found) if arguments.json else _text(found)
        sys.stdout.write((CLEAR if arguments.watch and on_terminal() else "") + text + "\n")
        sys.stdout.flush()
        if not arguments.watch:
            return 0
        clock.pause(SECONDS)


def collect(settings: Settings, name: str | None = None) -> list[dict[str, Any]]:
    """Return load balancers with everything that they lead to, and where they live."""
    found = []
    for api in apis(settings):
        traffic = latest_traffic(api)
        for one in balancers(api):
            if name is None or one["LoadBalancerName"] == name:
                add_details(api, one)
                one["Traffic"] = traffic_words(traffic.get(one["LoadBalancerArn"]))
                found.append({"Account": api.account, "Region": api.region, **one})
    return found


def _text(found: list[dict[str, Any]]) -> str:
    if not found:
        return "There is no load balancer."
    return "\n\n".join("\n".join(_lines(one)) for one in found)


def _lines(balancer: dict[str, Any]) -> Iterator[str]:
    name, status = balancer["LoadBalancerName"], balancer["State"]
    where = f"{balancer['Type']}, {balancer['Scheme']}, {balancer['Account']} {balancer['Region']}"
    reason = f": {status['Reason']}" if status.get("Reason") else ""
    yield f"{paint(name, 'bold')} {state(status['Code'])}{reason} {paint(f'({where})', 'dim')}"
    yield f"  latest minute: {balancer['Traffic']}"
    names = {one["TargetGroupArn"]: one["TargetGroupName"] for one in balancer["TargetGroups"]}
    if not balancer["Listeners"]:
        yield f"  no listener: {balancer['DNSName']} answers nothing"
    for listener in balancer["Listeners"]:
        yield f"  {' '.join(listener['Urls'])}"
        for rule in listener["Rules"]:
            priority = "" if rule["IsDefault"] == "true" else f"{rule['Priority']}: "
            does = action_words(rule["Actions"], names)
            yield f"    {priority}{condition_words(rule)} → {does}"
    for group in balancer["TargetGroups"]:
        yield from _group(group)


def _group(group: dict[str, Any]) -> Iterator[str]:
    checks = f"checks {group.get('HealthCheckPath') or group['HealthCheckProtocol']}"
    if group["HealthCheckEnabled"] == "false":
        checks = "no checks"
    is_function = group["TargetType"] == "lambda"
    where = "Lambda" if is_function else f"{group['Protocol']} {group['Port']}"
    where = f"{where}, {checks}"
    yield f"  target group {paint(group['TargetGroupName'], 'bold')} {paint(f'({where})', 'dim')}"
    if not group["Targets"]:
        yield "    no targets"
    for one in group["Targets"]:
        health = one["TargetHealth"]
        words = f"    {target_words(one['Target'])} {state(health['State'])}"
        if health.get("Reason"):
            words += f" {health.get('Description') or ''} ({health['Reason']})"
        yield words
