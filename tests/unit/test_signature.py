import numpy as np

from components.signature import Feature, Output, Signature, tensors

SIGNATURE = Signature(
    inputs=(
        Feature(name="fare", dtype="float32"),
        Feature(name="zone", dtype="string"),
        Feature(name="pickup", dtype="date", formats=("%Y-%m-%d %H:%M",), parts=("hour",)),
        Feature(name="booked", dtype="date", formats=("%d.%m.%Y",), parts=("age_days", "month")),
    ),
    outputs=(Output(name="prediction", dtype="float64"),),
    clock="pickup",
)


def test_number_columns_are_numbers_then_parts_of_dates() -> None:
    assert SIGNATURE.number_columns == (
        "fare",
        "pickup.hour",
        "booked.age_days",
        "booked.month",
    )


def test_tensors_of_rows_with_dates_hold_their_parts() -> None:
    rows = [
        {"fare": 7.5, "zone": "A", "pickup": "2024-03-05 06:30", "booked": "4.3.2024"},
        {"fare": None, "zone": None, "pickup": None, "booked": "4.3.2024"},
    ]
    numbers, strings = tensors(SIGNATURE, rows)
    assert numbers.dtype == np.float32
    assert numbers[0].tolist() == [7.5, 6.5, np.float32(1 + 6.5 / 24), 3.0]
    assert np.isnan(numbers[1, :3]).all()
    assert numbers[1, 3] == 3.0
    assert strings.tolist() == [["A"], [""]]
