"""Names of parameters, and how requests point at one version of them.

Source: AWS Systems Manager API Reference, PutParameter (Name), GetParameter (Name); User Guide,
Working with parameter versions and labels.
"""

import re
from typing import NamedTuple

LEVELS = 15
LONGEST = 1011  # characters of a name, its ARN's beginning included
LABELS = 10  # of one version
_PART = re.compile(r"[a-zA-Z0-9_.-]+")
_RESERVED = re.compile(r"/?(aws|ssm)", re.IGNORECASE)
_LABEL = re.compile(r"(?!aws|ssm|\d)[a-zA-Z0-9_.-]{1,100}", re.IGNORECASE)
WORDS = (
    'Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive). If formed as a '
    "path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a "
    "mix of letters, numbers and the following 3 symbols .-_"
)


class NameFault(NamedTuple):
    """Why a name is refused: code and sentence."""

    code: str
    message: str


class Pointer(NamedTuple):
    """What a request's Name means. selector: a version or a label; empty: the newest."""

    name: str
    selector: str = ""
    is_arn: bool = False  # then the name may have lost its leading slash


def name_fault(name: str, head: str) -> NameFault | None:
    """Return what is wrong with a new parameter's name. head: how its ARN begins."""
    if _RESERVED.match(name):
        return NameFault("ValidationException", WORDS)
    if "/" in name and not name.startswith("/"):
        return NameFault("ValidationException", "Parameter name must be a fully qualified name.")
    parts = name.removeprefix("/").split("/")
    if not all(_PART.fullmatch(part) for part in parts):
        return NameFault("ValidationException", WORDS)
    if len(parts) > LEVELS:
        return NameFault(
            "HierarchyLevelLimitExceededException",
            f"A hierarchy can have a maximum of {LEVELS} levels, {name} has {len(parts)}.",
        )
    if len(head) + len(name) > LONGEST:
        return NameFault(
            "ValidationException",
            f"Parameter name: with its ARN it can have at most {LONGEST} characters.",
        )
    return None


def parameter_arn(head: str, name: str) -> str:
    """Return the ARN of a parameter. head: ``arn:aws:ssm:REGION:ACCOUNT:parameter``."""
    return f"{head}/{name.removeprefix('/')}"


def pointer(given: str, head: str) -> Pointer | None:
    """Return what a Name points at; None: it is another account's or region's ARN."""
    if not given.startswith("arn:"):
        name, _, selector = given.partition(":")
        return Pointer(name, selector)
    if not given.startswith(f"{head}/"):
        return None
    name, _, selector = given.removeprefix(head).partition(":")
    return Pointer(name, selector, is_arn=True)


def is_label(text: str) -> bool:
    """Return whether a text may be a label."""
    return _LABEL.fullmatch(text) is not None


def is_below(name: str, path: str, *, recursive: bool) -> bool:
    """Return whether a parameter lies under a path: directly, or anywhere if recursive."""
    root = f"{path.rstrip('/')}/"
    if not name.startswith(root):
        return False
    return recursive or "/" not in name.removeprefix(root)
