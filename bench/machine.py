"""What this machine is, what processes cost, and the tools that ask and count."""

import json
import os
import platform
import re
import subprocess
import tempfile
from pathlib import Path

PATIENCE = 60  # seconds that a tool may take beyond its own time


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


def family(pid):
    """Return a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def cpu_seconds(pid):
    """Return the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(*words, namespace=None):
    """Return what a command says; RuntimeError, with its words, when it fails."""
    enter = ["nsenter", f"--net={namespace}"] if namespace else []
    done = subprocess.run(
        [*enter, *words], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-300:]
        raise RuntimeError(f"{words[0]} ends with {done.returncode}: {said}")
    return done.stdout


def wrk(url, *, seconds, connections, script=None, headers=(), namespace=None):
    """Return requests a second and the number of bad answers, those that never came among them."""
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url]
    for one in headers:
        words += ["-H", one]
    if script:
        words += ["-s", script]
    text = run(*words, namespace=namespace)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(r"Socket errors: (.*)", text)
    failed = sum(map(int, re.findall(r"\d+", broken[1]))) if broken else 0
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    return rate, (int(bad[1]) if bad else 0) + failed


def good_rate(url, **how):
    """Return requests a second; RuntimeError when any went wrong."""
    rate, bad = wrk(url, **how)
    if bad:
        raise RuntimeError(f"{bad} answers of {url} went wrong")
    return rate


def h2load(url, *words, seconds, namespace=None):
    """Return requests a second of h2load; RuntimeError when any went wrong."""
    text = run("h2load", "-D", str(seconds), *words, url, namespace=namespace)
    found = re.findall(r"(\d+) (succeeded|failed|errored)", text)
    counts = {name: int(count) for count, name in found}
    if not counts.get("succeeded") or counts.get("failed") or counts.get("errored"):
        raise RuntimeError(f"h2load of {url}: {counts}")
    return counts["succeeded"] / seconds


def latencies(url, *, rate, seconds, host, namespace=None):
    """Return the seconds of each request at a constant rate over HTTP/1.1, without warm-up."""
    with tempfile.NamedTemporaryFile(prefix="ecsd-bench-") as log:
        words = ["-n", str(rate * seconds), "-c4", f"--rps={rate // 4}", f"--log-file={log.name}"]
        words += ["-H", f":authority: {host}"]
        run("h2load", "--h1", *words, url, namespace=namespace)
        lines = [line.split() for line in Path(log.name).read_text().splitlines()]
    return [int(taken) / 1e6 for _, status, taken in lines[rate // 2 :] if status == "200"]


def throughput(address, *, seconds, namespace=None):
    """Return the bits a second that an iperf3 server received."""
    told = run("iperf3", "-J", "-c", address, "-t", str(seconds), namespace=namespace)
    return json.loads(told)["end"]["sum_received"]["bits_per_second"]


def questions(server, port, name, *, seconds, namespace):
    """Return the answers a second of a resolver; RuntimeError when any was lost or not NOERROR."""
    with tempfile.NamedTemporaryFile("w", prefix="ecsd-bench-") as asked:
        asked.write(f"{name} A\n")
        asked.flush()
        words = ["-s", server, "-p", str(port), "-d", asked.name, "-l", str(seconds), "-c", "4"]
        text = run("dnsperf", *words, "-q", "64", namespace=namespace)
    lost = int(re.search(r"Queries lost:\s+(\d+)", text)[1])
    codes = re.search(r"Response codes:\s+(.*)", text)[1]
    if lost or not re.fullmatch(r"NOERROR \d+ \(100\.00%\)", codes.strip()):
        raise RuntimeError(f"{lost} questions lost; {codes}")
    return float(re.search(r"Queries per second:\s+([\d.]+)", text)[1])


def resumed(address, port, *, seconds):
    """Return the resumed TLS handshakes a second that one client gets through."""
    words = ["s_time", "-connect", f"{address}:{port}", "-reuse", "-tls1_2", "-time", str(seconds)]
    text = run("openssl", *words)
    count, real = re.findall(r"(\d+) connections in (\d+) real seconds", text)[-1]
    return int(count) / int(real)
