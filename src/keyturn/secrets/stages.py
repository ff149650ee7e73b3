"""Which version carries which staging label after a change. Pure: no clock, no store.

The rules, which every caller may rely on:

* A label is on at most one version; a version may carry many.
* Once a secret has an AWSCURRENT it always has exactly one.
* Whenever AWSCURRENT moves, AWSPREVIOUS goes to the version it left.
* A new AWSCURRENT that is *stored* (Put or Update) takes AWSPENDING off whatever version has it:
  it abandons a rotation under way. Moving AWSCURRENT to an existing version leaves AWSPENDING.
* Any other label stays where it is until it is moved or removed by name.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html#term_version
"""

from collections.abc import Iterable, Mapping

from keyturn.model.errors import InvalidInputError, LimitError
from keyturn.model.limits import STAGES_PER_SECRET_MAX
from keyturn.model.secret import AWSCURRENT, AWSPENDING, AWSPREVIOUS

Stages = Mapping[str, str]
"""From a label to the id of the version that carries it."""


class StageElsewhereError(InvalidInputError):
    """The label is on a version that ``RemoveFromVersionId`` doesn't name."""

    def __init__(self, stage: str, holder: str, removed_from: str | None) -> None:
        super().__init__(stage, holder, removed_from)
        self.stage = stage
        self.holder = holder
        self.removed_from = removed_from


class StageNotOnVersionError(InvalidInputError):
    """The label is on no version at all, so it can't be taken off one."""

    def __init__(self, stage: str, removed_from: str) -> None:
        super().__init__(stage, removed_from)
        self.stage = stage
        self.removed_from = removed_from


class CurrentStageRemovedError(InvalidInputError):
    """AWSCURRENT can be moved, never removed."""


class NoStageChangeError(InvalidInputError):
    """Neither a version to move the label to nor one to remove it from."""


class TooManyStagesError(LimitError):
    """More labels on one secret than AWS allows."""


def after_store(stages: Stages, version_id: str, requested: Iterable[str] | None) -> Stages:
    """Return the labels after a new version is stored with the ``requested`` ones.

    Args:
        requested: None for ``[AWSCURRENT]``, as AWS takes it.

    Raises:
        TooManyStagesError: the secret would have more labels than AWS allows.
    """
    wanted = (AWSCURRENT,) if requested is None else tuple(requested)
    changed = dict(stages)
    if AWSCURRENT in wanted:
        changed.pop(AWSPENDING, None)
    for stage in wanted:
        _attach(changed, stage, version_id)
    if len(changed) > STAGES_PER_SECRET_MAX:
        raise TooManyStagesError
    return changed


def after_move(
    stages: Stages, stage: str, *, remove_from: str | None, move_to: str | None
) -> Stages:
    """Return the labels after UpdateSecretVersionStage.

    Raises:
        NoStageChangeError: neither version is given.
        StageElsewhereError: the label is on another version than ``remove_from``.
        StageNotOnVersionError: there is nothing to remove.
        CurrentStageRemovedError: AWSCURRENT would be on no version.
        TooManyStagesError: the secret would have more labels than AWS allows.
    """
    _check_move(stages, stage, remove_from, move_to)
    changed = dict(stages)
    if move_to is None:
        del changed[stage]
        return changed
    _attach(changed, stage, move_to)
    if len(changed) > STAGES_PER_SECRET_MAX:
        raise TooManyStagesError
    return changed


def with_pending(stages: Stages, version_id: str) -> Stages:
    """Return the labels once a rotation has begun on ``version_id``."""
    return {**stages, AWSPENDING: version_id}


def without_pending(stages: Stages, version_id: str) -> Stages:
    """Return the labels with AWSPENDING taken off ``version_id``, if it is there."""
    if stages.get(AWSPENDING) != version_id:
        return stages
    return {stage: holder for stage, holder in stages.items() if stage != AWSPENDING}


def of_version(stages: Stages, version_id: str) -> list[str]:
    """Return the labels of one version, sorted as AWS sorts them."""
    return sorted(stage for stage, holder in stages.items() if holder == version_id)


def by_version(stages: Stages) -> dict[str, list[str]]:
    """Return the labelled versions, each with its labels sorted."""
    grouped: dict[str, list[str]] = {}
    for stage in sorted(stages):
        grouped.setdefault(stages[stage], []).append(stage)
    return grouped


def _attach(stages: dict[str, str], stage: str, version_id: str) -> None:
    left = stages.get(stage)
    stages[stage] = version_id
    if stage == AWSCURRENT and left is not None and left != version_id:
        stages[AWSPREVIOUS] = left
    elif stage == AWSCURRENT and stages.get(AWSPREVIOUS) == version_id:
        del stages[AWSPREVIOUS]


def _check_move(stages: Stages, stage: str, remove_from: str | None, move_to: str | None) -> None:
    holder = stages.get(stage)
    if remove_from is None and move_to is None:
        raise NoStageChangeError
    stays_put = remove_from is None and move_to == holder
    if holder is not None and remove_from != holder and not stays_put:
        raise StageElsewhereError(stage, holder, remove_from)
    if holder is None and remove_from is not None:
        raise StageNotOnVersionError(stage, remove_from)
    if move_to is None and stage == AWSCURRENT:
        raise CurrentStageRemovedError
