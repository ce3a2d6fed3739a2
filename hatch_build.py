"""Build hook: compile the service models that a wheel ships."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompiledModels(BuildHookInterface):
    """Brings ``ecsd/protocol/tables`` and ``ecsd/protocol/shapes`` up to date."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before files are collected."""
        sys.path.insert(0, str(Path(self.root) / "tools"))
        import compile_models

        compile_models.main()
