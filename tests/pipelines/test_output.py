"""Standard output that fails, or shows few letters: one sentence, or another mark."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.kubeflow_api import running
from tests.pipelines.laptop import SPEC, Laptop

SERVED = ("--storage-uri", "s3://mlpipeline/bundle", "--version", "3")
# Buffered as a user's, and not, as in an image whose PYTHONUNBUFFERED is set.
BUFFERING = ({"PYTHONUNBUFFERED": ""}, {"PYTHONUNBUFFERED": "1"})
COMMANDS = (
    ("--version",),
    ("--help",),
    ("schema",),
    ("compile",),
    ("render", "spec.yaml", *SERVED),
    ("init", "rows.csv", "--target", "returned"),
)
CLUSTER, DEMONSTRATION = "pipelines.cluster", "pipelines.demonstration"
# What make calls.
PROGRAMS = (
    (CLUSTER, "--help"),
    (CLUSTER, "steps"),
    (CLUSTER, "up", "--print"),
    (DEMONSTRATION, "--help"),
    (DEMONSTRATION, "--history", "200", "--window", "200"),
)


def ended(
    folder: Path, stdout: int, *arguments: str, module: str = "pipelines.cli", **variables: str
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-P", "-m", module, *arguments],
        cwd=folder,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, **variables},
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("variables", BUFFERING, ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda words: words[0].strip("-"))
def test_output_on_a_full_disk_is_status_1_and_a_sentence(
    laptop: Laptop, arguments: tuple[str, ...], variables: dict[str, str]
) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        done = ended(laptop.folder, full, *arguments, **variables)
    finally:
        os.close(full)
    said = b"kubeloop: standard output cannot be written: No space left on device; "
    assert (done.returncode, done.stderr) == (1, said + b"the command stopped there\n")


@pytest.mark.parametrize("variables", BUFFERING, ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("words", PROGRAMS, ids=lambda words: "-".join(words).replace("--", ""))
def test_program_on_a_full_disk_is_status_1_and_a_sentence(
    tmp_path: Path, words: tuple[str, ...], variables: dict[str, str]
) -> None:
    module, *arguments = words
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        done = ended(tmp_path, full, *arguments, module=module, **variables)
    finally:
        os.close(full)
    said = b"error: standard output cannot be written: No space left on device; "
    assert (done.returncode, done.stderr) == (1, said + b"the command stopped there\n")


@pytest.mark.parametrize("variables", BUFFERING, ids=["buffered", "unbuffered"])
def test_output_that_nobody_reads_is_status_1_and_a_sentence(
    laptop: Laptop, variables: dict[str, str]
) -> None:
    read, written = os.pipe()
    os.close(read)
    try:
        done = ended(laptop.folder, written, "schema", **variables)
    finally:
        os.close(written)
    said = b"kubeloop: standard output cannot be written: nobody reads it any more; "
    assert (done.returncode, done.stderr) == (1, said + b"the command stopped there\n")


@pytest.mark.parametrize("words", ["pipelines.cli schema", f"{CLUSTER} steps"])
def test_output_and_errors_on_a_full_disk_are_status_1(laptop: Laptop, words: str) -> None:
    command = f"{sys.executable} -P -m {words} >/dev/full 2>&1"
    done = subprocess.run(["/bin/sh", "-c", command], cwd=laptop.folder, check=False)
    assert done.returncode == 1


def test_output_that_was_never_opened_fails_nobody(laptop: Laptop) -> None:
    command = f"{sys.executable} -P -m pipelines.cli schema >&-"
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=laptop.folder, stderr=subprocess.PIPE, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", b"?"), ("ascii:backslashreplace", b"\\u2026"), ("utf-8", "…".encode())],
    ids=["ascii", "own", "utf-8"],
)
def test_mark_that_a_terminal_has_not_is_replaced(
    laptop: Laptop, encoding: str, shown: bytes
) -> None:
    for api in running(empty=True):
        arguments = ("schedule", "--list", "--host", api.address)
        done = ended(laptop.folder, subprocess.PIPE, *arguments, PYTHONIOENCODING=encoding)
    expected = b"no schedule is there; kubeloop schedule SPEC --cron " + shown + b" makes one\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, b"")


def test_mark_of_the_demonstration_that_a_terminal_has_not_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "größe").mkdir()
    (tmp_path / "größe" / "kept").touch()
    arguments = ("--folder", "größe")
    done = ended(
        tmp_path,
        subprocess.PIPE,
        *arguments,
        module=DEMONSTRATION,
        PYTHONIOENCODING="ascii",
        PYTHONUTF8="1",
    )
    expected = b"error: 'gr??e' holds something else: name another folder\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, expected, b"")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_document_is_utf_8_whatever_the_terminal_shows(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "rows.csv").write_text(
        "größe,ж\n" + "".join(f"{n},{'yes' if n % 3 else 'no'}\n" for n in range(60)),
        encoding="utf-8",
    )
    arguments = ("init", "rows.csv", "--target", "ж")
    done = ended(tmp_path, subprocess.PIPE, *arguments, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert yaml.safe_load(done.stdout.decode("utf-8"))["target"] == "ж"
    spec = SPEC.replace("returned", "größe")
    (tmp_path / "spec.yaml").write_text(spec, encoding="utf-8")
    rendered = ended(
        tmp_path,
        subprocess.PIPE,
        *("render", "spec.yaml", *SERVED, "--monitor", "http://monitor:9091"),
        PYTHONIOENCODING=encoding,
    )
    assert (rendered.returncode, rendered.stderr) == (0, b"")
    assert yaml.safe_load(rendered.stdout.decode("utf-8"))["kind"] == "InferenceService"
