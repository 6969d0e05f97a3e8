"""What waits for what, and which steps are left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.local.execution import make_graph
from steps.host.errors import InputError
from triggers.cloudbuild.build_config import Step


def step(name: str = "", *waits: str) -> Step:
    return Step(name="bash", id=name, wait_for=waits)


def test_without_wait_for_steps_run_one_after_the_other() -> None:
    assert make_graph((step(), step(), step())).waves() == [[0], [1], [2]]


def test_a_step_that_waits_for_nothing_starts_at_once() -> None:
    steps = (step("a"), step("b", "-"), step("c"), step("d", "a"))

    assert make_graph(steps).waves() == [[0, 1], [2, 3]]


def test_a_step_without_wait_for_waits_for_those_that_run_beside_it() -> None:
    steps = (step("a"), step("b", "-"), step())

    assert make_graph(steps).waits[2] == {0, 1}


@pytest.mark.parametrize("name", ["b", "1", "#1"])
def test_one_step_runs_alone_whatever_it_waits_for(name: str) -> None:
    assert make_graph((step("a"), step("b", "a"), step("c")), only=name).waits == {1: frozenset()}


def test_steps_before_the_first_one_count_as_finished() -> None:
    steps = (step("a"), step("b", "a"), step("c", "a", "b"))

    assert make_graph(steps, start="b").waits == {1: frozenset(), 2: frozenset({1})}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("biuld", "did you mean 'build'?"),
        ("9", "steps are #0 to #1, by id build"),
    ],
)
def test_a_name_that_no_step_has_is_refused_with_those_there_are(name: str, hint: str) -> None:
    with pytest.raises(InputError) as error:
        make_graph((step("build"), step()), only=name)
    assert error.value.problems[0].message == f"No step is called {name!r}"
    assert error.value.problems[0].hint == hint


def test_steps_without_ids_are_named_by_their_numbers() -> None:
    with pytest.raises(InputError) as error:
        make_graph((step(), step(), step()), start="build")

    assert str(error.value.problems[0]) == ("No step is called 'build'\n  hint: steps are #0 to #2")


def test_a_single_step_is_named_as_the_only_one() -> None:
    with pytest.raises(InputError) as error:
        make_graph((step(),), only="build")

    assert error.value.problems[0].hint == "the only step is #0"


@given(st.lists(st.sets(st.integers(0, 7)), max_size=8))
def test_every_step_runs_once_and_after_all_that_it_waits_for(graph: list[set[int]]) -> None:
    steps = tuple(
        step(str(index), *[str(other) for other in waits if other < index])
        for index, waits in enumerate(graph)
    )
    found = make_graph(steps)
    order = [index for wave in found.waves() for index in wave]

    assert sorted(order) == list(range(len(steps)))
    for index, waits in found.waits.items():
        assert all(order.index(other) < order.index(index) for other in waits)
