"""Lifecycle policies: AWS's examples as a table, and laws that hold for all of them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.ecr.lifecycle import Candidate, evaluate, read_policy, settled

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def rule(priority, count_type="imageCountMoreThan", number=1, **selection):
    status = {"tagStatus": "any"} if not selection else {}
    unit = {} if count_type == "imageCountMoreThan" else {"countUnit": "days"}
    chosen = {**status, **selection, "countType": count_type, **unit, "countNumber": number}
    return {"rulePriority": priority, "selection": chosen, "action": {"type": "expire"}}


def rules(*given):
    read = read_policy(json.dumps({"rules": given}))
    assert not isinstance(read, str), read
    return read


def tagged(*prefixes):
    return {"tagStatus": "tagged", "tagPrefixList": list(prefixes)}


def pattern(*patterns):
    return {"tagStatus": "tagged", "tagPatternList": list(patterns)}


UNTAGGED = {"tagStatus": "untagged"}


def image(name, *tags, days=0, pulled=None, children=()):
    pulled_at = None if pulled is None else NOW - timedelta(days=pulled)
    return Candidate(name, tags, NOW - timedelta(days=days), pulled_at, tuple(children))


def expired(policy, *images):
    return {one.image.digest: one.priority for one in evaluate(policy, images, NOW).expired}


CASES = [
    # (rules, images, expired: digest → priority)
    ([rule(1)], [image("a", "x", days=1), image("b", "y", days=2)], {"b": 1}),
    ([rule(1, **UNTAGGED)], [image("a", days=2), image("b", days=1), image("c", "x")], {"a": 1}),
    (
        [rule(1, "sinceImagePushed", 14, **UNTAGGED)],
        [image("a", days=14), image("b", days=13.9), image("c", "x", days=40)],
        {"a": 1},
    ),
    (
        [rule(1, "sinceImagePulled", 5)],
        [image("a", days=30, pulled=1), image("b", days=30, pulled=6), image("c", days=5)],
        {"b": 1, "c": 1},
    ),
    # every prefix has to be there
    (
        [rule(1, "sinceImagePushed", 1, **tagged("alpha", "beta"))],
        [image("a", "alpha-1", days=9), image("b", "beta-1", "alpha-1", days=9)],
        {"b": 1},
    ),
    (
        [rule(1, "sinceImagePushed", 1, **pattern("*prod*"))],
        [image("a", "v-prod", days=2)],
        {"a": 1},
    ),
    ([rule(1, "sinceImagePushed", 1, **pattern("prod*"))], [image("a", "v-prod", days=2)], {}),
    # a dot is a dot
    ([rule(1, "sinceImagePushed", 1, **pattern("v1.*"))], [image("a", "v12", days=2)], {}),
    # what a first rule is about is not the second's to expire, but it is counted
    (
        [rule(1, number=1, **tagged("prod")), rule(2, number=1)],
        [image("a", "prod-1"), image("b", "dev-1", days=1), image("c", "prod-0", days=2)],
        {"c": 1, "b": 2},
    ),
    # rules are taken by priority, however they are written
    (
        [rule(9, number=1), rule(3, "sinceImagePushed", 1, **tagged("x"))],
        [image("a", "x", days=2), image("b", "y", days=3)],
        {"a": 3, "b": 9},
    ),
    # the images of a list go only with it
    (
        [rule(1, "sinceImagePushed", 1, **UNTAGGED)],
        [image("a", days=2), image("list", "v1", days=2, children=["a"])],
        {},
    ),
]


@pytest.mark.parametrize(("given_rules", "images", "wanted"), CASES)
def test_which_images_expire(given_rules, images, wanted):
    assert expired(rules(*given_rules), *images) == wanted


def test_time_alone_is_waited_for():
    policy = rules(rule(1, "sinceImagePushed", 10))
    outcome = evaluate(policy, [image("a", days=4), image("b", days=8)], NOW)
    assert outcome == ((), NOW + timedelta(days=2))
    assert evaluate(rules(rule(1)), [image("a")], NOW).again is None


def test_an_image_that_was_just_pushed_is_spared_for_a_while():
    policy = rules(rule(1, **UNTAGGED))
    images = [image("new"), image("newer", days=-0.0001), image("old", days=1)]
    outcome = evaluate(policy, images, NOW)
    ready, again = settled(outcome, NOW, timedelta(minutes=5))
    assert [one.image.digest for one in ready] == ["old"]
    assert again == NOW + timedelta(minutes=5)


FAULTS = [
    ("{", "no JSON"),
    ("[]", "an object"),
    ('{"rules": []}', "at least one rule"),
    ({**rule(0)}, "rulePriority"),
    ({**rule(True)}, "rulePriority"),
    ({**rule(1), "x": 1}, "no member x"),
    ({**rule(1), "action": {"type": "transition"}}, "action"),
    (rule(1, tagStatus="other"), "tagStatus"),
    (rule(1, "imageCount"), "countType"),
    (rule(1, number=0), "countNumber"),
    (rule(1, tagStatus="tagged"), "tagPrefixList"),
    (rule(1, tagStatus="any", tagPrefixList=["x"]), "tagPrefixList"),
    (rule(1, **tagged("x"), tagPatternList=["x"]), "tagPrefixList"),
    (rule(1, tagStatus="tagged", tagPatternList=[]), "list texts"),
    (rule(1, **pattern("*****")), "wildcards"),
    (rule(1, tagStatus="any", countUnit="days"), "countUnit"),
]


@pytest.mark.parametrize(("given_rule", "words"), FAULTS)
def test_what_is_wrong_with_a_policy_is_told(given_rule, words):
    text = given_rule if isinstance(given_rule, str) else json.dumps({"rules": [given_rule]})
    assert words in read_policy(text)


def test_rules_have_to_fit_each_other():
    for several, words in (
        ([rule(1, **tagged("a")), rule(1, **tagged("b"))], "of its own"),
        ([rule(1, **UNTAGGED), rule(2, **UNTAGGED)], "only one rule"),
        ([rule(1), rule(2, **tagged("a"))], "highest"),
    ):
        assert words in read_policy(json.dumps({"rules": several}))


names = st.sampled_from(["prod", "prod-1", "dev", "dev-2", "x"])
selections = st.one_of(
    st.just(UNTAGGED),
    st.builds(lambda one: tagged(*one), st.lists(names, min_size=1, max_size=2)),
    st.builds(lambda one: pattern(f"*{one}*"), names),
)
drawn_rules = st.builds(
    lambda kinds, last: [
        *(rule(at + 1, kind, number, **chosen) for at, (kind, number, chosen) in enumerate(kinds)),
        *([rule(99, number=last)] if last else []),
    ],
    st.lists(
        st.tuples(
            st.sampled_from(["imageCountMoreThan", "sinceImagePushed", "sinceImagePulled"]),
            st.integers(1, 5),
            selections,
        ),
        min_size=1,
        max_size=4,
    ).filter(lambda many: sum(one[2] is UNTAGGED for one in many) < 2),
    st.integers(0, 4),
)
drawn_images = st.lists(
    st.tuples(st.lists(names, max_size=3, unique=True), st.integers(0, 9)), max_size=12
).map(lambda many: [image(f"{at:02}", *tags, days=days) for at, (tags, days) in enumerate(many)])


@given(drawn_rules, drawn_images)
def test_an_image_expires_once_by_the_first_rule_that_is_about_it(given_rules, images):
    policy = rules(*given_rules)
    gone = evaluate(policy, images, NOW).expired
    assert len({one.image.digest for one in gone}) == len(gone)
    for one in gone:
        first = next(rule for rule in policy if rule.selects(one.image))
        assert first.priority == one.priority


@given(drawn_rules, drawn_images)
def test_the_newest_of_those_that_are_counted_stay(given_rules, images):
    policy = rules(*given_rules)
    gone = {one.image.digest for one in evaluate(policy, images, NOW).expired}
    first = policy[0]
    if first.count_type == "imageCountMoreThan":
        selected = [one for one in images if first.selects(one)]
        left = [one for one in selected if one.digest not in gone]
        assert len(left) == min(len(selected), first.number)
        assert all(
            one.pushed_at >= other.pushed_at
            for one in left
            for other in selected
            if other.digest in gone
        )


@given(drawn_rules, drawn_images)
def test_what_is_left_expires_no_further_at_that_moment(given_rules, images):
    policy = rules(*given_rules)
    gone = {one.image.digest for one in evaluate(policy, images, NOW).expired}
    left = [one for one in images if one.digest not in gone]
    again = {one.image.digest for one in evaluate(policy[:1], left, NOW).expired}
    assert not again


@given(
    st.text(max_size=40)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    ).map(lambda one: json.dumps({"rules": [one, {"selection": one}]}))
)
def test_no_text_breaks_the_reader(text):
    assert isinstance(read_policy(text), str)
