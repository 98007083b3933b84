"""`GET /openapi.json`: the API described for programs, generated from the code that serves it.

Each view of the API says beside its route what it takes and gives (`@describes`); its docstring is the
description. The types come from `schemas.py`, which requests are checked against and answers are made of;
routes and methods come from the application. A view that describes nothing is a page for people, and is left
out.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar, get_args

import msgspec
import numpy as np
from apispec import APISpec
from flask import Blueprint, Flask, Response, current_app, request
from werkzeug.routing import Rule

import mnistweb
from mnistweb.imaging.preprocess import preprocess
from mnistweb.imaging.strokes import render_strokes
from mnistweb.web import schemas
from mnistweb.web.answers import png
from mnistweb.web.errors import TITLES
from mnistweb.web.loaded import loaded_models

blueprint = Blueprint("openapi", __name__)

Schema = dict[str, Any]
View = TypeVar("View", bound=Callable[..., Any])

_FILE: Schema = {"type": "string", "format": "binary", "description": "A PNG or JPEG file."}
# Of no type: the fields of a form are text, whatever a client had in mind.
_MODEL_FIELD: Schema = {"description": "The name of a loaded model."}
ONE_PICTURE: Mapping[str, Schema] = {
    "multipart/form-data": {
        "type": "object",
        "properties": {"image": _FILE, "model": _MODEL_FIELD},
        "required": ["image"],
    },
    "image/png": _FILE,
    "image/jpeg": _FILE,
}
SEVERAL_PICTURES: Mapping[str, Schema] = {
    "multipart/form-data": {
        "type": "object",
        "properties": {"image": {"type": "array", "items": _FILE, "minItems": 1}, "model": _MODEL_FIELD},
        "required": ["image"],
    }
}

# What any request may be answered, and what one with a body may be.
_ALWAYS = (400, 414, 431, 500, 503)
_WITH_BODY = (411, 413, 415, 422)


@dataclass(frozen=True)
class describes:
    """Says what a view takes and gives; stands between the route and the view.

    answer: the type of a JSON answer, or the media type of another. body: the type of the JSON body.
    files: the other media types of the body, each with its schema. binary: tensors may follow the JSON as
    bytes, both ways. query: ("model",) for `?model=`. path: schemas of the parts of the path that are no
    model's name. problems: statuses beside those that every request, or every request with a body, may meet.
    also: types of further answers by their status.
    """

    answer: type[msgspec.Struct] | str
    body: type[msgspec.Struct] | None = None
    files: Mapping[str, Schema] = field(default_factory=dict)
    binary: bool = False
    query: Sequence[str] = ()
    path: Mapping[str, Schema] = field(default_factory=dict)
    problems: Sequence[int] = ()
    also: Mapping[int, type[msgspec.Struct]] = field(default_factory=dict)

    def __call__(self, view: View) -> View:
        """The view itself, with this description."""
        view.description = self  # type: ignore[attr-defined]
        return view


def described_rules(app: Flask) -> Iterator[tuple[Rule, str, describes]]:
    """The routes of the API: the rule, its method, and what the view says of itself."""
    for rule in app.url_map.iter_rules():
        description = getattr(app.view_functions[rule.endpoint], "description", None)
        if description is not None:
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield rule, method, description


def make_document(app: Flask) -> dict[str, Any]:
    """The OpenAPI document of an application's routes. Needs an application context."""
    spec = APISpec(
        title="mnistweb",
        version=mnistweb.__version__,
        openapi_version="3.1.0",
        info={
            "summary": "Reads handwritten digits with neural networks written from scratch in NumPy.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
    )
    rules = list(described_rules(app))
    # Set as they are: apispec would look for names of types in them, and take `"items": false` for one.
    spec.components.schemas.update(_component_schemas([description for _, _, description in rules]))
    for rule, method, description in rules:
        operation = _operation(app, rule, description)
        spec.path(re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), operations={method.lower(): operation})
    return spec.to_dict()


@blueprint.get("/openapi.json")
@describes("application/json")
def openapi() -> Response:
    """This document."""
    document = make_document(current_app) | {"servers": [{"url": request.script_root or "/"}]}
    return Response(msgspec.json.encode(document), mimetype="application/json")


def _component_schemas(descriptions: Sequence[describes]) -> dict[str, Schema]:
    types: list[type[msgspec.Struct]] = [schemas.Problem, schemas.PredictionAnswer]
    for each in descriptions:
        named = (each.answer, each.body, *each.also.values())
        types += [one for one in named if one is not None and not isinstance(one, str)]
    found = list(dict.fromkeys(types))
    _, components = msgspec.json.schema_components(found, ref_template=schemas.REF_TEMPLATE)
    for struct in found:
        if names := getattr(struct, "one_of", ()):
            components[struct.__name__]["oneOf"] = [{"required": [name]} for name in names]
    return components


def _operation(app: Flask, rule: Rule, description: describes) -> dict[str, Any]:
    view = app.view_functions[rule.endpoint]
    words = " ".join((view.__doc__ or "").split())
    shortest = min(app.url_map.iter_rules(rule.endpoint), key=lambda each: len(each.arguments))
    further = sorted(rule.arguments - shortest.arguments)
    operation: dict[str, Any] = {
        "operationId": "_".join([view.__name__, *further]),
        "summary": words.split(";")[0].split(". ")[0].rstrip(".").replace("`", ""),  # it is no Markdown
        "description": words,
        "tags": [rule.endpoint.partition(".")[0].replace("_", " ")],
        "parameters": _parameters(rule, description),
        "responses": _responses(description),
    }
    if description.body is not None:
        operation["requestBody"] = {"required": True, "content": _body_contents(description)}
    return operation


def _parameters(rule: Rule, description: describes) -> list[Schema]:
    model = {"description": get_args(schemas.ModelName)[1].description}
    example = {"example": loaded_models().default} if len(loaded_models()) else {}
    found: list[Schema] = []
    for name in re.findall(r"<(?:\w+:)?(\w+)>", rule.rule):
        schema = description.path.get(name)
        shown = {"schema": schema} if schema else {"schema": {"type": "string"}, **model, **example}
        found.append({"name": name, "in": "path", "required": True, **shown})
    for name in description.query:
        found.append({"name": name, "in": "query", "schema": {"type": "string"}, **model, **example})
    return found


def _body_contents(description: describes) -> dict[str, Schema]:
    assert description.body is not None
    contents: dict[str, Schema] = {
        "application/json": {"schema": _reference(description.body), "example": _example(description.body)}
    }
    for kind, schema in description.files.items():
        contents[kind] = {"schema": schema}
    if description.binary:
        contents["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    return contents


def _responses(description: describes) -> dict[str, Schema]:
    if isinstance(description.answer, str):
        whole = {"type": "object"} if description.answer == "application/json" else {"type": "string"}
        contents: dict[str, Schema] = {description.answer: {"schema": whole}}
    else:
        contents = {"application/json": {"schema": _reference(description.answer)}}
    if description.binary:
        contents["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    responses: dict[str, Schema] = {"200": {"description": "The answer.", "content": contents}}
    for status in sorted({*_ALWAYS, *(_WITH_BODY if description.body else ()), *description.problems}):
        codes = [f"`{code}`: {title}." for code, (its, title) in TITLES.items() if its == status]
        responses[str(status)] = {
            "description": " ".join(codes),
            "content": {"application/problem+json": {"schema": _reference(schemas.Problem)}},
        }
    for status, answer in description.also.items():
        responses[str(status)]["content"]["application/json"] = {"schema": _reference(answer)}
    return responses


def _reference(struct: type[msgspec.Struct]) -> Schema:
    return {"$ref": schemas.REF_TEMPLATE.format(name=struct.__name__)}


def _example(body: type[msgspec.Struct]) -> dict[str, Any]:
    canvas, pixels = _drawn_seven()
    picture = base64.b64encode(canvas).decode()
    tensor = {"name": "input", "shape": [1, 784], "datatype": "FP32", "data": pixels}
    examples: dict[type[msgspec.Struct], dict[str, Any]] = {
        schemas.PredictBody: {"image": picture, "explain": []},
        schemas.BatchBody: {"images": [picture, picture]},
        schemas.InferBody: {"inputs": [tensor]},
    }
    return examples[body]


@cache
def _drawn_seven() -> tuple[bytes, list[float]]:
    """A seven as a PNG file, and in MNIST form."""
    canvas = render_strokes([np.array([(24, 21), (60, 21), (39, 66)])], size=84, brush=6.0)
    pixels = preprocess(canvas).pixels.reshape(-1).astype(float)
    return png(canvas), [round(each, 2) for each in pixels.tolist()]
