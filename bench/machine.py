"""What this machine is, what processes cost, and wrk."""

import os
import platform
import re
import subprocess
from pathlib import Path


def describe():
    """Return one line about the machine."""
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1]) // 2**20
    engine = subprocess.run(
        ["docker", "version", "-f", "{{.Server.Version}}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {memory} GiB, Linux {platform.release()}, Python "
        f"{platform.python_version()}, Docker Engine {engine}, load {load:.1f} at the beginning"
    )


def pss(pid):
    """Return a process's proportional memory in MB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1]) / 1024


def cpu_seconds(pid):
    """Return the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wrk(url, *, seconds, connections, script=None, host=None):
    """Return requests a second and the number of bad answers."""
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url]
    if host:
        words += ["-H", f"Host: {host}"]
    if script:
        words += ["-s", script]
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), int(bad[1]) if bad else 0
