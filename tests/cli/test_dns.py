"""Which resolver of the machine is told what, and only when somebody says so."""

import subprocess

import pytest

from ecsd.cli import dns
from ecsd.settings import Settings

ZONES = ["corp.internal", "prod.local"]


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with folders of its own; ``commands`` are what was run."""
    commands = []

    def run(words, **_):
        commands.append(words)
        return subprocess.CompletedProcess(words, 0, "", "")

    monkeypatch.setattr(dns, "RESOLVED", tmp_path / "run" / "resolve")
    monkeypatch.setattr(dns, "DROP_IN", tmp_path / "resolved.conf.d")
    monkeypatch.setattr(dns, "DNSMASQ", tmp_path / "dnsmasq.d")
    monkeypatch.setattr(dns.subprocess, "run", run)
    monkeypatch.setattr(dns, "private_zones", lambda _: ZONES)
    monkeypatch.setattr(dns.os, "geteuid", lambda: 0)
    return type("Machine", (), {"folder": tmp_path, "commands": commands})


def asked(*words):
    parser = dns.argparse.ArgumentParser()
    dns.add(parser.add_subparsers())
    return parser.parse_args(["dns", *words])


def test_resolved_is_asked_first_and_then_dnsmasq(machine):
    assert dns.found_stub("ecsd", "127.170.0.2", ZONES) is None
    (machine.folder / "dnsmasq.d").mkdir()
    stub = dns.found_stub("ecsd", "127.170.0.2", ZONES)
    assert stub.text == "server=/corp.internal/127.170.0.2\nserver=/prod.local/127.170.0.2\n"
    (machine.folder / "run" / "resolve").mkdir(parents=True)
    stub = dns.found_stub("ecsd", "127.170.0.2", ZONES)
    assert stub.text == "[Resolve]\nDNS=127.170.0.2\nDomains=~corp.internal ~prod.local\n"


def test_it_is_installed_when_agreed_to_and_removed_again(machine, monkeypatch, capsys):
    (machine.folder / "dnsmasq.d").mkdir()
    file = machine.folder / "dnsmasq.d" / "ecsd.conf"
    monkeypatch.setattr("builtins.input", lambda _: "n")
    assert dns.run(asked("--install"), Settings()) == 1
    assert not file.exists()
    monkeypatch.setattr("builtins.input", lambda _: "y")
    assert dns.run(asked("--install"), Settings()) == 0
    assert "prod.local" in file.read_text()
    assert machine.commands == [("systemctl", "restart", "dnsmasq")]
    assert dns.run(asked(), Settings()) == 0
    assert f"dnsmasq asks there ({file})" in capsys.readouterr().out
    assert dns.run(asked("--remove"), Settings()) == 0
    assert not file.exists()
    assert dns.run(asked("--remove"), Settings()) == 0


def test_what_cannot_be_installed_is_told(machine, monkeypatch, capsys):
    assert dns.run(asked("--install", "--yes"), Settings()) == 1
    assert "neither systemd-resolved nor dnsmasq" in capsys.readouterr().err
    (machine.folder / "dnsmasq.d").mkdir()
    monkeypatch.setattr(dns, "private_zones", lambda _: [])
    assert dns.run(asked("--install", "--yes"), Settings()) == 1
    assert "no private zone yet" in capsys.readouterr().err
    monkeypatch.setattr(dns, "private_zones", lambda _: ZONES)
    monkeypatch.setattr(dns.os, "geteuid", lambda: 1000)
    assert dns.run(asked("--install", "--yes"), Settings()) == 1
    assert "needs root" in capsys.readouterr().err
    assert dns.run(asked(), Settings(host_names="")) == 1
    assert "ECSD_HOST_NAMES is empty" in capsys.readouterr().err


def test_each_ecsd_of_a_machine_has_its_own_address():
    assert Settings().names_place == ("127.170.0.2", 53)
    assert Settings(instance=3).names_place == ("127.170.0.5", 53)
    assert Settings(host_names="").names_place is None
