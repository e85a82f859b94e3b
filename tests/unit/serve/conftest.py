"""One small fitted bundle a task, made once for all tests of `serve`."""

import pytest

from components.serve.runtime import Model, open_model
from tests.bundles import Fitted, build


@pytest.fixture(scope="session")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return build(tmp_path_factory.mktemp("bundles") / "binary", "binary")


@pytest.fixture(scope="session")
def multiclass(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return build(tmp_path_factory.mktemp("bundles") / "multiclass", "multiclass", name="wine")


@pytest.fixture(scope="session")
def regression(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return build(tmp_path_factory.mktemp("bundles") / "regression", "regression", name="fares")


@pytest.fixture
def model(binary: Fitted) -> Model:
    return open_model(binary.folder, 3)
