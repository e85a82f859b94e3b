import os
from pathlib import Path

import pytest

from components.errors import SpecError
from components.spec import SpecProblemsError, load, parse
from components.spec.document import MAX_BYTES, plain, read_document

REQUIRED = "name: churn\ntask: binary\nsource: a.csv\ntarget: Churn\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Yes", "Yes"),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("007", "007"),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("2026-11-20", "2026-11-20"),
        ("0x1F", "0x1F"),
        ("-.inf", float("-inf")),
    ],
)
def test_plain_scalar_reads_as_yaml_1_2(text: str, value: object) -> None:
    read = plain(text)
    assert read == value
    assert type(read) is type(value)


def test_read_document_keys_keep_their_text() -> None:
    document, problems = read_document("on: 1\nNo: 2\n2020: 3\nnull: 4\n007: 5\n", "s.yaml")
    assert document == {"on": 1, "No": 2, "2020": 3, "null": 4, "007": 5}
    assert problems == []


def test_read_document_quoted_number_stays_text() -> None:
    document, _ = read_document("a: \"1\"\nb: '2'\nc: |\n  3\n", "s.yaml")
    assert document == {"a": "1", "b": "2", "c": "3\n"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a:\n\tb: 1\n",
            "line 2, column 1: got '\\tb: 1', expected YAML; a tab cannot indent: use spaces",
        ),
        ("source: *.csv\n", "quote a text that starts with a special character"),
        ("target: @home\n", "line 1, column 9: got 'target: @home', expected YAML; quote a text"),
        ("a: b: c\n", "line 1, column 5: got 'a: b: c', expected YAML; "),
        ("a: [1, 2\n", "expected YAML; did not find"),
        ("a: 1\nb: \x01\n", "line 2, column 4: got 'b: \\x01', expected YAML; a control character"),
        ("", "the document: got None, expected keys and values, such as 'name: churn'; the docu"),
        ("# nothing but a comment\n", "the document is empty"),
        ("- name\n- task\n", "the document: got ['name', 'task'], expected keys and values"),
        ("just text", "the document: got 'just text', expected keys and values"),
        ("[" * 200_000, ": missing, expected at most 20 levels of nesting"),
        ("{a: " * 200_000, ": missing, expected at most 20 levels of nesting"),
        ("#" * (MAX_BYTES + 1), "the document: got '1048577 characters', expected at most 1048576"),
    ],
)
def test_parse_text_that_is_no_mapping_is_refused(text: str, message: str) -> None:
    with pytest.raises(SpecProblemsError) as refused:
        parse(text)
    assert message in str(refused.value)
    assert len(refused.value.problems) == 1


@pytest.mark.parametrize(
    ("extra", "line"),
    [
        ("name: other\n", "name: got 'other', expected the key once; line 5 repeats line 1"),
        (
            "columns:\n  a: {type: number,\n    type: date}\n",
            "columns.a.type: got 'date', expected the key once; line 7 repeats line 6",
        ),
        (
            "drop: &names [a]\nid: *names\n",
            "id: got '*names', expected no YAML alias; line 6: write the value out, or quote a "
            "text that starts with '*'",
        ),
        (
            "positive: !!python/name:os.system x\n",
            "positive: got 'tag:yaml.org,2002:python/name:os.system', expected no YAML tag; "
            "line 5: remove it",
        ),
        ("---\nname: b\n", "the document: got '2 documents', expected one; remove the '---'"),
        ("? [a, b]\n: 1\n", "?: got ['a', 'b'], expected a key; line 5: a key is text"),
    ],
)
def test_parse_surprising_yaml_is_refused_with_its_line(extra: str, line: str) -> None:
    with pytest.raises(SpecProblemsError) as refused:
        parse(REQUIRED + extra)
    assert str(refused.value) == f"the spec has 1 problem:\n  {line}"


def test_parse_alias_bomb_is_refused_without_expanding() -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    with pytest.raises(SpecProblemsError, match="expected no YAML alias") as refused:
        parse(f"{REQUIRED}a0: &a0 x\n{levels}")
    assert sum(problem.expected == "no YAML alias" for problem in refused.value.problems) == 99


def test_load_byte_order_mark_and_crlf_are_read(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + REQUIRED.replace("\n", "\r\n").encode())
    assert load(file).name == "churn"


def test_load_problems_name_the_file(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(f"{REQUIRED}drop: x\nid: [1]\n")
    with pytest.raises(SpecProblemsError) as refused:
        load(file)
    assert str(refused.value).startswith(f"{file} has 2 problems:\n  id: got [1], ")


def test_load_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"the spec '.*/none.yaml' does not exist, expected a YAML"):
        load(tmp_path / "none.yaml")


def test_load_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="is a directory, expected a YAML file; name the file in"):
        load(tmp_path)


def test_load_named_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(SpecError, match="is no regular file, expected a YAML file"):
        load(pipe)


def test_load_symlink_loop_is_refused(tmp_path: Path) -> None:
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    with pytest.raises(SpecError, match="cannot be read: Too many levels of symbolic links"):
        load(loop)


def test_load_impossible_path_is_refused() -> None:
    with pytest.raises(SpecError, match="cannot be read: embedded null byte"):
        load(Path("a\x00b"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_load_unreadable_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(REQUIRED)
    file.chmod(0)
    with pytest.raises(SpecError, match="cannot be read: Permission denied"):
        load(file)


def test_load_other_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_bytes(f"{REQUIRED}# caf\xe9\n".encode("latin-1"))
    with pytest.raises(SpecError, match="is not UTF-8: byte 0xe9 in line 5; save it as UTF-8"):
        load(file)


def test_load_large_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_bytes(b"a" * (MAX_BYTES + 1))
    with pytest.raises(SpecError, match="is larger than 1048576 bytes; is it the data, not the"):
        load(file)
