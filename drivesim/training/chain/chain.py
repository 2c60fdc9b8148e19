"""The whole chain of stages in a given time: planned, trained stage by stage, resumed by the same command.

A chain goes through *rounds*. A round trains every stage on the footage that was there when it began, and on what is
recorded meanwhile. The next round begins where a finished chain is started again on other footage: then every stage
trains on from its weights.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from drivesim import durable
from drivesim.archive.sealed_json import canonical_json
from drivesim.errors import CheckpointError, DrivesimError, FootageError, InputError, MissingExtraError
from drivesim.locks import OwnedLock
from drivesim.models.checkpoints.files import load_layout_prior
from drivesim.models.checkpoints.manifest import CheckpointSet
from drivesim.models.checkpoints.publishing import publish_checkpoint
from drivesim.models.stages import BASE_OF, LAYOUTS, STAGES, checkpoint_file, training_folder
from drivesim.training.chain.footage_survey import FootageSurvey, SizedLogs, footage_parts, survey
from drivesim.training.chain.report import chain_report, report_table
from drivesim.training.chain.request import Action, ChainRequest, PlannedStage
from drivesim.training.chain.round import Round
from drivesim.training.loop.budget import TrainingBudget
from drivesim.training.loop.loop import Report, changed_foundations, resumed_budget
from drivesim.training.loop.session import is_finished, train_stage
from drivesim.training.loop.state_folder import StateFolder
from drivesim.training.preparation.request import INITIAL, OnProgress, StageRequest
from drivesim.training.preparation.stages import prepare
from drivesim.training.preparation.weights import MisfitError, check_start, network_to_train
from drivesim.training.stages.layouts import collect_layouts

if TYPE_CHECKING:
    from drivesim.training.chain.recording import ChainRecorder

logger = logging.getLogger(__name__)

_REPORTS = ("report.json", "report.md")
_POLL_S = 1.0
_EVALUATIONS = 6
"""Smallest number of evaluations per stage while footage is recorded: the stage takes up new footage at each."""
_NOTHING_TO_DO: tuple[Action, ...] = ("skip", "leave out")


class Chain:
    """A training chain in its folder of checkpoints."""

    def __init__(self, request: ChainRequest) -> None:
        self.request = request
        self._folder = request.checkpoints / "training"

    def plan(self) -> list[PlannedStage]:
        """Returns what `run` would do now, stage by stage; nothing is written.

        Raises:
            CheckpointError: The folder to start from holds no checkpoint, or a damaged one.
            InputError: The folder of the chain holds a set of another preset.
        """
        self._refuse_empty_initial()
        self._refuse_other_preset()
        planned: list[PlannedStage] = []
        known: dict[tuple[int, int], SizedLogs] = {}
        for role in STAGES:
            before = {stage.role for stage in planned if stage.action not in _NOTHING_TO_DO}
            planned.append(self._planned(role, before, known))
        return planned

    def run(self, on_progress: OnProgress) -> Iterator[tuple[str, Report]]:
        """Trains the stages that are not finished.

        In the end the folder holds one set of checkpoints with its manifest, and `training/report.json` and
        `training/report.md` hold held-out figures of every stage. If the chain is finished already, only a missing
        report is written.

        Args:
            on_progress: Called while footage is prepared, see `OnProgress`.

        Yields:
            The stage and its report after every step.

        Raises:
            LockHeldError: Another chain runs in this folder.
            FootageError: Footage that a stage wants is missing, and none is recorded.
            DrivesimError: Whatever `train_stage` raises.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise CheckpointError(f"{self._folder}: expected a folder, found a file; name another --out") from None
        with OwnedLock.acquire(self._folder / "chain.lock", self.request.checkpoints):
            planned = self.plan()
            if all(stage.action in _NOTHING_TO_DO for stage in planned):
                if not all((self._folder / name).is_file() for name in _REPORTS):
                    self._finish()
                return
            self._round.begin(self._folder)
            self._refuse_missing(planned)
            to_train = [stage.role for stage in planned if stage.action in ("train", "continue", "train on")]
            with ExitStack() as stack:
                recorder = self._recorder(to_train, stack)
                for stage in planned:
                    if stage.role in to_train:
                        yield from self._train(stage.role, recorder, on_progress)
                    elif stage.action == "keep":
                        self._keep(stage.role)
            if any(stage.action == "collect" for stage in planned):
                collect_layouts(self.stage_request(LAYOUTS), on_progress)
            self._finish()

    def stage_request(self, role: str) -> StageRequest:
        """Returns the request for one stage in the present round."""
        request, initial = self.request, self._initial(role)
        stage = StageRequest(
            role,
            request.preset,
            request.data,
            request.checkpoints,
            device=request.device,
            seed=request.seed,
            initial=initial,
            keep_encoder=request.keep_encoder and role == "autoencoder" and initial is not None,
            batch_scale=request.batch_scale,
            learning_rate_scale=request.learning_rate_scale,
            held_out=request.held_out,
            footage=self._round.identity,
        )
        available = survey(stage).available() if request.skip_missing_clips else ()
        return replace(stage, clips=available) if available else stage

    def budget(self, role: str) -> TrainingBudget:
        """Returns the budget of a stage: its share of the time, and the limit on steps."""
        return TrainingBudget(self.request.shares.seconds(role, self.request.minutes), self.request.steps)

    @cached_property
    def _round(self) -> Round:
        """The round that is under way, or the next one where the footage has changed since the last one."""
        parts = footage_parts(self.request.data) if self.request.data.is_dir() else {}
        return Round.under_way(self._folder, parts)

    def _planned(self, role: str, trained_before: set[str], known: dict[tuple[int, int], SizedLogs]) -> PlannedStage:
        request, minutes = self.stage_request(role), 0.0
        if role == LAYOUTS:
            action, reason = self._collection(request, survey(request, known), trained_before)
        else:
            action, reason, minutes = self._training_of(role, request, trained_before)
        if action in ("keep", *_NOTHING_TO_DO):
            return PlannedStage(role, action, reason, 0.0, "", ())
        found = survey(request, known)
        return PlannedStage(role, action, reason, minutes, found.in_words(), tuple(found.missing()))

    def _collection(self, request: StageRequest, found: FootageSurvey, before: set[str]) -> tuple[Action, str]:
        """What is to be done with the layouts, and why."""
        there = request.checkpoint(LAYOUTS).is_file()
        if self._round.is_complete and there and not before:
            return "skip", "collected already"
        if not found.missing() or self.request.record_workers:
            return "collect", "takes no training"
        if not found.found.logs:  # nothing can be trained either, which is the error to be shown
            return "collect", "takes no training"
        return self._untrained(request, before, "the footage has no labelled frames")

    def _training_of(self, role: str, request: StageRequest, before: set[str]) -> tuple[Action, str, float]:
        """What is to be done with a stage that is trained, why, and for how many minutes."""
        budget = self.budget(role)
        if not budget.seconds:
            return *self._untrained(request, before, "its share is 0"), 0.0
        whole, record = budget.seconds / 60, StateFolder(request.training_folder).last_record()
        if record is None:
            return "train", f"starts {self._start_in_words(role, request.initial)}", whole
        step = record.progress.step
        changed = changed_foundations(record, request.foundations())
        if changed:
            return "train on", f"{_listed(changed)} changed since step {step}; its weights are kept", whole
        to_change = [other for other in STAGES[role].foundations if other in before]
        if to_change:
            return "train on", f"{_listed(to_change)} will have changed; its weights are kept", whole
        if is_finished(request, budget):
            return "skip", f"finished at step {step}", 0.0
        resumed = resumed_budget(record, budget, request.foundations())
        left = max(0.0, budget.seconds - (record.progress.elapsed_s - resumed.start.elapsed_s)) / 60
        return "continue", f"was interrupted or has more time, at step {step}", left

    def _untrained(self, request: StageRequest, before: set[str], why: str) -> tuple[Action, str]:
        """What is to be done with a stage that is not trained, and why.

        It keeps its checkpoint in this chain's folder. Without one, or if the stage that it extends is trained, it
        takes the one from the folder to start from.
        """
        there = request.checkpoint(request.role).is_file() and BASE_OF.get(request.role) not in before
        if there or request.initial is None or self.request.initial is None:
            return "leave out", why
        if STAGES[request.role].student_of is not None:  # it would take the place of a teacher that is trained on
            return "leave out", why
        return "keep", f"{why}; its weights in {request.initial} are kept"

    def _keep(self, role: str) -> None:
        """Publishes the weights that a stage would start from, on the present base.

        Raises:
            CheckpointError: They have fewer latent channels than the preset.
        """
        request = self.stage_request(role)
        assert request.initial is not None, "only weights that are there are kept"
        if role == LAYOUTS:
            prior = load_layout_prior(checkpoint_file(request.initial, role))
            publish_checkpoint(request.checkpoints, request.preset, role, prior)
            return
        network, known_channels = network_to_train(request)
        if known_channels is not None:
            raise CheckpointError(
                f"{request.initial}: stage {role} has {known_channels} latent channels there, so it needs training; "
                "give it a share of the time"
            )
        publish_checkpoint(request.checkpoints, request.preset, role, network)

    def _initial(self, role: str) -> Path | None:
        """The folder whose checkpoint a stage starts from, None to start from nothing.

        A stage without a state starts from its checkpoint in this chain's folder, or else from that in `initial`, where
        the network of the preset has its sizes.
        """
        record = StateFolder(training_folder(self.request.checkpoints, role)).last_record()
        if record is not None and INITIAL not in (record.foundations or {}):
            return None
        return next((folder for folder in self._folders_with(role) if self._fits(folder, role)), None)

    def _start_in_words(self, role: str, initial: Path | None) -> str:
        if initial is not None:
            return f"from the weights in {initial}"
        unfit = [str(folder) for folder in self._folders_with(role)]
        return f"from nothing: the checkpoint in {unfit[0]} has other sizes" if unfit else "from nothing"

    def _folders_with(self, role: str) -> list[Path]:
        """The folders that hold a checkpoint which a stage may start from, the first choice first."""
        folders = (self.request.checkpoints, self.request.initial)
        return [folder for folder in folders if folder is not None and checkpoint_file(folder, role).is_file()]

    def _fits(self, folder: Path, role: str) -> bool:
        request = self.request
        start = StageRequest(role, request.preset, request.data, request.checkpoints, initial=folder)
        try:
            check_start(start)
        except MisfitError:
            return False
        return True

    def _refuse_empty_initial(self) -> None:
        initial = self.request.initial
        if initial is not None and not any(checkpoint_file(initial, role).is_file() for role in STAGES):
            raise CheckpointError(f"{initial}: no checkpoints here that new stages could start from")

    def _refuse_other_preset(self) -> None:
        folder, wanted = self.request.checkpoints, self.request.preset.name
        with suppress(CheckpointError):  # a manifest that is missing or damaged is written again
            there = CheckpointSet.open(folder).preset.name
            if there != wanted:
                raise InputError(
                    f"{folder}: holds checkpoints of preset {there}; use another --out, or --preset {there}"
                )

    def _refuse_missing(self, planned: list[PlannedStage]) -> None:
        """Raises FootageError for a stage that cannot be trained, before hours are spent on the stages ahead of it."""
        if self.request.record_workers:
            return
        wanted_by: dict[str, list[str]] = {}
        for stage in planned:
            for kind in stage.missing:
                wanted_by.setdefault(kind, []).append(stage.role)
        if wanted_by:
            kinds = "; ".join(f"{kind} (for {', '.join(roles)})" for kind, roles in wanted_by.items())
            raise FootageError(
                f"{self.request.data}: there are no {kinds}. Record such footage, add --record-workers, or leave the "
                "stages out with --share STAGE=0"
            )

    def _recorder(self, to_train: list[str], stack: ExitStack) -> ChainRecorder | None:
        if not self.request.record_workers or not to_train:
            return None
        try:
            from drivesim.training.chain.recording import ChainRecorder
        except ImportError as error:
            raise MissingExtraError(
                f"recording needs the package {error.name}: install it with  pip install 'drivesim[world]'"
            ) from error
        recorder = ChainRecorder(self.request.data, self.request.preset, to_train, self.request.record_workers)
        return stack.enter_context(recorder)

    def _train(
        self, role: str, recorder: ChainRecorder | None, on_progress: OnProgress
    ) -> Iterator[tuple[str, Report]]:
        request, budget = self.stage_request(role), self.budget(role)
        if recorder is not None:
            recorder.train(role)
            self._await_footage(request, recorder, on_progress)
        every_s = self.request.evaluate_every_s
        if recorder is not None:
            every_s = min(every_s, (budget.seconds or 0.0) / _EVALUATIONS)
        build = partial(prepare, request, on_progress)
        for report in train_stage(request, build, budget, every_s, count_preparation=True):
            yield role, report
            if recorder is not None and report.saved:
                recorder.check()

    def _await_footage(self, request: StageRequest, recorder: ChainRecorder, on_progress: OnProgress) -> None:
        """Waits while there is nothing at all that the stage can be trained on."""
        while missing := survey(request).missing():
            if not recorder.check():
                raise DrivesimError(f"{request.data}: recording has ended, and there are no {missing[0]}")
            on_progress(f"{request.role}: waiting until there are {missing[0]}", 0, 1)
            time.sleep(_POLL_S)

    def _finish(self) -> None:
        """Writes the report, then that the round is complete."""
        report = chain_report(self.request.checkpoints, self.request.preset)
        contents = (canonical_json(report), report_table(report).encode())
        for name, content in zip(_REPORTS, contents, strict=True):
            durable.write_file(self._folder / name, content)
        durable.sync_folder(self._folder)
        self._round.complete(self._folder, footage_parts(self.request.data))


def _listed(names: list[str]) -> str:
    return " and ".join(names)
