"""One user's folder for all tests of a module."""

import pytest

from tests.pipelines.laptop import SPEC, Laptop, make_rows


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Laptop:
    folder = tmp_path_factory.mktemp("laptop")
    make_rows().write_csv(folder / "rows.csv")
    (folder / "spec.yaml").write_text(SPEC, encoding="utf-8")
    return Laptop(folder)
