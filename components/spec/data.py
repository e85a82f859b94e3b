"""The sections of a spec that speak of the data: columns, files, checks, privacy, split, features.

The sections about models are in `components.spec.sections`; what has to agree between keys is in
`components.spec.rules`.
"""

from typing import Literal

from pydantic import Field, StrictBool

from components.spec.section import Section
from components.spec.values import (
    ColumnName,
    Count,
    DateFormat,
    Fraction,
    Mark,
    Number,
    Positive,
    Quantiles,
    Ratio,
    Scalar,
    Seed,
    Text,
)
from components.spec.vocabulary import REASONS, Severity


class Column(Section):
    """What is known of one column; what is not said is inferred from the data."""

    type: Literal["number", "category", "boolean", "date"] | None = Field(
        None, description="What the column holds; left out, inferred from the data."
    )
    missing: list[Text] = Field(
        [], description="Texts that mean 'no value', besides the empty one.", examples=[["?", "NA"]]
    )
    decimal: Mark | None = Field(
        None, description="The decimal mark of its numbers; left out, that of csv.decimal."
    )
    thousands: Mark | None = Field(
        None, description="The mark between thousands; left out, that of csv.thousands."
    )
    formats: list[DateFormat] = Field(
        [],
        description=(
            "The formats of its dates, tried in order, in the words of strptime (%d.%m.%Y), or "
            "unix_s or unix_ms; left out, found out."
        ),
        examples=[["%d.%m.%Y", "%d.%m.%Y %H:%M"]],
    )
    min: Number | None = Field(None, description="The least number that is valid.")
    max: Number | None = Field(None, description="The greatest number that is valid.")
    values: list[Scalar] | None = Field(
        None,
        min_length=1,
        description="The values that are valid, for a category, a boolean or the target.",
        examples=[["Male", "Female"]],
    )
    nullable: StrictBool | None = Field(
        None, description="Whether values may be missing; left out, they may."
    )
    unique: StrictBool = Field(False, description="Whether every value must differ.")
    clip: Quantiles | None = Field(
        None,
        description=(
            "Quantiles of the training rows between which its numbers are clipped; left out, "
            "those of features.clip."
        ),
        examples=[[0.01, 0.99]],
    )
    protected: StrictBool = Field(
        False, description="Whether the model is compared between this column's groups."
    )
    privacy: Literal["drop", "hash", "mask", "public"] | None = Field(
        None,
        description=(
            "Keeps a private column out of the model: drop it, hash it (it may then be id or "
            "group), or mask it (it may then appear in reports). public: not private, whatever "
            "the scan finds in it."
        ),
    )

    @property
    def private(self) -> bool:
        """Whether its values must not leave ingest."""
        return self.privacy in ("drop", "hash", "mask")


class Csv(Section):
    """Section `csv`: how text files are written, where it cannot or should not be found out."""

    delimiter: Mark | None = Field(
        None, description="What separates fields; left out, found out.", examples=[";"]
    )
    encoding: Text | None = Field(
        None,
        description="How text is encoded; left out, UTF-8, or what the file shows.",
        examples=["latin-1"],
    )
    decimal: Mark = Field(".", description="The decimal mark of numbers.")
    thousands: Mark | None = Field(
        None, description="The mark between thousands of numbers; left out, there is none."
    )


class Checks(Section):
    """Section `checks`: what the table must keep as a whole, and what a failure does."""

    min_rows: Count = Field(50, description="The fewest rows with a target.")
    max_row_change: Positive = Field(
        0.5, description="By what share of it the row count may differ from the served version's."
    )
    max_age_s: Positive | None = Field(
        None, description="Seconds that the newest timestamp may be old; left out, any."
    )
    max_duplicates: Ratio = Field(
        0.01, description="Share of rows that may repeat another in all columns but the id."
    )
    min_label_share: Ratio = Field(
        0.01, description="Share of rows that the rarest class needs, at least."
    )
    max_leakage: Ratio = Field(
        0.99,
        description=(
            "How well one feature alone may tell the target, from 0 (not) to 1 (entirely), before "
            "it counts as giving it away."
        ),
    )
    unlabelled: Literal["refuse", "drop"] = Field(
        "refuse",
        description="What becomes of rows without a target: refuse the data, or drop them.",
    )
    severity: dict[Text, Severity] = Field(
        {},
        description="What a failure does, by its reason: refuse the data, or warn and go on.",
        examples=[{"duplicate_rows": "refuse", "unknown_value": "warn"}],
        json_schema_extra={"propertyNames": {"enum": list(REASONS)}},
    )


class Privacy(Section):
    """Section `privacy`: what is done about columns that look private and are not declared."""

    scan: Literal["refuse", "warn", "off"] = Field(
        "warn",
        description=(
            "What happens where an undeclared column looks like personal data: refuse the data, "
            "warn in the report, or do not look."
        ),
    )


class Split(Section):
    """Section `split`: how rows are set aside for choosing and for judging models."""

    method: Literal["random", "time", "group"] = Field(
        "random",
        description="By a stable hash of the row; by timestamp, latest last; or by whole groups.",
    )
    test: Fraction = Field(0.2, description="Share of rows that judge the chosen model, above 0.")
    validation: Fraction = Field(
        0.2, description="Share of rows that choose among candidates, above 0."
    )
    seed: Seed = Field(7, description="Seed of the row hash.")
    group: ColumnName | None = Field(
        None, description="With method group: the column whose equal values stay together."
    )


class Features(Section):
    """Section `features`: how columns become what models learn from."""

    clip: Quantiles | None = Field(
        None,
        description=(
            "Quantiles of the training rows between which every number is clipped; left out, none."
        ),
        examples=[[0.01, 0.99]],
    )
    max_constant: Ratio = Field(
        0.999, description="Share of training rows with one value above which a feature is dropped."
    )
    max_correlation: Ratio = Field(
        0.999,
        description=(
            "Correlation with an earlier number, either way, above which a number is dropped."
        ),
    )
    target_encode_above: Count = Field(
        100,
        description=(
            "Different categories above which a column is encoded by the target's mean, out of "
            "fold, and not by a column a category."
        ),
    )
    class_weight: Literal["none", "balanced"] = Field(
        "none",
        description=(
            "Whether rare classes weigh as much as frequent ones; balanced shifts probabilities."
        ),
    )
