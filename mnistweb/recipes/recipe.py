"""A recipe says what to train and how: data, augmentation, architecture, optimizer, schedule and training.

Every number that shapes a training is a field here, so the recipe and the data give the same weights again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mnistweb.data.augmentation import Augmentation
from mnistweb.recipes.settings import setting

ACTIVATIONS = ("relu", "tanh", "sigmoid")
OPTIMIZERS = ("sgd", "momentum", "adagrad", "rmsprop", "adam", "adamw")
SCHEDULES = ("constant", "step", "exponential", "cosine", "one_cycle")


@dataclass(frozen=True)
class MixSettings:
    """How much of each batch comes from each source, relative to the others."""

    dataset: float = setting(1.0, "images of the dataset itself", above=0)
    strokes: float = setting(0.0, "pen strokes, rendered as the canvas shows them", at_least=0)
    straight_ones: float = setting(0.0, "ones that are nothing but a straight line", at_least=0)
    photos: float = setting(0.0, "stand-ins for photographs of digits on paper", at_least=0)
    negatives: float = setting(0.0, "pictures of no digit, with the uniform target", at_least=0)

    @property
    def is_drawn(self) -> bool:
        """Whether anything is mixed in that no file holds."""
        return bool(self.strokes or self.straight_ones or self.photos or self.negatives)


@dataclass(frozen=True)
class DataSettings:
    """What is learned from, and what is kept aside to choose by."""

    dataset: str = setting("mnist", "mnist, fashion-mnist, or the path of a data file or folder")
    validation: int = setting(5000, "images of the training set kept aside to choose by", at_least=1)
    validation_writers: tuple[int, ...] = setting(
        (3, 8, 13, 18, 23, 28),
        "numbers of the pen-stroke writers kept aside (of 1 to 30)",
        at_least=1,
        at_most=30,
    )
    renderings: int = setting(8, "pictures rendered of each pen-stroke digit", at_least=1, at_most=100)
    straight_ones: int = setting(2000, "straight ones rendered in all", at_least=1)
    photos: int = setting(8000, "photograph stand-ins rendered in all", at_least=1)
    negatives: int = setting(12000, "pictures of no digit rendered in all", at_least=1)
    mix: MixSettings = field(
        default_factory=MixSettings,
        metadata={"help": "how much of each batch comes from each source, relative to the others"},
    )


@dataclass(frozen=True, kw_only=True)
class AugmentationSettings(Augmentation):
    """Random changes of each training image, new each epoch: the strengths of `Augmentation` and a switch."""

    enabled: bool = setting(True, "false trains on the images as they are")


# The strengths are fields of the data room, which knows no recipes; what they mean to one is said here.
AUGMENTATION_HELP = {
    "rotation_degrees": "largest turn, either way",
    "log_scale": "largest change of width and of height, as a natural logarithm",
    "shear": "largest slant, in pixels sideways per pixel of height",
    "shift_pixels": "largest move along each axis",
    "elastic_alpha": "strength of the elastic distortion; 34 moves pixels by up to 1.4 (standard deviation)",
    "elastic_sigma": "pixels over which neighbours are distorted together",
    "elastic_probability": "share of the images that are distorted",
    "thickness": "pixels added to or taken from the edge of the ink, at most 1",
    "thickness_probability": "share of the images whose strokes change so",
    "blur": "largest standard deviation of the blur, in pixels, at most 1",
    "blur_probability": "share of the images that are blurred",
    "contrast": "largest change of the ink's strength, as a natural logarithm",
    "contrast_probability": "share of the images whose contrast changes",
    "noise": "largest standard deviation of what is added to each pixel, the ink being 1",
    "noise_probability": "share of the images that get noise",
    "occlusion": "longest side of a rectangle that is wiped out, as a share of the image's",
    "occlusion_probability": "share of the images that lose one",
}


@dataclass(frozen=True)
class ArchitectureSettings:
    """The layers: first the convolutions, if any, then the hidden dense layers, then one output a class."""

    convolutions: tuple[str, ...] = setting(
        (),
        'in order, such as "conv 3x3x32", "conv 5x5x24 valid", "conv 3x3x64 stride 2", "max_pool 2x2", '
        '"average_pool 2x2", "global_average_pool", "dropout 0.1"',
    )
    hidden: tuple[int, ...] = setting(
        (128, 64), "units of each hidden dense layer", at_least=1, at_most=16384
    )
    activation: str = setting("relu", "after each convolution and hidden layer", choices=ACTIVATIONS)
    batch_norm: bool = setting(False, "normalise each batch before the activations")
    dropout_rate: float = setting(0.0, "probability of zeroing a hidden unit", at_least=0, below=1)


@dataclass(frozen=True)
class OptimizerSettings:
    """How the gradient moves the weights."""

    name: str = setting("adamw", "the rule", choices=OPTIMIZERS)
    momentum: float = setting(0.9, "of momentum", at_least=0, below=1)
    nesterov: bool = setting(True, "look ahead, for momentum")
    beta1: float = setting(0.9, "decay of the first moment, for adam and adamw", at_least=0, below=1)
    beta2: float = setting(0.999, "decay of the second moment, for adam and adamw", at_least=0, below=1)
    weight_decay: float = setting(0.0, "pull of the weights (not of biases) towards zero", at_least=0)


@dataclass(frozen=True)
class ScheduleSettings:
    """The learning rate over time."""

    name: str = setting("one_cycle", "its shape", choices=SCHEDULES)
    learning_rate: float = setting(0.002, "the highest learning rate", above=0, at_most=10)
    warmup_fraction: float = setting(
        0.1, "share of all steps on which it climbs to the highest", at_least=0, below=1
    )
    final_factor: float = setting(
        0.001, "the last rate as a share of the highest, for cosine and one_cycle", at_least=0, at_most=1
    )
    every_epochs: int = setting(10, "epochs in which it is multiplied by decay once", at_least=1)
    decay: float = setting(0.5, "that factor, for step and exponential", above=0, at_most=1)


@dataclass(frozen=True)
class TrainingSettings:
    """How long, in what portions, and from which seed."""

    start_from: str = setting("", "a model, by name or file, to begin with its weights; else random ones")
    epochs: int = setting(30, "times through the dataset", at_least=1, at_most=10_000)
    batch_size: int = setting(128, "images a step", at_least=1, at_most=10_000)
    seed: int = setting(1, "of everything random", at_least=0)
    threads: int = setting(
        1, "threads that share each batch; two pay with convolutions", at_least=1, at_most=2
    )
    label_smoothing: float = setting(0.0, "share of each target spread over all classes", at_least=0, below=1)
    ema_decay: float = setting(
        0.0, "decay of the moving average of the weights; 0 keeps none", at_least=0, below=1
    )
    patience: int = setting(
        0, "epochs without a better validation accuracy before stopping; 0: never", at_least=0
    )


@dataclass(frozen=True)
class Recipe:
    """What to train and how. Made by `load_recipe`; every value has been checked."""

    name: str = setting("own", "the name of the model that comes of it")
    description: str = setting("", "one sentence on what it is for")
    data: DataSettings = field(default_factory=DataSettings, metadata={"help": "what is learned from"})
    augmentation: AugmentationSettings = field(
        default_factory=AugmentationSettings, metadata={"help": "random changes of each image"}
    )
    architecture: ArchitectureSettings = field(
        default_factory=ArchitectureSettings, metadata={"help": "the layers"}
    )
    optimizer: OptimizerSettings = field(
        default_factory=OptimizerSettings, metadata={"help": "how the gradient moves the weights"}
    )
    schedule: ScheduleSettings = field(
        default_factory=ScheduleSettings, metadata={"help": "the learning rate over time"}
    )
    training: TrainingSettings = field(
        default_factory=TrainingSettings, metadata={"help": "how long, in what portions, from which seed"}
    )
