"""Wrong specs are refused before anything starts, naming the child and the field."""

import math
from typing import Any

import pytest

from supervisors import (
    AutoShutdown,
    Backoff,
    ChildSpec,
    DynamicSpec,
    InvalidSpec,
    Restart,
    Strategy,
    SupervisorSpec,
    open_tree,
    validate,
)
from tests.unit.supervisors.supervision_kit import Lab, child_spec, never


def root(*children: Any, **fields: Any) -> SupervisorSpec:
    return SupervisorSpec(
        **{"id": "root", "strategy": Strategy.ONE_FOR_ONE, "children": children, **fields}
    )


def backoff(**fields: float) -> SupervisorSpec:
    return root(child_spec("a", backoff=Backoff(**fields)))


def dynamic(**fields: Any) -> DynamicSpec:
    return DynamicSpec(**{"id": "pool", "template": child_spec, **fields})


def unlisted() -> Any:
    """Give children that can be read only once."""
    return (child for child in [child_spec("a")])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (root(child_spec("a/b")), "root/a/b: id 'a/b' must be letters"),
        (root(child_spec("")), "root/: id '' must be letters"),
        (root(child_spec("a"), child_spec("a")), "root: children has two children with id 'a'"),
        (root("a"), "root/a: spec is a str, not a child spec"),
        (root(ChildSpec(id="a", start=3)), "root/a: start is not callable"),  # type: ignore[arg-type]
        (root(child_spec("a", restart="always")), "root/a: restart 'always' is not a Restart"),
        (root(child_spec("a", shutdown=-1)), "root/a: shutdown -1 must be seconds >= 0"),
        (root(child_spec("a", shutdown=math.nan)), "root/a: shutdown nan must be seconds"),
        (root(child_spec("a", shutdown="brutal")), "root/a: shutdown 'brutal' must be seconds"),
        (root(child_spec("a", start_timeout=0)), "root/a: start_timeout 0 must be seconds > 0"),
        (root(child_spec("a", backoff=1.0)), "root/a: backoff 1.0 is not a Backoff"),
        (root(child_spec("a", name="a b")), "root/a: name 'a b' must be ids joined by /"),
        (root(child_spec("a", significant=True)), "root/a: significant needs restart TRANSIENT"),
        (
            root(child_spec("a", significant=True, restart=Restart.TRANSIENT)),
            "root/a: significant needs auto_shutdown ANY or ALL above it",
        ),
        (root(child_spec("a"), child_spec("b", name="a")), "root/b: name 'a' is also the name of"),
        (backoff(initial=-1), "root/a: backoff.initial -1 must be a finite number >= 0"),
        (backoff(factor=0.5), "root/a: backoff.factor 0.5 must be a finite number >= 1"),
        (backoff(cap=math.inf), "root/a: backoff.cap inf must be a finite number"),
        (backoff(cap=0.01), "root/a: backoff.cap 0.01 is below backoff.initial"),
        (backoff(jitter=1.5), "root/a: backoff.jitter 1.5 must be a share between 0 and 1"),
        (root(max_restarts=-1), "root: max_restarts -1 must be a whole number >= 0"),
        (root(max_restarts=1.5), "root: max_restarts 1.5 must be a whole number >= 0"),
        (root(max_restarts=True), "root: max_restarts True must be a whole number >= 0"),
        (root(max_restarts="3"), "root: max_restarts '3' must be a whole number >= 0"),
        (root(max_seconds=0), "root: max_seconds 0 must be seconds > 0"),
        (root(strategy="all"), "root: strategy 'all' is not a Strategy"),
        (root(auto_shutdown=True), "root: auto_shutdown True is not an AutoShutdown"),
        (root(root(child_spec("a", shutdown=-1), id="sub")), "root/sub/a: shutdown -1 must be"),
        (
            SupervisorSpec(id="root", strategy=Strategy.ONE_FOR_ONE, children=unlisted()),
            "root: children is a generator, not a list or tuple",
        ),
        (
            root(significant=True, restart=Restart.TEMPORARY),
            "root: significant means nothing at the root",
        ),
        (dynamic(template=None), "pool: template is not callable"),
        (dynamic(max_children=0), "pool: max_children 0 must be a whole number >= 1"),
        (dynamic(max_children=True), "pool: max_children True must be a whole number >= 1"),
        (dynamic(keys=(1,)), "pool: keys (1,) must be a list or tuple of texts"),
        (dynamic(keys="abc"), "pool: keys 'abc' must be a list or tuple of texts"),
        (dynamic(keys=None), "pool: keys None must be a list or tuple of texts"),
        (dynamic(keys=("a", "b"), max_children=1), "pool: keys are 2, more than max_children 1"),
        (dynamic(keys=("a", "a")), "pool: keys has duplicates"),
        (dynamic(child_max_restarts=-1), "pool: child_max_restarts -1 must be >= 0 or None"),
        (dynamic(child_max_restarts="3"), "pool: child_max_restarts '3' must be >= 0 or None"),
        (dynamic(child_max_restarts=True), "pool: child_max_restarts True must be >= 0 or None"),
        (dynamic(child_max_seconds=0), "pool: child_max_seconds 0 must be seconds > 0"),
    ],
)
def test_wrong_spec_is_refused_naming_child_and_field(spec: Any, message: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        validate(spec)
    assert str(refused.value).startswith(message)


def test_right_spec_is_accepted() -> None:
    significant = child_spec("a", significant=True, restart=Restart.TRANSIENT, shutdown=math.inf)
    validate(root(significant, auto_shutdown=AutoShutdown.ANY))
    validate(ChildSpec(id="a", start=never))


async def test_wrong_spec_starts_nothing(lab: Lab) -> None:
    spec = lab.supervisor(lab.worker("a"), lab.worker("b", shutdown=-1))
    with pytest.raises(InvalidSpec, match="root/b: shutdown"):
        async with open_tree(spec):
            pytest.fail("the tree must not open")
    assert lab.log == []
