import logging
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError
from components.ingest.delimited import scan_delimited
from components.spec import Csv

TABLES = {
    "german": "name,stadt\nMüller,Köln\nJäger,Düsseldorf\nWeiß,Nürnberg\nGroß,Würzburg\n",
    "french": "nom,ville\nHélène,Orléans\nFrançois,Nîmes\nZoë,Besançon\nJérôme,Sète\n",
    "spanish": "nombre,ciudad\nMuñoz,Málaga\nMaría Peña,Cádiz\nRamón,León\n",
    "swedish": "namn,stad\nÅsa,Malmö\nBjörn,Västerås\nGöran,Örebro\n",
    "signs": "name,price\nMüller’s,3 €\nGroß – Köln,“4” €\n",
    "czech": "jméno,město\nJiří Dvořák,Plzeň\nŽofie Černá,Česká Třebová\nBožena,Děčín\n",
    "polish": "imię,miasto\nMałgorzata,Łódź\nStanisław,Kraków\nŻaneta,Gdańsk\n",
    "hungarian": "név,város\nÁgnes,Győr\nGyörgy,Szűcsi\nÖdön,Kőszeg\n",
    "russian": "имя,город\nИван,Москва\nМария,Казань\n",
    "greek": "όνομα,πόλη\nΓιώργος,Αθήνα\n",
    "turkish": "ad,şehir\nIşıl,İzmir\nÇağrı,Muğla\nGüneş,Eskişehir\n",
    "japanese": "名前,都市\n田中,東京\n鈴木,大阪\n",
    "short": "a,y\né,1\n",
}


def read(folder: Path, content: bytes, encoding: str | None = None) -> list[tuple[Any, ...]]:
    (folder / "t.csv").write_bytes(content)
    (folder / "scratch").mkdir(exist_ok=True)
    csv = Csv(encoding=encoding)
    rows, _, _ = scan_delimited("t.csv", folder / "t.csv", csv, folder / "scratch")
    table = rows.collect()
    return [tuple(table.columns), *table.rows()]


def rows_of(text: str) -> list[tuple[str, ...]]:
    return [tuple(line.split(",")) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("table", "encoding"),
    [
        ("german", "cp1252"),
        ("german", "latin-1"),
        ("french", "cp1252"),
        ("spanish", "latin-1"),
        ("swedish", "latin-1"),
        ("signs", "cp1252"),
    ],
)
def test_scan_western_text_is_found_out_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, table: str, encoding: str
) -> None:
    with caplog.at_level(logging.WARNING):
        assert read(tmp_path, TABLES[table].encode(encoding)) == rows_of(TABLES[table])
    assert (
        "source 't.csv' is not UTF-8: read as cp1252; set csv.encoding if it is not" in caplog.text
    )


@pytest.mark.parametrize(
    ("table", "encoding"),
    [
        ("german", "mac_roman"),
        ("german", "cp850"),
        ("french", "mac_roman"),
        ("czech", "cp1250"),
        ("czech", "iso8859_2"),
        ("polish", "cp1250"),
        ("polish", "iso8859_2"),
        ("hungarian", "cp1250"),
        ("russian", "cp1251"),
        ("russian", "koi8_r"),
        ("greek", "cp1253"),
        ("turkish", "cp1254"),
        ("japanese", "shift_jis"),
        ("japanese", "euc_jp"),
        ("short", "latin-1"),
    ],
)
def test_scan_text_that_could_be_several_is_refused_until_told(
    tmp_path: Path, table: str, encoding: str
) -> None:
    content = TABLES[table].encode(encoding)
    with pytest.raises(DataError, match=r"is not UTF-8.*what it is cannot be told: set csv\.enc"):
        read(tmp_path, content)
    assert read(tmp_path, content, encoding) == rows_of(TABLES[table])


def test_scan_pieces_that_cut_characters_are_whole_again(tmp_path: Path) -> None:
    lines = ["a,b", *(f"{'é€😀' * (i % 7)}x,{i}" for i in range(200_000))]
    rows = read(tmp_path, ("\n".join(lines) + "\n").encode("utf-16"))
    assert [f"{a},{b}" for a, b in rows] == lines


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-9", "csv.encoding 'utf-9' is not known"),
        ("base64", "csv.encoding 'base64' is not known"),
        ("utf-8", "line 3 is not in its encoding; set csv.encoding to the right one"),
        ("ascii", "line 3 is not in its encoding"),
        ("cp1252", "holds what is no cp1252 near line 3"),
    ],
)
def test_scan_wrong_encoding_is_refused(tmp_path: Path, encoding: str, said: str) -> None:
    with pytest.raises(DataError) as error:
        read(tmp_path, b"a,b\n1,2\n\x81,3\n", encoding)
    assert said in str(error.value)
