"""``eval "$(ecsd env)"``: point AWS clients of this shell at ecsd."""

import argparse
import json

from ecsd.cli.api import DEFAULT_ACCOUNT
from ecsd.settings import Settings


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("env", help="environment for AWS clients, to be evaluated")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print variables."""
    variables = environment(settings)
    if arguments.json:
        print(json.dumps(variables, indent=1))
    else:
        for name, value in variables.items():
            print(f"export {name}={value}")
    return 0


def environment(settings: Settings) -> dict[str, str]:
    """Return what an AWS client needs: endpoint, region, any credentials (local mode)."""
    host = "localhost" if settings.host == "127.0.0.1" else settings.host
    return {
        "AWS_ENDPOINT_URL": f"http://{host}:{settings.port}",
        "AWS_REGION": settings.region,
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_ACCESS_KEY_ID": settings.access_key_id or DEFAULT_ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": settings.secret_access_key or "ecsd",
        # DiscoverInstances goes to data-HOST on AWS; here HOST is the only name there is.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }
