"""The pins: everything is known by its hash, and an image holds what development tests."""

import re
from pathlib import Path

import pytest

from tests.containers.pins import LOCKS, names, pins

PINNED = re.compile(r"[\w.\[\],-]+==\S+( ; .+)? \\\n    --hash=sha256:[0-9a-f]{64}")
OF_IMAGES = ("monitor", "pipeline", "serve", "serve-skops")


@pytest.mark.parametrize("lock", sorted(LOCKS.glob("*.txt")), ids=lambda p: p.stem)
def test_lock_has_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    entries = re.findall(r"^\w.*\n(?:[ #].*\n)*", text, re.MULTILINE)
    assert entries
    assert [entry for entry in entries if not PINNED.match(entry)] == []


def test_locks_of_images_are_parts_of_development() -> None:
    everything = pins("development")
    assert {image: pins(image) - everything for image in OF_IMAGES} == dict.fromkeys(
        OF_IMAGES, set()
    )


def test_lock_of_second_tag_adds_to_the_first() -> None:
    added = names("serve-skops") - names("serve")
    assert pins("serve") <= pins("serve-skops")
    assert added >= {"scikit-learn", "skops"}
    assert added.isdisjoint({"kfp", "mlflow", "polars"})


def test_lock_of_serve_holds_nothing_that_trains() -> None:
    assert names("serve").isdisjoint({"kfp", "scikit-learn", "mlflow", "polars", "skops", "optuna"})
    assert names("monitor").isdisjoint({"kfp", "kserve", "onnxruntime", "scikit-learn", "mlflow"})


def test_lock_of_installer_builds_what_the_locks_pin() -> None:
    assert "setuptools" in names("installer")
    assert pins("installer") - pins("development") == {
        pin for pin in pins("installer") if pin.startswith("uv==")
    }
