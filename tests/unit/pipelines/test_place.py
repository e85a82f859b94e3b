import pytest

from components.errors import SpecError
from pipelines.kubeflow.place import PAGES, Place, find_place

HOST = "http://localhost:8888"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("", ""),
        ("https://kubeflow.example.org", "https://kubeflow.example.org"),
        ("https://kubeflow.example.org/pipeline/", "https://kubeflow.example.org/pipeline"),
    ],
    ids=["none", "host", "path"],
)
def test_find_place_takes_the_address_of_the_pages_from_the_environment(
    value: str, found: str
) -> None:
    assert find_place(HOST, "", None, {PAGES: value}) == Place(HOST, pages=found)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("kubeflow.example.org", "'kubeflow.example.org': it begins with neither http:// nor"),
        ("http://a b", "'http://a b': it holds blanks"),
        (" ", "' ': it holds blanks"),
        ("https://", "'https://': it names no host"),
        ("https://h:port", "'https://h:port': its host or its port"),
        ("https://u:secretpw@h/pipeline", "'https://***@h/pipeline': it must hold no user"),
        ("https://u:secr/etpw@h", "'https://***@h': it must hold no user"),
        ("https://h/?token=secretpw", "'https://h/?***': it must hold no query"),
        ("https://h/#/runs", "'https://h/#***': it must hold no query and no fragment"),
    ],
    ids=["scheme", "blank", "only", "host", "port", "password", "slash", "query", "fragment"],
)
def test_find_place_refuses_pages_that_no_link_could_lead_to(value: str, said: str) -> None:
    with pytest.raises(SpecError) as raised:
        find_place(HOST, "", None, {PAGES: value})
    assert str(raised.value).startswith(f"{PAGES} {said}")
    assert str(raised.value).endswith("such as https://HOST/pipeline, or unset it")
    assert "etpw" not in str(raised.value)
    assert "\n" not in str(raised.value)
