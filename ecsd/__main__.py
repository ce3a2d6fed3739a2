"""python -m ecsd."""

import sys

from ecsd.cli import main

sys.exit(main())
