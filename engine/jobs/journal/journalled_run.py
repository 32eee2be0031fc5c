"""What all runs share, on one machine or many: predict what the journal lacks, then write the submission."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Self, TypeVar

from seg.data import Sample
from seg.engine.image_source import ImageSource
from seg.engine.jobs.areas import describe_unreachable_areas
from seg.engine.jobs.fingerprint import run_fingerprint
from seg.engine.jobs.journal.journal import Journal
from seg.engine.jobs.journal.journal_entry import ExpectedLabels
from seg.engine.jobs.shift import LabelShiftCheck
from seg.engine.passes.passes import Size
from seg.engine.resolved import ResolvedEnsemble
from seg.engine.submissions import SubmissionFormat, open_submission_format
from seg.engine.submissions.base import write_submission
from seg.engine.submissions.formats import check_images_suit_format
from seg.engine.submissions.output import submission_output
from seg.files.outputs import Output
from seg.terminal.notices import notice

Item = TypeVar("Item")
Summary = TypeVar("Summary")


@dataclass(frozen=True, slots=True)
class RunImage(Generic[Item]):
    """An image of a run.

    Attributes:
        item: what predicts it knows it by.
        place: its path or URI.
        source: its file as it is now.
    """

    item: Item
    sample: Sample
    place: str
    source: ImageSource


@dataclass(frozen=True, slots=True)
class JournalledRun(Generic[Item]):
    """A run whose output was checked and is not yet written."""

    resolved: ResolvedEnsemble
    images: Sequence[RunImage[Item]]
    target: Output
    form: SubmissionFormat

    @classmethod
    def prepare(
        cls,
        resolved: ResolvedEnsemble,
        images: Sequence[RunImage[Item]],
        *,
        overwrite: bool,
        reads: Sequence[Path],
    ) -> Self:
        """Check images and output before anything is predicted.

        Args:
            overwrite: also replace an output that seg did not write.
            reads: files that must not be overwritten, the images among them.

        Raises:
            DataError, SpecError, OutputError: one line that names the fix.
        """
        spec, samples = resolved.spec, [image.sample for image in images]
        places = {image.sample.id: image.place for image in images}
        check_images_suit_format(spec.output.format, places)
        target = submission_output(spec, spec.output.file, reads=reads, overwrite=overwrite)
        target.check()
        data = spec.data
        form = open_submission_format(
            spec.output, resolved.classes, data.unlabelled, places.__getitem__, samples, task=data.task
        )
        return cls(resolved, images, target, form)

    def complete(
        self,
        predict: Callable[[Journal, Sequence[Item]], Summary],
        *,
        restart: bool,
        size_of: Callable[[str], Size | None],
        has_deadline: bool = False,
    ) -> Summary:
        """Predict the images that are missing in the journal, and write the submission.

        Args:
            predict: puts the label maps of these images into the journal.
            restart: delete the journal of an earlier run.
            size_of: the expected size of a label map by the image's id; None if it is not known.
            has_deadline: whether a deadline may drop passes, so that the journal is that of such a run.
        """
        ids = [image.sample.id for image in self.images]
        spec = self.resolved.spec
        sizes = map(size_of, ids if spec.output.size is None else ())
        if finding := describe_unreachable_areas(spec.decision, self.resolved.classes, sizes):
            notice(finding)
        shift = LabelShiftCheck(self.resolved)
        fingerprint = run_fingerprint(
            self.resolved, [image.sample for image in self.images], has_deadline=has_deadline
        )
        expected = ExpectedLabels(len(self.resolved.classes), size_of, self.resolved.spec.data.task)
        file = self.resolved.spec.output.file
        with Journal(file, fingerprint, restart=restart, expected=expected) as journal:
            missing = [one.item for one in self.images if not journal.has(one.sample.id, one.source)]
            summary = predict(journal, missing)
            labelled = ((image_id, journal.labels(image_id)) for image_id in ids)
            with self.target.writing() as path:
                write_submission(self.form, path, shift.count(labelled))
        if finding := shift.finding():
            notice(finding)
        return summary
