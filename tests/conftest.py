"""Options of the test run, and what every test may use."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the golden IR again, then compare"
    )
    parser.addoption("--docker", action="store_true", help="run the tests that need Docker")
    parser.addoption("--cluster", action="store_true", help="run the tests that need a cluster")
