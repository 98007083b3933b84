"""The registry holds the models that are loaded, by name, and knows which is the default."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mnistweb.inference.classifier import DigitClassifier
from mnistweb.inference.errors import NoModelError, UnknownModelError
from mnistweb.resources import instance_folder, shipped_weights_folder
from mnistweb.weights import SavedModel, WeightsError, read_model
from mnistweb.weights.document import DIGITS
from mnistweb.weights.installed import active_model, model_files

PREFERRED = "convnet"
_SHOWN_NAME = 64  # characters; no model has a longer name


class ModelRegistry:
    """Classifiers by name. It never changes once it is made; a reload makes a new one and swaps it in."""

    def __init__(self, classifiers: Sequence[DigitClassifier], *, default: str = "") -> None:
        """default: the default model's name; empty: of those that read digits, `convnet` or
        else the most accurate one; of others only when none reads digits.

        Raises UnknownModelError when `default` is not among the classifiers.
        """
        self._classifiers = {classifier.name: classifier for classifier in classifiers}
        if default:
            self.get(default)  # raises when it is not there
        self._default = default or self._best()

    @classmethod
    def load_folders(
        cls,
        folders: Sequence[str | Path],
        *,
        default: str = "",
        instance: Path | None = None,
        may_be_absent: bool = False,
    ) -> ModelRegistry:
        """Read every ``*.pkl`` of the folders; a later folder's model replaces an earlier one of its name.

        default: as above; when it is empty, the model that was activated in the folder `instance`, if any.

        may_be_absent: a folder that is not there counts as empty; for folders that nobody asked for by name.

        Raises WeightsError, naming folder or file and the reason, for a folder that cannot be listed, a file
        that is broken or cannot be read, and two files of one folder that hold models of one name;
        UnknownModelError when the default is not among the models.
        """
        found: dict[str, DigitClassifier] = {}
        for folder in dict.fromkeys(Path(folder).resolve() for folder in folders):
            of_this_folder: dict[str, Path] = {}
            for path in model_files(folder, may_be_absent=may_be_absent):
                saved = _read(path)
                if saved.name in of_this_folder:
                    raise WeightsError(
                        f"holds a model named {saved.name!r}, and so does {of_this_folder[saved.name].name} "
                        "beside it; each model needs a name of its own",
                        source=str(path),
                    )
                of_this_folder[saved.name] = path
                found[saved.name] = DigitClassifier(saved)
        active = "" if default or instance is None else active_model(instance)
        try:
            return cls(list(found.values()), default=default or active)
        except UnknownModelError as error:
            if not active:
                raise
            hint = "it was activated; choose another with `mnistweb weights activate`"
            raise UnknownModelError(f"{error} ({hint})") from error

    @classmethod
    def load_installed(cls) -> ModelRegistry:
        """The shipped models and those of the instance folder. Raises WeightsError for a broken file."""
        own = instance_folder()
        return cls.load_folders([shipped_weights_folder(), own], instance=own, may_be_absent=True)

    @property
    def names(self) -> list[str]:
        """The models' names, the default first, then in alphabetical order."""
        return sorted(self._classifiers, key=lambda name: (name != self._default, name))

    @property
    def default(self) -> str:
        """The name of the default model; empty when there is none."""
        return self._default

    def get(self, name: str | None = None) -> DigitClassifier:
        """The classifier of that name, or the default one. Raises UnknownModelError or NoModelError."""
        try:
            return self._classifiers[self._default if name is None else name]
        except KeyError:
            if not self._classifiers:
                raise NoModelError(
                    "no model is loaded: there is no weights file (*.pkl) in the instance folder"
                ) from None
            known = ", ".join(sorted(self._classifiers))
            shown = repr(name) if len(str(name)) <= _SHOWN_NAME else "of that long name"
            raise UnknownModelError(f"there is no model {shown}; loaded are {known}") from None

    def __len__(self) -> int:
        return len(self._classifiers)

    def __iter__(self) -> Iterator[DigitClassifier]:
        return (self._classifiers[name] for name in self.names)

    def _best(self) -> str:
        # People come to draw digits; a model of clothes answers them only when there is no other.
        digits = [name for name, each in self._classifiers.items() if each.saved.labels == DIGITS]
        candidates = digits or list(self._classifiers)
        if PREFERRED in candidates:
            return PREFERRED

        def accuracy(name: str) -> float:
            # Only ever the validation accuracy: the test set chooses nothing.
            recorded = self._classifiers[name].saved.training.get("validation_accuracy")
            return float(recorded) if isinstance(recorded, int | float) else -1.0

        return max(sorted(candidates), key=accuracy, default="")


def _read(path: Path) -> SavedModel:
    try:
        return read_model(path)
    except OSError as error:  # such as a link to nothing
        raise WeightsError(f"cannot be read: {error.strerror or error}", source=str(path)) from error
