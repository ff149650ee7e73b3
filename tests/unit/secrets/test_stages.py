from hypothesis import given, strategies as st
import pytest

from keyturn.model.limits import STAGES_PER_SECRET_MAX
from keyturn.secrets import stages
from keyturn.secrets.stages import (
    CurrentStageRemovedError,
    NoStageChangeError,
    StageElsewhereError,
    StageNotOnVersionError,
    Stages,
    TooManyStagesError,
)

CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"

labels = st.sampled_from([CURRENT, PENDING, PREVIOUS, "blue", "green"])
version_ids = st.sampled_from(["v1", "v2", "v3"])
states = st.dictionaries(labels, version_ids).map(lambda found: {CURRENT: "v1", **found})


def test_a_new_version_without_labels_becomes_current() -> None:
    assert stages.after_store({}, "v1", None) == {CURRENT: "v1"}


def test_moving_current_leaves_previous_where_it_was() -> None:
    after = stages.after_store({CURRENT: "v2", PREVIOUS: "v1"}, "v3", None)

    assert after == {CURRENT: "v3", PREVIOUS: "v2"}


def test_custom_labels_leave_current_alone() -> None:
    after = stages.after_store({CURRENT: "v1"}, "v2", ["blue"])

    assert after == {CURRENT: "v1", "blue": "v2"}


def test_storing_a_current_value_takes_pending_off_another_version() -> None:
    after = stages.after_store({CURRENT: "v1", PENDING: "v2"}, "v3", None)

    assert after == {CURRENT: "v3", PREVIOUS: "v1"}


def test_storing_a_current_value_takes_pending_off_the_old_current_version() -> None:
    after = stages.after_store({CURRENT: "v2", PENDING: "v2"}, "v3", None)

    assert after == {CURRENT: "v3", PREVIOUS: "v2"}


def test_moving_current_to_the_pending_version_leaves_pending_on_it() -> None:
    before = {CURRENT: "v1", PENDING: "v2"}

    after = stages.after_move(before, CURRENT, remove_from="v1", move_to="v2")

    assert after == {CURRENT: "v2", PENDING: "v2", PREVIOUS: "v1"}


def test_moving_current_back_to_the_previous_version_swaps_them() -> None:
    before = {CURRENT: "v2", PREVIOUS: "v1"}

    after = stages.after_move(before, CURRENT, remove_from="v2", move_to="v1")

    assert after == {CURRENT: "v1", PREVIOUS: "v2"}


def test_removing_a_custom_label_leaves_previous_alone() -> None:
    before = {CURRENT: "v2", PREVIOUS: "v1", "blue": "v1"}

    after = stages.after_move(before, "blue", remove_from="v1", move_to=None)

    assert after == {CURRENT: "v2", PREVIOUS: "v1"}


def test_moving_a_label_without_naming_its_holder_names_the_holder() -> None:
    with pytest.raises(StageElsewhereError) as caught:
        stages.after_move({CURRENT: "v1"}, CURRENT, remove_from=None, move_to="v2")

    assert (caught.value.stage, caught.value.holder) == (CURRENT, "v1")


def test_naming_the_wrong_holder_is_refused() -> None:
    with pytest.raises(StageElsewhereError):
        stages.after_move({CURRENT: "v1"}, CURRENT, remove_from="v3", move_to="v2")


def test_a_label_that_is_nowhere_can_not_be_removed() -> None:
    with pytest.raises(StageNotOnVersionError):
        stages.after_move({CURRENT: "v1"}, "blue", remove_from="v1", move_to=None)


def test_current_can_not_be_removed() -> None:
    with pytest.raises(CurrentStageRemovedError):
        stages.after_move({CURRENT: "v1"}, CURRENT, remove_from="v1", move_to=None)


def test_neither_version_is_refused() -> None:
    with pytest.raises(NoStageChangeError):
        stages.after_move({CURRENT: "v1"}, "blue", remove_from=None, move_to=None)


def test_attaching_a_label_where_it_already_is_changes_nothing() -> None:
    before = {CURRENT: "v1", "blue": "v1"}

    assert stages.after_move(before, "blue", remove_from=None, move_to="v1") == before


def test_one_label_more_than_the_limit_is_refused() -> None:
    full = {CURRENT: "v1"} | {f"label-{i}": "v1" for i in range(STAGES_PER_SECRET_MAX - 1)}

    with pytest.raises(TooManyStagesError):
        stages.after_store(full, "v2", ["one-more"])
    with pytest.raises(TooManyStagesError):
        stages.after_move(full, "one-more", remove_from=None, move_to="v2")


def test_labels_of_a_version_are_sorted() -> None:
    assert stages.of_version({"two": "v", "one": "v", "x": "w"}, "v") == ["one", "two"]
    assert stages.by_version({"two": "v", "one": "v", "x": "w"}) == {
        "v": ["one", "two"],
        "w": ["x"],
    }


@given(states, version_ids, st.none() | st.lists(labels, min_size=1))
def test_a_secret_with_a_current_version_keeps_exactly_one(
    before: Stages, version_id: str, requested: list[str] | None
) -> None:
    after = stages.after_store(before, version_id, requested)

    assert CURRENT in after
    if requested is None or CURRENT in requested:
        assert after[CURRENT] == version_id
    else:
        assert after[CURRENT] == before[CURRENT]


@given(states, version_ids)
def test_whenever_current_moves_previous_is_where_it_came_from(
    before: Stages, version_id: str
) -> None:
    after = stages.after_move(before, CURRENT, remove_from=before[CURRENT], move_to=version_id)

    if before[CURRENT] != version_id:
        assert after[PREVIOUS] == before[CURRENT]


@given(states, version_ids)
def test_labels_nobody_named_stay_where_they_are(before: Stages, version_id: str) -> None:
    after = stages.after_store(before, version_id, None)

    for label in ("blue", "green"):
        assert after.get(label) == before.get(label)
