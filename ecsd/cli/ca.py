"""``ecsd ca``: the local authority's root certificate, and how to trust it."""

import argparse
import sys

from ecsd.cli.api import Api
from ecsd.settings import Settings

TRUST = """\
The certificates of this ecsd are signed by the root above. Nothing trusts it until you say so:
  one call    ecsd ca > ecsd-ca.pem; curl --cacert ecsd-ca.pem https://NAME
  a program   SSL_CERT_FILE=ecsd-ca.pem, REQUESTS_CA_BUNDLE, NODE_EXTRA_CA_CERTS
  Debian      ecsd ca > /usr/local/share/ca-certificates/ecsd.crt; update-ca-certificates
  a browser   import the file as a certificate authority
Its key stays in ECSD_DATA_DIR/authority: who has that file can speak for every name.
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("ca", help="root certificate of the local authority, to trust it")
    parser.set_defaults(run=run)


def run(_: argparse.Namespace, settings: Settings) -> int:
    """Print the root (PEM); to a person also how to trust it."""
    print(Api(settings).inspect("authority")["root"], end="")
    if sys.stderr.isatty():
        sys.stderr.write(TRUST)
    return 0
