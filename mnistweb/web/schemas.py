"""The bodies of the JSON routes as types: requests are checked against them, answers are made of them.

They are the one place that says what a body looks like; the OpenAPI document is generated from them.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

REF_TEMPLATE = "#/components/schemas/{name}"  # where the OpenAPI document has these types


def _ref(name: str) -> dict[str, str]:
    return {"$ref": REF_TEMPLATE.format(name=name)}


ModelName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="The name of a loaded model, as /models lists them.",
    ),
]
Base64Image = Annotated[
    str, Meta(description="A PNG or JPEG file in base64, bare or as a data URL (data:image/png;base64,...).")
]
Pixels = Annotated[
    list[float | list[float]],
    Meta(
        description="784 numbers from 0 (paper) to 1 (ink), row by row; or 28 rows of 28.",
        # Told to the clients, and checked by `incoming.as_array`, which says more of what came.
        extra_json_schema={"minItems": 28, "maxItems": 784},
    ),
]
ExplainPart = Literal["steps", "activations", "contributions"]
Explain = Annotated[list[ExplainPart], Meta(max_length=3, description="What to explain about the answer.")]


class PredictBody(Struct, forbid_unknown_fields=True, gc=False):
    """One picture, as `image` or as `pixels`."""

    one_of: ClassVar = ("image", "pixels")
    image: Base64Image | UnsetType = UNSET
    pixels: Pixels | UnsetType = UNSET
    model: ModelName | UnsetType = UNSET
    preprocess: bool = False
    explain: Explain = []


class BatchBody(Struct, forbid_unknown_fields=True, gc=False):
    """Several pictures, as `images` or as `pixels`."""

    one_of: ClassVar = ("images", "pixels")
    images: list[Base64Image] | UnsetType = UNSET
    pixels: list[Pixels] | UnsetType = UNSET
    model: ModelName | UnsetType = UNSET
    preprocess: bool = False


class StepAnswer(Struct, gc=False):
    """The picture after one step of preprocessing."""

    name: str
    title: str
    width: int
    height: int
    image: str


class UnitAnswer(Struct, gc=False):
    """How one unit of a dense layer came to its value: sum = total of input x weight + bias."""

    sum: float
    bias: float
    top: list[tuple[int, float, float, float]]


class MapsAnswer(Struct, gc=False):
    """A convolutional layer's maps, tiled row by row in one grey PNG."""

    columns: int
    rows: int
    width: int
    height: int
    count: int
    image: str


class LayerAnswer(Struct, omit_defaults=True):
    """What one layer gave for the picture."""

    layer: int
    name: str
    shape: list[int]
    values: list[float] | UnsetType = UNSET
    units: list[UnitAnswer] | UnsetType = UNSET
    maps: MapsAnswer | UnsetType = UNSET


class ContributionAnswer(Struct, gc=False):
    """How much each pixel speaks for the digit (positive) or against it."""

    digit: int
    logit: float
    pixels: list[float]


class ContributionsAnswer(Struct):
    """The contributions to the answer and to the runner-up, and the method they were found by."""

    method: str
    classes: list[ContributionAnswer]


class ExplanationAnswer(Struct, omit_defaults=True):
    """What was asked for under `explain`; `pixels` is the 28x28 picture that the network saw."""

    pixels: list[float]
    steps: list[StepAnswer] | UnsetType = UNSET
    activations: list[LayerAnswer] | UnsetType = UNSET
    contributions: ContributionsAnswer | UnsetType = UNSET


class PredictionAnswer(Struct, omit_defaults=True):
    """The answer to one picture. `sentence` is the verdict in words.

    A model of other things than digits also says what its ten classes are called, in order, as `labels`, and
    the likeliest of them as `label`.
    """

    prediction: int
    confidence: float
    probabilities: dict[str, float]
    verdict: Literal["digit", "uncertain", "not_a_digit"]
    model: str
    sentence: str
    label: str | UnsetType = UNSET
    labels: list[str] | UnsetType = UNSET
    explanation: ExplanationAnswer | UnsetType = UNSET


class Problem(Struct):
    """An error (RFC 9457): `code` is stable, `detail` says what came and what was wanted.

    `error` says the same as `detail`, where the Open Inference Protocol's clients look for it: below `/v2`.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    error: str | UnsetType = UNSET


class BatchAnswer(Struct):
    """One answer, or one problem, per picture, in order."""

    # Any: to msgspec, which would also have to read it, the two look alike.
    predictions: Annotated[
        list[Any], Meta(extra_json_schema={"items": {"oneOf": [_ref("PredictionAnswer"), _ref("Problem")]}})
    ]


class DebugAnswer(Struct, omit_defaults=True):
    """The picture as the network would see it, in numbers, and the steps that led there."""

    shape: list[int]
    min_value: float
    max_value: float
    mean_value: float
    non_zero_pixels: int
    saved_debug_image: str | None
    steps: list[StepAnswer]
    centre_of_mass: list[float]
    polarity: str
    pixels: list[float]
    not_saved_because: str | UnsetType = UNSET


class HealthCheckAnswer(Struct):
    """The process lives."""

    status: Literal["ok"]


class HealthAnswer(Struct):
    """Whether the service can answer."""

    status: Literal["healthy", "unhealthy"]
    model_loaded: bool
    model_architecture: str


class ModelSummary(Struct):
    """One loaded model; `subject` and `reads` say in words what it is for."""

    name: str
    architecture: str
    parameters: int
    is_default: bool
    subject: str
    reads: str
    labels: list[str]


class ModelsAnswer(Struct):
    """The loaded models, the default first."""

    default: str
    models: list[ModelSummary]


class ModelInfoAnswer(Struct):
    """The facts of one model, and what its weights file says of its training."""

    name: str
    architecture: str
    input_size: int
    hidden_sizes: list[int]
    output_size: int
    total_parameters: int
    num_layers: int
    weights_shapes: list[list[int]]
    biases_shapes: list[list[int]]
    labels: list[str]
    calibration: dict[str, float]
    verdict: dict[str, float]
    training: dict[str, Any]
    sha256: str
    size_bytes: int


OutputName = Literal["probabilities", "prediction"]


class InputTensor(Struct, forbid_unknown_fields=True):
    """Pictures in MNIST form: 0 is paper, 1 is ink. `data` may be flat or nested, row by row."""

    name: Literal["input"]
    shape: Annotated[
        list[int], Meta(min_length=2, max_length=4, description="[N, 784], [N, 28, 28] or [N, 28, 28, 1].")
    ]
    datatype: Literal["FP32"]
    parameters: dict[str, Any] = {}
    data: list[float | list[float | list[float | list[float]]]] | UnsetType = UNSET


class WantedOutput(Struct, forbid_unknown_fields=True):
    """An output that is asked for."""

    name: OutputName
    parameters: dict[str, Any] = {}


class InferBody(Struct, forbid_unknown_fields=True):
    """A request of the Open Inference Protocol."""

    inputs: Annotated[list[InputTensor], Meta(min_length=1, max_length=1)]
    id: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET
    parameters: dict[str, Any] = {}
    outputs: Annotated[list[WantedOutput], Meta(max_length=2)] = []


class OutputTensor(Struct, omit_defaults=True):
    """One output, row by row."""

    name: OutputName
    datatype: Literal["FP32", "INT64"]
    shape: list[int]
    data: list[float] | UnsetType = UNSET
    parameters: dict[str, int] | UnsetType = UNSET


class InferAnswer(Struct, omit_defaults=True):
    """The answer of the Open Inference Protocol."""

    model_name: str
    model_version: str
    outputs: list[OutputTensor]
    id: str | UnsetType = UNSET


class TensorMetadata(Struct):
    """A tensor that a model takes or gives; -1 stands for any number of pictures."""

    name: str
    datatype: str
    shape: list[int]


class ServerMetadataAnswer(Struct):
    """What the server is, in the Open Inference Protocol."""

    name: str
    version: str
    extensions: list[str]


class ModelMetadataAnswer(Struct):
    """What a model takes and gives, in the Open Inference Protocol."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class LiveAnswer(Struct):
    """The process lives."""

    live: bool


class ReadyAnswer(Struct):
    """A model is loaded."""

    ready: bool


class ModelReadyAnswer(Struct):
    """The model is loaded."""

    name: str
    ready: bool
