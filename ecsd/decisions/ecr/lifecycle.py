"""Lifecycle policies: which images of a repository a policy has expire.

Rules are taken by priority. An image whose tags one rule is about is no later rule's to expire,
though later rules count it as if it stayed. Images that a list names expire only with it.
Source: Amazon ECR User Guide, lifecycle policy properties and evaluation.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

TAGGED, UNTAGGED, ANY = "tagged", "untagged", "any"
MORE_THAN, SINCE_PUSHED, SINCE_PULLED = (
    "imageCountMoreThan",
    "sinceImagePushed",
    "sinceImagePulled",
)
RULE_MEMBERS = {"rulePriority", "description", "selection", "action"}
SELECTION_MEMBERS = {
    "tagStatus",
    "tagPrefixList",
    "tagPatternList",
    "countType",
    "countUnit",
    "countNumber",
}
MOST_WILDCARDS = 4


class Candidate(NamedTuple):
    """An image that may expire. pulled_at: None: nobody has pulled it."""

    digest: str
    tags: tuple[str, ...]
    pushed_at: datetime
    pulled_at: datetime | None = None
    children: tuple[str, ...] = ()


class Rule(NamedTuple):
    """A rule. Prefixes and patterns: every one has to be among an image's tags."""

    priority: int
    tag_status: str
    prefixes: tuple[str, ...]
    patterns: tuple[str, ...]
    count_type: str
    number: int

    def selects(self, image: Candidate) -> bool:
        """Tell whether an image is one that the rule is about."""
        if self.tag_status == UNTAGGED:
            return not image.tags
        if self.tag_status == ANY:
            return True
        return (
            bool(image.tags)
            and all(any(tag.startswith(one) for tag in image.tags) for one in self.prefixes)
            and all(any(_matches(one, tag) for tag in image.tags) for one in self.patterns)
        )

    def clock_of(self, image: Candidate) -> datetime:
        """Return since when an image's days are counted; one never pulled: since its push."""
        pulled = image.pulled_at if self.count_type == SINCE_PULLED else None
        return pulled or image.pushed_at


class Expiry(NamedTuple):
    """An image that is to go, and by which rule."""

    image: Candidate
    priority: int


class Outcome(NamedTuple):
    """What a policy decides now, and when time alone may change that; None: never."""

    expired: tuple[Expiry, ...]
    again: datetime | None


def read_policy(text: str) -> tuple[Rule, ...] | str:
    """Return a policy's rules by priority, or what is wrong with it."""
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        return f"it is no JSON: {error}"
    rules = document.get("rules") if isinstance(document, dict) else None
    if not isinstance(rules, list) or not rules or set(document) != {"rules"}:
        return "it must be an object with the member rules alone, which lists at least one rule"
    fault = next((fault for one in rules for fault in _rule_faults(one)), None)
    if fault is not None:
        return fault
    read = sorted((_rule(one) for one in rules), key=lambda one: one.priority)
    fault = next(_policy_faults(read), None)
    return fault if fault is not None else tuple(read)


def settled(outcome: Outcome, now: datetime, grace: timedelta) -> Outcome:
    """Return an outcome in which no image expires sooner than ``grace`` after its push.

    The images of a list are pushed before the list that names them, and untagged until then.
    """
    ready = tuple(one for one in outcome.expired if one.image.pushed_at + grace <= now)
    later = [one.image.pushed_at + grace for one in outcome.expired if one not in ready]
    again = [*later, *([outcome.again] if outcome.again else [])]
    return Outcome(ready, min(again, default=None))


def evaluate(rules: Sequence[Rule], images: Iterable[Candidate], now: datetime) -> Outcome:
    """Return which images expire now. rules: by priority, as ``read_policy`` returns them."""
    known = list(images)
    listed = {child for one in known for child in one.children}
    claimed: set[str] = set()
    marked: list[Expiry] = []
    again: list[datetime] = []
    for rule in rules:
        free = [one for one in known if one.digest not in listed and rule.selects(one)]
        if rule.count_type == MORE_THAN:
            newest = sorted(free, key=lambda one: (one.pushed_at, one.digest), reverse=True)
            gone = newest[rule.number :]
        else:
            ends = [(rule.clock_of(one) + timedelta(days=rule.number), one) for one in free]
            gone = [one for end, one in ends if end <= now]
            again += [end for end, one in ends if end > now and one.digest not in claimed]
        marked += [Expiry(one, rule.priority) for one in gone if one.digest not in claimed]
        claimed |= {one.digest for one in free}
    return Outcome(tuple(marked), min(again, default=None))


def _matches(pattern: str, tag: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), tag) is not None


def _rule(given: Mapping[str, Any]) -> Rule:
    selection = given["selection"]
    return Rule(
        priority=given["rulePriority"],
        tag_status=selection["tagStatus"],
        prefixes=tuple(selection.get("tagPrefixList", ())),
        patterns=tuple(selection.get("tagPatternList", ())),
        count_type=selection["countType"],
        number=selection["countNumber"],
    )


def _rule_faults(given: object) -> Iterator[str]:
    if not isinstance(given, dict):
        yield "a rule must be an object"
        return
    unknown = set(given) - RULE_MEMBERS
    if unknown:
        yield f"a rule has no member {min(unknown)}"
    if not _is_count(given.get("rulePriority")):
        yield "rulePriority must be a whole number from 1"
    if given.get("action") != {"type": "expire"}:
        yield 'action must be {"type": "expire"}: there is no other storage class here'
    if not isinstance(given.get("description", ""), str):
        yield "description must be a text"
    selection = given.get("selection")
    if not isinstance(selection, dict):
        yield "selection must be an object"
        return
    yield from _selection_faults(selection)


def _selection_faults(selection: Mapping[str, Any]) -> Iterator[str]:
    unknown = set(selection) - SELECTION_MEMBERS
    if unknown:
        yield f"selection has no member {min(unknown)}"
    status, count_type = selection.get("tagStatus"), selection.get("countType")
    if status not in (TAGGED, UNTAGGED, ANY):
        yield "tagStatus must be tagged, untagged or any"
    if count_type not in (MORE_THAN, SINCE_PUSHED, SINCE_PULLED):
        yield f"countType must be {MORE_THAN}, {SINCE_PUSHED} or {SINCE_PULLED}"
    if not _is_count(selection.get("countNumber")):
        yield "countNumber must be a whole number from 1"
    if count_type == MORE_THAN and "countUnit" in selection:
        yield f"countUnit has no meaning with {MORE_THAN}"
    if count_type != MORE_THAN and selection.get("countUnit") != "days":
        yield "countUnit must be days"
    lists = [selection[one] for one in ("tagPrefixList", "tagPatternList") if one in selection]
    if any(not _texts(one) for one in lists):
        yield "tagPrefixList and tagPatternList must list texts"
    elif (status == TAGGED) != (len(lists) == 1):
        yield "tagPrefixList or tagPatternList must be given with, and only with, tagStatus tagged"
    elif any(one.count("*") > MOST_WILDCARDS for one in selection.get("tagPatternList", ())):
        yield f"a pattern may have at most {MOST_WILDCARDS} wildcards"


def _policy_faults(rules: Sequence[Rule]) -> Iterator[str]:
    if len({one.priority for one in rules}) < len(rules):
        yield "every rule must have a rulePriority of its own"
    for status in (UNTAGGED, ANY):
        if sum(one.tag_status == status for one in rules) > 1:
            yield f"there may be only one rule with tagStatus {status}"
    if any(one.tag_status == ANY for one in rules[:-1]):
        yield "the rule with tagStatus any must have the highest rulePriority"


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _texts(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, str) and one for one in value)
    )
