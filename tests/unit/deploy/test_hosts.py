"""Names that KServe can make no host of, refused before anything is made."""

import pytest

from components.deploy.hosts import check_names, variant_name
from components.errors import SpecError
from components.spec.values import MAX_NAME


@pytest.mark.parametrize(
    ("name", "namespace", "version"),
    [
        (40, 6, None),
        (38, 8, None),
        (3, 43, None),
        (40, 9, 9),
        (40, 8, 99),
        (40, 5, 10_000),
    ],
)
def test_names_that_just_fit_are_let_be_and_one_character_more_is_refused(
    name: int, namespace: int, version: int | None
) -> None:
    given = () if version is None else (version,)
    check_names("x" * name, "n" * namespace, *given)
    for more in ((name + 1, namespace), (name, namespace + 1)):
        with pytest.raises(SpecError, match="64 characters are 1 more than the 63"):
            check_names("x" * more[0], "n" * more[1], *given)


def test_names_that_are_too_long_say_how_long_each_may_be() -> None:
    with pytest.raises(SpecError) as refused:
        check_names("x" * 40, "n" * 23)
    assert str(refused.value) == (
        f"model '{'x' * 40}' (40 characters) cannot be served in namespace '{'n' * 23}' (23): "
        f"KServe makes of both the host '{'x' * 40}-v9999-predictor-{'n' * 23}', whose 80 "
        "characters are 17 more than the 63 that a part of a host may have; choose a model name of "
        "at most 23 characters or a namespace of at most 6 characters"
    )


def test_namespace_that_leaves_no_room_is_the_only_thing_to_change() -> None:
    with pytest.raises(SpecError, match="; choose a namespace of at most 6 characters$"):
        check_names("x" * 40, "n" * 63)


def test_label_of_pods_has_room_for_the_longest_name() -> None:
    assert len(f"isvc.{'x' * MAX_NAME}-{variant_name(999_999)}-predictor") == 63


@pytest.mark.parametrize(("stable", "expected"), [("v1", "v2"), ("", "v2"), ("v2", "r2")])
def test_variant_name_is_never_that_of_the_stable_predictor(stable: str, expected: str) -> None:
    assert variant_name(2, stable) == expected
