"""``ecsd dns``: private names on this machine: where they are answered, how programs find them."""

import argparse
import os
import subprocess
from pathlib import Path

from ecsd.cli.api import Api
from ecsd.cli.balancers import plain
from ecsd.cli.find import apis
from ecsd.cli.screen import done, failed, step
from ecsd.settings import Settings

RESOLVED = Path("/run/systemd/resolve")  # there while systemd-resolved runs
DROP_IN = Path("/etc/systemd/resolved.conf.d")
DNSMASQ = Path("/etc/dnsmasq.d")
RELOAD_SECONDS = 30


class Stub:
    """A resolver of this machine that can be told to ask ecsd for some names."""

    def __init__(self, name: str, file: Path, text: str, reload: tuple[str, ...]) -> None:
        self.name = name
        self.file = file
        self.text = text
        self.reload = reload


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("dns", help="private names on this machine")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--install", action="store_true", help="have this machine's resolver ask")
    what.add_argument("--remove", action="store_true", help="take that back")
    parser.add_argument("--yes", action="store_true", help="do not ask before writing")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Explain; or, asked to, tell this machine's resolver."""
    place = settings.names_place
    if place is None:
        failed("private names are not answered on this machine: ECSD_HOST_NAMES is empty")
        return 1
    zones = private_zones(settings)
    stub = found_stub(settings.label, place[0], zones)
    if arguments.remove:
        return _remove(stub)
    if arguments.install:
        return _install(stub, zones, sure=arguments.yes)
    explain(place[0], zones, stub)
    return 0


def private_zones(settings: Settings) -> list[str]:
    """Return the names of all private zones and namespaces, of every account and region."""
    found: set[str] = set()
    for api in apis(settings):
        found |= _zones(api)
    return sorted(found)


def found_stub(label: str, address: str, zones: list[str]) -> Stub | None:
    """Return the resolver of this machine that can ask for single zones; None: there is none."""
    if RESOLVED.is_dir():
        domains = " ".join(f"~{zone}" for zone in zones)
        text = f"[Resolve]\nDNS={address}\nDomains={domains}\n"
        reload = ("systemctl", "restart", "systemd-resolved")
        return Stub("systemd-resolved", DROP_IN / f"{label}.conf", text, reload)
    if DNSMASQ.is_dir():
        text = "".join(f"server=/{zone}/{address}\n" for zone in zones)
        reload = ("systemctl", "restart", "dnsmasq")
        return Stub("dnsmasq", DNSMASQ / f"{label}.conf", text, reload)
    return None


def explain(address: str, zones: list[str], stub: Stub | None) -> None:
    """Say where names are answered, and what would have programs of this machine find them."""
    step(f"private names are answered at {address}, port 53: dig @{address} NAME")
    step(f"zones: {', '.join(zones) or 'none yet'}")
    if stub is None:
        step(
            "this machine's resolver cannot be told to ask for single zones (systemd-resolved and "
            f"dnsmasq can): nameserver {address} in /etc/resolv.conf answers these names alone"
        )
    elif stub.file.exists():
        old = "" if stub.file.read_text() == stub.text else ", for other zones: install it again"
        step(f"{stub.name} asks there ({stub.file}){old}")
    else:
        step(f"`ecsd dns --install` has {stub.name} ask there for these zones, by {stub.file}")
    step("what a program may reach by these names is for security groups to say")


def _zones(api: Api) -> set[str]:
    """Return an account's private zones in one region."""
    answered = api.rest("route53", "/2013-04-01/hostedzone")
    zones = plain(answered.find("HostedZones")) or []
    return {
        one["Name"].removesuffix(".") for one in zones if one["Config"]["PrivateZone"] == "true"
    }


def _install(stub: Stub | None, zones: list[str], *, sure: bool) -> int:
    if stub is None:
        failed("neither systemd-resolved nor dnsmasq is here: there is nothing to tell")
        return 1
    if not zones:
        failed("there is no private zone yet: make one, then install")
        return 1
    if os.geteuid() != 0:
        failed(f"writing {stub.file} needs root")
        return 1
    if not sure and not _agreed(f"write {stub.file} and restart {stub.name}?\n{stub.text}"):
        return 1
    stub.file.parent.mkdir(parents=True, exist_ok=True)
    stub.file.write_text(stub.text)
    return _reloaded(stub, f"{stub.name} asks ecsd for {', '.join(zones)}")


def _remove(stub: Stub | None) -> int:
    if stub is None or not stub.file.exists():
        done("nothing was installed")
        return 0
    if os.geteuid() != 0:
        failed(f"removing {stub.file} needs root")
        return 1
    stub.file.unlink()
    return _reloaded(stub, f"{stub.name} asks ecsd for nothing any more")


def _reloaded(stub: Stub, words: str) -> int:
    try:
        told = subprocess.run(
            stub.reload, capture_output=True, text=True, timeout=RELOAD_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        failed(f"{' '.join(stub.reload)}: {error}")
        return 1
    if told.returncode != 0:
        failed(f"{' '.join(stub.reload)}: {told.stderr.strip()}")
        return 1
    done(words)
    return 0


def _agreed(question: str) -> bool:
    try:
        return input(f"{question}[y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        failed("nobody answers: --yes does not ask")
        return False
