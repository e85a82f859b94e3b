"""The spec: the one file that a user writes, typed, checked as a whole, and completed by defaults.

`load` and `parse` are the doors: they refuse unknown keys, wrong types and contradictions before
anything runs, all in one `SpecProblemsError`. A component gets the spec as the document that
`Spec.to_json` writes and reads it with `from_json`. The names of tasks, metrics and candidates are
passed on from here, so that a stage needs no other import.
"""

from components.spec.data import Checks, Column, Csv, Features, Privacy, Split
from components.spec.problems import Problem, SpecProblemsError
from components.spec.sections import Bound, Gates, Monitor, Search, Serve
from components.spec.specification import Spec, from_json, load, parse, plan, schema
from components.spec.vocabulary import (
    CANDIDATES,
    DATASETS,
    GREATER_IS_BETTER,
    METRICS,
    REASONS,
    SEARCH_METRIC,
    Severity,
    Task,
    gain,
)

__all__ = [
    "CANDIDATES",
    "DATASETS",
    "GREATER_IS_BETTER",
    "METRICS",
    "REASONS",
    "SEARCH_METRIC",
    "Bound",
    "Checks",
    "Column",
    "Csv",
    "Features",
    "Gates",
    "Monitor",
    "Privacy",
    "Problem",
    "Search",
    "Serve",
    "Severity",
    "Spec",
    "SpecProblemsError",
    "Split",
    "Task",
    "from_json",
    "gain",
    "load",
    "parse",
    "plan",
    "schema",
]
