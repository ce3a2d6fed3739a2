"""What rules' transforms may be.

Source: Application Load Balancers guide, transforms for listener rules; Elastic Load Balancing API
Reference, RuleTransform and its configurations.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ecsd.decisions.balancers.rule_regex import check_regex, check_replacement

CONFIGS = {"host-header-rewrite": "HostHeaderRewriteConfig", "url-rewrite": "UrlRewriteConfig"}
LONGEST = 1024


def check_transforms(
    transforms: Sequence[Mapping[str, Any]], actions: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Yield what is wrong with a rule's transforms, given its actions."""
    kinds = [one.get("Type") for one in transforms]
    for kind in CONFIGS:
        if kinds.count(kind) > 1:
            yield f"A rule can only have one '{kind}' transform"
    for one in transforms:
        yield from _transform(one)
    if transforms and actions[-1].get("Type") != "forward":
        yield "Transforms can only be specified for a rule that forwards: nothing else is rewritten"


def rewrite_of(transform: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the Regex and Replace of a transform that was checked."""
    rewrite: Mapping[str, Any] = transform[CONFIGS[transform["Type"]]]["Rewrites"][0]
    return rewrite


def _transform(transform: Mapping[str, Any]) -> Iterator[str]:
    kind = transform.get("Type")
    if kind not in CONFIGS:
        yield f"Transform type '{kind}' must be one of '{','.join(sorted(CONFIGS))}'"
        return
    own = CONFIGS[kind]
    for member in CONFIGS.values():
        if member != own and transform.get(member):
            yield f"{member} cannot be specified for the transform type '{kind}'"
    rewrites = (transform.get(own) or {}).get("Rewrites") or ()
    if len(rewrites) != 1:
        yield f"{own}: exactly one rewrite must be specified, got {len(rewrites)}"
    for rewrite in rewrites:
        yield from _rewrite(own, rewrite)


def _rewrite(config: str, rewrite: Mapping[str, Any]) -> Iterator[str]:
    regex, replacement = rewrite.get("Regex") or "", rewrite.get("Replace") or ""
    for member, text in (("Regex", regex), ("Replace", replacement)):
        if len(text) > LONGEST:
            yield f"{config}: {member} may have at most {LONGEST} characters"
        if not all(" " <= one <= "~" for one in text):
            yield f"{config}: {member} '{text}' contains a character that is not valid"
    if not regex:
        yield f"{config}: Regex must be specified"
        return
    problems = list(check_regex(regex))
    yield from problems
    if not problems:
        yield from check_replacement(regex, replacement)
