"""What every section of a spec is: immutable, without unknown keys, null meaning the default."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """A part of the spec: immutable, without unknown keys, and null means the default."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        field_title_generator=lambda name, _: name,
    )

    @model_validator(mode="before")
    @classmethod
    def _null_means_default(cls, value: Any) -> Any:
        """Read a key that was left empty as if it was not there, as a person means it."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            return value
        fields = cls.model_fields
        return {
            key: entry
            for key, entry in value.items()
            if entry is not None or key not in fields or fields[key].is_required()
        }
