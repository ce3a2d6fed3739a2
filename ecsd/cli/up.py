"""``ecsd up``: start server and agent on this machine, in the foreground or with ``-d``."""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from ecsd.cli.api import Api, Unreachable
from ecsd.cli.screen import done, failed, step
from ecsd.clock import SystemClock
from ecsd.ids import IdSource
from ecsd.processes import journal, paths, supervisor
from ecsd.processes.root_key import make_root_key, with_root_key
from ecsd.settings import Settings

READY_SECONDS = 30.0
POLL_SECONDS = 0.02


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("up", help="start ecsd on this machine")
    parser.add_argument("-d", "--detach", action="store_true", help="go on in the background")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Start, or say what is missing. The first start of strict mode tells its root credentials."""
    if os.geteuid() == 0:
        made = make_root_key(settings, IdSource())
        if made is not None:
            done(f"root credentials, kept in {paths.root_key(settings)} and told this once:")
            step(f"AWS_ACCESS_KEY_ID={made.access_key_id}")
            step(f"AWS_SECRET_ACCESS_KEY={made.secret_access_key}")
            settings = with_root_key(settings)
    problem = obstacle(settings)
    if problem is not None:
        failed(problem)
        return 1
    if running_pid(settings) is not None:
        done(f"ecsd is up already, at http://{settings.host}:{settings.port}")
        return 0
    return _detached(settings) if arguments.detach else _foreground(settings)


def obstacle(settings: Settings) -> str | None:
    """Return what keeps ecsd from starting here, and what to do; None when nothing does."""
    if os.geteuid() != 0:
        return (
            "ecsd makes network namespaces and packet filters: it needs root "
            "(CAP_NET_ADMIN and CAP_SYS_ADMIN). Run it with sudo."
        )
    return settings.obstacle()


def running_pid(settings: Settings) -> int | None:
    """Return the supervisor's pid while it runs."""
    try:
        pid = int(paths.supervisor_pid(settings).read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return pid if b"ecsd" in command else None


def await_answer(settings: Settings, process: "subprocess.Popen[bytes]") -> bool:
    """Return whether the API of a supervisor answers within its time.

    False at once if it has ended. Its own pid file has to be there: at the same port another ecsd
    may answer.
    """
    clock = SystemClock()
    deadline = clock.now().timestamp() + READY_SECONDS
    while clock.now().timestamp() < deadline and process.poll() is None:
        if running_pid(settings) == process.pid and _answers(settings):
            return True
        clock.pause(POLL_SECONDS)
    return False


def _answers(settings: Settings) -> bool:
    try:
        Api(settings).inspect("health")
    except Unreachable:
        return False
    return True


def _foreground(settings: Settings) -> int:
    journal.start("supervisor", settings)
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    try:
        listener = supervisor.listen(settings)
    except OSError as error:
        failed(f"cannot listen on {settings.host}:{settings.port}: {error}")
        return 1
    _report(settings)
    planned = supervisor.children(listener)
    supervisor.Supervisor(planned, paths.supervisor_pid(settings), SystemClock()).run()
    return 0


def _detached(settings: Settings) -> int:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    log_file = paths.log_file(settings)
    step(f"starting ecsd; its log is {log_file}")
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ecsd", "up"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    # The child runs on: whoever waits for it later is the supervisor's own parent, init.
    if not await_answer(settings, process):
        words = "does not answer" if process.poll() is None else "has ended"
        failed(f"ecsd {words}; the last lines of {log_file}:")
        sys.stderr.write(
            "".join(log_file.read_text(errors="replace").splitlines(keepends=True)[-15:])
        )
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        return 1
    _report(settings)
    return 0


def _report(settings: Settings) -> None:
    done(f"the API is at http://{settings.host}:{settings.port} ({settings.mode} mode)")
    done(f"state is in {settings.data_dir}")
    step('point AWS clients here: eval "$(ecsd env)"')
