import math

import numpy as np
import pytest

from components.serve.contract import Contract
from components.serve.refusal import RefusalError
from components.serve.v2 import split
from components.signature import Feature, Output, Signature, tensors
from tests.bundles import signature

GOOD = ("Bern", "basic")


@pytest.fixture
def contract() -> Contract:
    return Contract(signature("binary"))


def refusal(contract: Contract, numbers: object, strings: object = GOOD) -> RefusalError:
    with pytest.raises(RefusalError) as caught:
        contract.read([numbers], [strings])  # type: ignore[list-item]
    assert caught.value.status == 400
    return caught.value


def test_read_of_valid_rows_returns_float32_and_text(contract: Contract) -> None:
    rows = contract.read([(30, 1500.5), (61.5, None)], [("Bern", "basic"), (None, "plus")])
    assert rows.numbers.dtype == np.float32
    assert rows.numbers[0].tolist() == [30.0, 1500.5]
    assert math.isnan(rows.numbers[1, 1])
    assert rows.strings.tolist() == [["Bern", "basic"], ["", "plus"]]
    assert rows.unseen == {}


def test_read_of_missing_tokens_is_null(contract: Contract) -> None:
    rows = contract.read([(1.0, "?"), (2.0, " ")], [("?", "basic"), ("", "basic")])
    assert np.isnan(rows.numbers[:, 1]).all()
    assert rows.strings[:, 0].tolist() == ["", ""]


def test_read_of_number_that_is_a_missing_token_is_null() -> None:
    given = signature("binary")
    inputs = [
        f.model_copy(update={"missing": ("-999", "?")}) if f.name == "income" else f
        for f in given.inputs
    ]
    contract = Contract(given.model_copy(update={"inputs": tuple(inputs)}))
    rows = contract.read([(-999, -999.0), (2.0, " -999 ")], [GOOD, GOOD])
    assert rows.numbers[0, 0] == -999
    assert np.isnan(rows.numbers[:, 1]).all()


def test_read_of_number_that_is_a_missing_token_where_none_is_allowed_is_refused() -> None:
    given = signature("binary")
    inputs = [
        f.model_copy(update={"missing": ("-999", "?")}) if f.name == "age" else f
        for f in given.inputs
    ]
    contract = Contract(given.model_copy(update={"inputs": tuple(inputs)}))
    for value in (-999, -999.0, "-999", "?"):
        error = refusal(contract, (value, 1.0))
        assert str(error) == "row 0, field 'age': expected a number, got null"
        assert error.counts == {("age", "null"): 1}


def test_read_of_category_is_trimmed_as_in_training(contract: Contract) -> None:
    rows = contract.read([(1.0, 1.0)], [(" Bern ", "basic\n")])
    assert rows.strings.tolist() == [["Bern", "basic"]]
    assert rows.unseen == {}


def test_read_of_unseen_categories_answers_and_counts_them(contract: Contract) -> None:
    rows = contract.read([(1.0, 1.0)] * 3, [("Oslo", "basic"), ("Bern", "basic"), ("Rome", "gold")])
    assert rows.unseen == {"city": 2, "plan": 1}
    assert rows.strings[0, 0] == "Oslo"


@pytest.mark.parametrize(
    ("value", "reason", "text"),
    [
        ("15", "type", "expected a number or null, got the text '15'"),
        ("NaN", "type", "expected a number or null, got the text 'NaN'"),
        (True, "type", "expected a number or null, got the boolean true"),
        ([1], "type", "expected a number or null, got a list of 1"),
        ({"a": 1}, "type", "expected a number or null, got an object"),
        (math.inf, "not_finite", "within ±3.4e+38, got the number inf"),
        (1e39, "overflow", "within ±3.4e+38, got the number 1e+39"),
        (-(10**400), "overflow", "within ±3.4e+38, got an integer too large"),
    ],
)
def test_read_of_a_wrong_number_is_refused(
    contract: Contract, value: object, reason: str, text: str
) -> None:
    error = refusal(contract, (1.0, value))
    assert str(error).startswith("row 0, field 'income': expected a number or null")
    assert str(error).endswith(text)
    assert error.counts == {("income", reason): 1}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "expected text or null, got the number 1; send its text"),
        (False, "expected text or null, got the boolean false; send its text"),
        (["a"], "expected text or null, got a list of 1"),
        (b"\xff", "expected text or null, got bytes that are no UTF-8"),
    ],
)
def test_read_of_a_wrong_category_is_refused(contract: Contract, value: object, text: str) -> None:
    error = refusal(contract, (1.0, 1.0), (value, "basic"))
    assert str(error) == f"row 0, field 'city': {text}"
    assert error.counts == {("city", "type"): 1}


@pytest.mark.parametrize("value", [None, math.nan])
def test_read_of_null_where_none_is_allowed_is_refused(contract: Contract, value: object) -> None:
    error = refusal(contract, (value, 1.0))
    assert str(error) == "row 0, field 'age': expected a number, got null"
    assert error.counts == {("age", "null"): 1}


@pytest.mark.parametrize("value", [None, ""])
def test_read_of_a_missing_category_where_none_is_allowed_is_refused(
    contract: Contract, value: object
) -> None:
    error = refusal(contract, (1.0, 1.0), ("Bern", value))
    assert str(error).startswith("row 0, field 'plan': expected text, got ")
    assert error.counts == {("plan", "null"): 1}


def test_read_of_many_problems_says_twenty_and_counts_all(contract: Contract) -> None:
    with pytest.raises(RefusalError) as caught:
        contract.read([("x", "y")] * 50, [GOOD] * 50)
    assert str(caught.value).startswith("100 problems: row 0, field 'age'")
    assert str(caught.value).endswith("; and 80 more")
    assert str(caught.value).count("expected") == 20
    assert caught.value.counts == {("age", "type"): 50, ("income", "type"): 50}


def test_read_of_a_huge_text_is_cut_in_the_message(contract: Contract) -> None:
    assert len(str(refusal(contract, ("9" * 100_000, 1.0)))) < 200


def test_unknown_of_a_misspelt_name_names_the_nearest(contract: Contract) -> None:
    assert contract.unknown("incom") == "unknown field 'incom'; did you mean 'income'?"
    assert contract.unknown("zzz") == "unknown field 'zzz'"


def test_split_of_columns_keeps_the_signature_order(contract: Contract) -> None:
    columns = {"plan": ["a", "b"], "city": ["c", "d"], "income": [3, 4], "age": [1, 2]}
    numbers, strings = split(contract, columns, 2)  # type: ignore[arg-type]
    assert numbers == [(1, 3), (2, 4)]
    assert strings == [("c", "a"), ("d", "b")]


DATED = Signature(
    inputs=(
        Feature(name="fare", dtype="float32"),
        Feature(name="paid", dtype="string", boolean=True, categories=("false", "true")),
        Feature(
            name="pickup",
            dtype="date",
            formats=("%Y-%m-%d %H:%M",),
            parts=("hour",),
            missing=("unknown",),
        ),
        Feature(name="due", dtype="date", nullable=False, formats=("unix_s",), parts=("age_days",)),
    ),
    outputs=(Output(name="prediction", dtype="float64"),),
    clock="pickup",
)


def test_read_of_dates_gives_the_tensors_of_training() -> None:
    contract = Contract(DATED)
    texts = [("Yes", "2024-03-05 06:30", "1709618400"), (None, " unknown ", 1709618400)]
    rows = contract.read([(7.5,), (None,)], texts)
    expected, strings = tensors(
        DATED,
        [
            {"fare": 7.5, "paid": "true", "pickup": "2024-03-05 06:30", "due": "1709618400"},
            {"fare": None, "paid": None, "pickup": None, "due": "1709618400"},
        ],
    )
    np.testing.assert_array_equal(rows.numbers, expected)
    assert rows.numbers.dtype == np.float32
    assert rows.strings.tolist() == strings.tolist() == [["true"], [""]]
    assert rows.dates.tolist() == [["2024-03-05 06:30", "1709618400"], ["", "1709618400"]]


@pytest.mark.parametrize("value", ["Yes", "on", "1", " TRUE ", True, b"t"])
def test_read_of_a_truth_value_in_any_spelling_is_true(value: object) -> None:
    rows = Contract(DATED).read([(1.0,)], [(value, None, "0")])
    assert rows.strings.tolist() == [["true"]]


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (("maybe", None, "0"), "field 'paid': expected true or false or null, got the text"),
        ((None, "05.03.2024", "0"), "field 'pickup': expected a date such as %Y-%m-%d %H:%M or "),
        ((None, None, None), "field 'due': expected a date such as unix_s, got null"),
        ((None, 5, "0"), "field 'pickup': expected a date such as %Y-%m-%d %H:%M or null, got"),
        ((None, None, True), "field 'due': expected a date such as unix_s, got the boolean true"),
    ],
)
def test_read_of_no_truth_value_or_date_is_refused(texts: tuple[object, ...], said: str) -> None:
    with pytest.raises(RefusalError) as caught:
        Contract(DATED).read([(1.0,)], [texts])
    assert said in str(caught.value)


def test_split_puts_dates_behind_strings() -> None:
    columns = {"due": ["0"], "pickup": [None], "paid": ["no"], "fare": [1.0]}
    numbers, texts = split(Contract(DATED), columns, 1)
    assert (numbers, texts) == ([(1.0,)], [("no", None, "0")])
