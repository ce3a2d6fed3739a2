"""``ecsd doctor``: is this machine fit, is the state sound; and the fix for what is not."""

import argparse
import json
import shutil
import socket
from pathlib import Path
from typing import NamedTuple

from ecsd.agent.drivers import bindfs
from ecsd.agent.traffic.host_checks import host_findings
from ecsd.cli.api import Api, Unreachable
from ecsd.cli.screen import paint
from ecsd.settings import Settings

TOOLS = {
    "haproxy": "load balancers need it: apt-get install haproxy",
    "nft": "security groups need it: apt-get install nftables",
    "ip": "networks need it: apt-get install iproute2",
    "mkfs.ext4": "volumes of EBS need it: apt-get install e2fsprogs",
    "mkfs.xfs": "volumes of EBS need it: apt-get install xfsprogs",
    "conntrack": "cutting connections needs it: apt-get install conntrack",
}
SECONDS = 3.0


class Check(NamedTuple):
    """One thing looked at. fix: what to do when it is not well."""

    what: str
    well: bool
    words: str
    fix: str = ""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("doctor", help="checks this machine and the stored state")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Look at everything; exit status 1 when something is not well."""
    checks = [*machine(settings), *state(settings)]
    if arguments.json:
        print(json.dumps([one._asdict() for one in checks], indent=1))
    else:
        for one in checks:
            mark = paint("✓", "good") if one.well else paint("✗", "bad")
            print(f"{mark} {one.what}: {one.words}")
            if not one.well and one.fix:
                print(f"  {paint('fix', 'bold')}: {one.fix}")
    return 0 if all(one.well for one in checks) else 1


def machine(settings: Settings) -> list[Check]:
    """Check what the agent needs of the machine."""
    checks = [_tool(name, fix) for name, fix in TOOLS.items()]
    checks.append(_engine(settings))
    lacks = bindfs.lacking()
    words = lacks or "access points of EFS can have a PosixUser"
    checks.append(Check("bindfs", lacks is None, *words.split(": ", 1)))
    findings = host_findings(settings)
    checks += [Check("host", False, one.words, one.fix) for one in findings]
    if not findings:
        checks.append(Check("host", True, "namespaces, packet filters and forwarding work"))
    return checks


def state(settings: Settings) -> list[Check]:
    """Ask the running server for faults, last errors and broken invariants."""
    api = Api(settings)
    try:
        hosts, errors, findings = (api.inspect(one) for one in ("hosts", "errors", "findings"))
    except Unreachable as error:
        return [Check(what="server", well=False, words=str(error), fix="ecsd up -d")]
    checks = [Check(what="server", well=True, words="answers")]
    for host in hosts:
        words = "connected" if host["connected"] else "away"
        checks.append(Check(f"agent on {host['name']}", host["connected"], words, "ecsd up -d"))
        checks += [
            Check(what=f"{host['name']} {part}", well=False, words=words)
            for part, words in host["faults"].items()
        ]
    if not hosts:
        checks.append(Check("agent", well=False, words="none has ever connected", fix="ecsd up -d"))
    checks += [
        Check(
            what=f"controller {one['controller']}",
            well=False,
            words=f"{one['key']}: {one['words']}",
        )
        for one in errors
    ]
    checks += [
        Check(
            what=f"invariant ({one['severity']})",
            well=False,
            words=f"{one['subject']}: {one['words']}",
        )
        for one in findings
    ]
    if not findings:
        checks.append(Check(what="invariants", well=True, words="all hold"))
    return checks


def _tool(name: str, fix: str) -> Check:
    path = shutil.which(name)
    return Check(name, path is not None, path or "is not installed", fix)


def _engine(settings: Settings) -> Check:
    fix = "start Docker Engine: systemctl start docker (or run dockerd)"
    path = Path(settings.docker_socket)
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    probe.settimeout(SECONDS)
    try:
        probe.connect(str(path))
        probe.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
        answer = probe.recv(64)
    except OSError as error:
        return Check("Docker Engine", well=False, words=f"{path}: {error}", fix=fix)
    finally:
        probe.close()
    well = b" 200 " in answer
    return Check("Docker Engine", well, "answers" if well else repr(answer), fix)
