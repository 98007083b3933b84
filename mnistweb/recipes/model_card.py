"""The model card: what the models are, what they were measured on, how well they read, and where they fail.

Every number in it comes from `evaluation.json`; a test holds the card to that file. The idea is that of
M. Mitchell et al., "Model Cards for Model Reporting", 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mnistweb.recipes.evaluation import NEGATIVES
from mnistweb.recipes.markdown import bullets, duration, paragraph, percent, table
from mnistweb.recipes.targets import TARGETS

CARD = "model-card.md"
CALIBRATION_PICTURE = "model-card-calibration.png"
CONFUSION_PICTURE = "model-card-confusion.png"
NEGATIVES_PICTURE = "model-card-negatives.png"
TRIALS = "model-trials.md"
_MOST_CONFUSIONS = 3


class ModelCard:
    """Writes the card of one evaluation, as `read_evaluation` returns it."""

    def __init__(self, evaluation: dict[str, Any]) -> None:
        self.evaluation = evaluation
        self.default: str = evaluation["default"]
        self.sets: dict[str, dict[str, Any]] = evaluation["sets"]
        self.models: dict[str, dict[str, Any]] = evaluation["models"]
        self.digit_sets = [name for name in self.sets if name != NEGATIVES]
        self.titles = [self.sets[name]["title"] for name in self.digit_sets]

    def figures(self) -> str:
        """The short table of README, as Markdown."""
        rows = [
            [
                f"`{name}`",
                f"{model['parameters']:,}",
                *(_short(model["sets"][each]) for each in self.sets),
                percent(model["sets"][self.digit_sets[0]]["expected_calibration_error"]),
            ]
            for name, model in self.models.items()
        ]
        head = [
            "model",
            "parameters",
            *(about["title"] for about in self.sets.values()),
            f"ECE, {self.titles[0]}",
        ]
        return table(head, rows, "l" + "r" * (len(head) - 1))

    def text(self) -> str:
        """The whole card, as Markdown."""
        sections = (
            self._introduction(),
            self._targets(),
            self._models(),
            self._sets(),
            self._accuracy(),
            self._doubt(),
            self._calibration(),
            self._views(),
            self._confusions(),
            self._mistakes(),
            self._use(),
            self._credits(),
        )
        return "".join(sections).rstrip() + "\n"

    def _introduction(self) -> str:
        machine = self.evaluation["machine"]
        return (
            "# Model card\n\n"
            + paragraph(
                "How well the models read that ship with mnistweb, on what, and where they fail. Do not edit "
                "this page; it is written by"
            )
            + "```sh\nmnistweb evaluate --report\n```\n\n"
            + paragraph(
                f"from measurements of {self.evaluation['date']} (Python {machine['python']}, NumPy "
                f"{machine['numpy']}). The same numbers, and more, are in `instance/evaluation.json`.",
                "Intervals are 95 % Wilson intervals.",
                "No setting, no threshold and no epoch was chosen on these sets, with one exception: the "
                "writers of the pen drawings were kept out of training, but were chosen by. Figures on "
                "pictures of their digits flatter a little.",
            )
        )

    def _targets(self) -> str:
        rows, missed = [], 0
        for target in TARGETS:
            value, remark = target.measured(self.evaluation)
            met = target.met(value)
            missed += not met
            bar = f"{'at least' if target.at_least else 'at most'} {percent(target.bar)}"
            rows.append([target.what, bar, percent(value) + remark, "met" if met else "**missed**"])
        return (
            "## What was aimed at, and what was reached\n\n"
            + paragraph(
                f"By the default model, `{self.default}`:",
                f"{len(rows) - missed} of {len(rows)} targets are met.",
                f"What was tried on the way, and what each trial brought, is in [{TRIALS}]({TRIALS}).",
            )
            + table(["aim", "target", "measured", ""], rows, "lrrl")
            + paragraph(
                "Rows with a star ask about pictures that this project does not have: other people's "
                "drawings, scans and photographs. What stands there was measured on stand-ins, which this "
                "program draws, and says only so much about the real ones."
            )
        )

    def _models(self) -> str:
        rows = [
            [
                f"`{name}`",
                model["architecture"],
                f"{model['parameters']:,}",
                f"{model['bytes']:,}",
                duration(model["training_seconds"]),
                str(model["epochs"] or "unknown"),
                f"{model['microseconds_a_picture']:,.0f}",
            ]
            for name, model in self.models.items()
        ]
        head = ["model", "layers", "parameters", "bytes", "training", "epochs", "µs a picture"]
        machine = self.evaluation["machine"]
        return (
            "## The models\n\n"
            + table(head, rows, "llrrrrr")
            + paragraph(
                "The time a picture takes is the processor's, for the network alone, in batches of "
                f"{machine['pictures_at_once']}, on {machine['processor']} with {machine['cores']} cores.",
                "[training.md](training.md) says how the models are trained;",
                f"`mnistweb train --recipe {self.default} --show` prints with which settings.",
            )
        )

    def _sets(self) -> str:
        rows = [
            [about["title"], f"{about['pictures']:,}", about["shows"], f"`{about['sha256'][:12]}`"]
            for about in self.sets.values()
        ]
        return (
            "## What they were measured on\n\n"
            + table(["set", "pictures", "what they show", "SHA-256"], rows, "lrll")
            + paragraph(
                "All but MNIST's are drawn by this program as the PNG and JPEG files that a person would "
                "send, from seeds that no training and no validation uses, and go the way of every request: "
                "decoded, preprocessed, read.",
                "A digit that the preprocessing refuses as blank counts as read wrong.",
            )
        )

    def _accuracy(self) -> str:
        rows = [
            [f"`{name}`", *(_share(model["sets"][each]) for each in self.digit_sets)]
            for name, model in self.models.items()
        ]
        sides = "l" + "r" * len(self.titles)
        return "## How many digits they read right\n\n" + table(["model", *self.titles], rows, sides)

    def _doubt(self) -> str:
        doubted = [
            [
                f"`{name}`",
                _share(model["sets"][NEGATIVES]),
                *(percent(model["sets"][each]["doubted"]) for each in self.digit_sets),
            ]
            for name, model in self.models.items()
        ]
        default = self.models[self.default]["sets"][NEGATIVES]
        kinds = [
            [kind, *(_of_kind(model["sets"][NEGATIVES]["kinds"][kind]) for model in self.models.values())]
            for kind in default["kinds"]
        ]
        return (
            "## How well they know what is no digit\n\n"
            + paragraph(
                "The share of pictures without a digit that were not called `digit` but `uncertain`, "
                "`not_a_digit` or blank; and the share of digits that were not called `digit` either:"
            )
            + table(["model", "no digit", *self.titles], doubted, "lr" + "r" * len(self.titles))
            + paragraph(
                f"By kind of picture. {default['blank']} of the {default['total']:,} were refused as blank "
                "before any network saw them."
            )
            + table(["it shows", *(f"`{name}`" for name in self.models)], kinds, "l" + "r" * len(self.models))
        )

    def _calibration(self) -> str:
        rows = [
            [
                f"`{name}`",
                *(percent(model["sets"][each]["expected_calibration_error"]) for each in self.digit_sets),
            ]
            for name, model in self.models.items()
        ]
        return (
            "## How honest their confidence is\n\n"
            + paragraph(
                "The expected calibration error over 15 bins of confidence: of the answers given with 90 %, "
                "nine in ten should be right."
            )
            + table(["model", *self.titles], rows, "l" + "r" * len(self.titles))
            + f"![Accuracy over confidence, for each model and set]({CALIBRATION_PICTURE})\n\n"
            + paragraph(
                "Each dot is one bin, larger where more answers lie. On the diagonal confidence and accuracy "
                "are equal; below it a model is surer than it should be."
            )
        )

    def _views(self) -> str:
        views = self.evaluation["views"]
        model, count = views["of"]["model"], len(views["of"]["views"])
        trials = [
            [
                trial["turns"],
                trial["shifts"],
                str(trial["views"]),
                percent(trial["right"] / trial["total"]),
                f"{trial['loss']:.5f}",
                "chosen" if trial["chosen"] else "",
            ]
            for trial in views["trials"]
        ]
        single = self.models[model]["sets"]
        measured = [
            [self.sets[name]["title"], _share(single[name]), _share(views["sets"][name])]
            for name in views["sets"]
        ]
        head = ["turns", "shifts", "views", "accuracy", "loss", ""]
        return (
            "## With several views\n\n"
            + paragraph(
                f"`--views` of `mnistweb evaluate` and `mnistweb predict` averages {count} shifted and "
                f"turned views of each picture, at {count} times the cost.",
                f"Which ones was decided for `{model}` by the loss on the MNIST training images "
                "that are kept aside to choose by. Loss is the mean negative log-likelihood in nats:",
            )
            + table(head, trials, "llrrrl")
            + paragraph("Measured once that was decided:")
            + table(["set", "one look", f"{count} views"], measured, "lrr")
        )

    def _confusions(self) -> str:
        rows = [
            [f"`{name}`", *(_worst(model["sets"][each]["confusion"]) for each in self.digit_sets)]
            for name, model in self.models.items()
        ]
        return (
            "## What they take for what\n\n"
            + f"![What {self.default} takes for what, on each set]({CONFUSION_PICTURE})\n\n"
            + paragraph(
                f"Rows are what a picture shows, columns what `{self.default}` read; mistakes are coloured.",
                "The matrices of all models are in `evaluation.json`, and `mnistweb confusion` prints one.",
                "The most frequent mistakes, the digit shown first:",
            )
            + table(["model", *self.titles], rows, "l" * (1 + len(self.titles)))
        )

    def _mistakes(self) -> str:
        default = self.models[self.default]["sets"][NEGATIVES]
        return (
            "## The hardest mistakes\n\n"
            + paragraph(
                f"Pictures without a digit that `{self.default}` called a digit, the surest first: as sent, "
                "and as the network saw it, with what it is, what it was taken for and how surely.",
                f"Of {default['total']:,} there were {len(default['mistakes'])}.",
            )
            + f"![Pictures of no digit that were taken for digits]({NEGATIVES_PICTURE})\n\n"
            + paragraph(
                "Such sheets of digits that were read wrong are not in this repository, because they show "
                "MNIST's images and other people's handwriting. The command above writes one for each model "
                "and set into `instance/sheets`."
            )
        )

    def _use(self) -> str:
        return (
            "## What they are for, and what not\n\n"
            + paragraph(
                "For single handwritten digits, 0 to 9: drawn on the paint screen, scanned or photographed, "
                "dark on light or light on dark. To learn from, to play with, and as part of programs whose "
                "users can correct a wrong answer."
            )
            + bullets(
                (
                    "They read one digit. Of several they should say that they cannot tell; the table above "
                    "says how often they do.",
                    "They know the hands of MNIST's writers and of 24 writers of pen strokes. How well they "
                    "read people who learned to write elsewhere has not been measured.",
                    "Photographs and coarse scans were never real ones, neither in training nor here.",
                    "Where a wrong digit does harm, as in cheques, doses or identity papers, they are not "
                    "good enough, however sure they are.",
                )
            )
        )

    def _credits(self) -> str:
        sources: dict[str, str] = {}
        for about in (self.sets[name] for name in self.digit_sets):
            sources |= zip(about["source"].split("; "), about["licence"].split("; "), strict=True)
        return (
            "## Data, licences and credits\n\n"
            + paragraph(
                "Training and measuring use the data of others, with thanks. None of it is in this "
                "repository; `mnistweb data fetch mnist strokes` gets it from its publishers and checks it."
            )
            + bullets(f"{source} ({licence})" for source, licence in sources.items())
            + paragraph(
                "The letters and signs among the pictures of no digit are of the typeface Aileron "
                "(S. Sorkin, CC0), which Pillow brings along. Code and weights are under the MIT licence."
            )
        )


def _share(measured: dict[str, Any]) -> str:
    low, high = (f"{100 * end:.2f}" for end in measured["interval"])
    return f"{percent(measured['right'] / measured['total'])} ({low} - {high})"


def _short(measured: dict[str, Any]) -> str:
    return percent(measured["right"] / measured["total"])


def _of_kind(pair: Sequence[int]) -> str:
    return percent(pair[0] / pair[1], 1)


def _worst(confusion: Sequence[Sequence[int]]) -> str:
    pairs = [
        (-count, truth, reading)
        for truth, row in enumerate(confusion)
        for reading, count in enumerate(row)
        if count and truth != reading
    ]
    worst = sorted(pairs)[:_MOST_CONFUSIONS]
    return ", ".join(f"{truth} as {reading}: {-count}" for count, truth, reading in worst) or "none"
