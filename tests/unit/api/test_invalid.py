"""What a model has against a declaration is told as the API server tells it."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from glovebox.api.invalid import what_is_wrong


class Image(BaseModel):
    """Something with a check of its own."""

    reference: str = "x@sha256:1"

    @field_validator("reference")
    @classmethod
    def _require_digest(cls, text: str) -> str:
        if "@" not in text:
            raise ValueError("must be pinned by digest")
        return text


class Spec(BaseModel):
    """Something that takes no other fields."""

    model_config = ConfigDict(extra="forbid")

    profile: Annotated[str, Field(max_length=3)]
    images: tuple[Image, ...] = ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param({}, "spec.profile: Required value", id="missing"),
        pytest.param({"profil": "a"}, 'unknown field "spec.profil"', id="misspelt, so missing too"),
        pytest.param(
            {"profile": "a", "b": 1, "c": 2},
            'unknown field "spec.b", unknown field "spec.c"',
            id="all that are unknown",
        ),
        pytest.param(
            {"profile": "a", "images": [{"reference": "x:latest"}]},
            "spec.images[0].reference: must be pinned by digest",
            id="a check of ours",
        ),
        pytest.param({"profile": 5}, "spec.profile: must be a valid string", id="of another type"),
        pytest.param(
            {"profile": "abcd"}, "spec.profile: must have at most 3 characters", id="too long"
        ),
        pytest.param([], "spec: must be a valid dictionary or instance of Spec", id="the whole"),
    ],
)
def test_it_is_told_in_the_words_of_the_api_server(given: object, said: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        Spec.model_validate(given)
    assert what_is_wrong(wrong.value, "spec") == said
