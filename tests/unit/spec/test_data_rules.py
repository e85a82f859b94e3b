import pytest

from components.spec import SpecProblemsError, parse

HEAD = "name: churn\ntask: binary\nsource: a.csv\ntarget: Churn\n"


@pytest.mark.parametrize(
    ("extra", "line"),
    [
        (
            "columns: {a: {type: category, formats: ['%Y-%m-%d']}}",
            "columns.a.formats: got ['%Y-%m-%d'], expected no formats, because type is 'category'",
        ),
        (
            "columns: {a: {formats: ['%Y-%m']}}",
            "columns.a.formats[0]: got '%Y-%m', expected a year (%Y), a month (%m, %b or %B) and",
        ),
        (
            "columns: {a: {formats: ['%Y-%m-%e']}}",
            "columns.a.formats[0]: got '%Y-%m-%e', expected directives among %Y %y",
        ),
        (
            "columns: {a: {formats: ['%Y-%m-%d', '%Y-%m-%d']}}",
            "columns.a.formats[1]: got '%Y-%m-%d', expected each entry once",
        ),
        (
            "columns: {a: {decimal: ',', thousands: ','}}",
            "columns.a.decimal: got ',', expected another mark than that of thousands",
        ),
        (
            "columns: {a: {thousands: '.'}}",
            "columns.a.thousands: got '.', expected another mark than the decimal mark, which is "
            "'.' unless `decimal` says otherwise",
        ),
        (
            "csv: {decimal: ','}\ncolumns: {a: {thousands: ','}}",
            "columns.a.thousands: got ',', expected another mark than the decimal mark, which is "
            "',' unless `decimal` says otherwise",
        ),
        (
            "columns: {a: {decimal: ';;'}}",
            "columns.a.decimal: got ';;', expected one character that is no letter, digit, quote",
        ),
        (
            "csv: {decimal: ',', thousands: ','}",
            "csv.thousands: got ',', expected another mark than csv.decimal",
        ),
        (
            "csv: {decimal: ',', delimiter: ','}",
            "csv.delimiter: got ',', expected another mark than csv.decimal",
        ),
        (
            "columns: {a: {privacy: mask, clip: [0, 1]}}",
            "columns.a.clip: got [0.0, 1.0], expected no clip, because privacy is 'mask'",
        ),
        (
            "features: {clip: [0.99, 0.01]}",
            "features.clip: got [0.99, 0.01], expected two numbers from 0 to 1, the lower first",
        ),
        (
            "checks: {severity: {duplicate_row: warn}}",
            "checks.severity.duplicate_row: got 'warn', expected a reason: one of 'missing'",
        ),
        (
            "checks: {severity: {leakage: ignore}}",
            "checks.severity.leakage: got 'ignore', expected one of 'refuse', 'warn'",
        ),
        (
            "checks: {max_age_s: 60}",
            "timestamp: missing, expected a column's name, because checks.max_age_s is set",
        ),
        ("privacy: {scan: maybe}", "privacy.scan: got 'maybe', expected one of 'refuse', 'warn'"),
    ],
)
def test_parse_of_a_contradiction_about_the_data_is_refused(extra: str, line: str) -> None:
    with pytest.raises(SpecProblemsError) as caught:
        parse(HEAD + extra)
    assert line in str(caught.value)
    assert len(caught.value.problems) == 1


def test_parse_of_class_weights_for_a_regression_is_refused() -> None:
    head = HEAD.replace("binary", "regression")
    with pytest.raises(SpecProblemsError) as caught:
        parse(head + "features: {class_weight: balanced}")
    (problem,) = caught.value.problems
    line = "features.class_weight: got 'balanced', expected none, because task is 'regression'"
    assert str(problem) == line
    assert parse(head + "features: {class_weight: none}").task == "regression"


def test_parse_of_a_misspelt_reason_offers_the_nearest() -> None:
    with pytest.raises(SpecProblemsError, match="did you mean 'duplicate_rows'"):
        parse(HEAD + "checks: {severity: {duplicate_row: warn}}")


@pytest.mark.parametrize(
    "extra",
    [
        "columns: {a: {privacy: public, type: category, values: [x]}}",
        "columns: {a: {decimal: ',', thousands: '.'}}",
        'csv: {delimiter: ";", decimal: ",", thousands: " ", encoding: latin-1}',
        "checks: {severity: {more_features_than_rows: refuse}}",
        "timestamp: t\nchecks: {max_age_s: 60, unlabelled: drop}",
        "columns: {a: {type: date, formats: [unix_s]}}",
        "features: {clip: [0, 0.95], class_weight: balanced}",
    ],
)
def test_parse_of_sound_words_about_the_data_is_accepted(extra: str) -> None:
    assert parse(HEAD + extra).name == "churn"


def test_parse_of_a_public_column_is_not_private() -> None:
    columns = parse(HEAD + "columns: {a: {privacy: public}, b: {privacy: mask}}").columns
    assert (columns["a"].private, columns["b"].private) == (False, True)
