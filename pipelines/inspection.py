"""What a model bundle says about itself, once it has been verified: `kubeloop inspect`."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from components import bundle
from components.bundle import Manifest
from components.seal import MANIFEST, plain
from components.signature import Feature
from pipelines.screen import open_console


def inspect_bundle(folder: Path, *, as_json: bool) -> None:
    """Prints a bundle.

    Args:
        folder: the bundle's.
        as_json: whether to print the manifest alone, as it is written.

    Raises:
        BundleError: a file is missing, altered or not in the manifest, all of them named; nothing
            is printed.
    """
    manifest = bundle.read(folder, alone=True)
    if as_json:
        print((folder / MANIFEST).read_text(encoding="utf-8"), end="")
        return
    console = open_console()
    console.print(
        Text.assemble((plain(manifest.name), "bold"), f"  {manifest.task}, {manifest.runtime}")
    )
    console.print(_inputs(manifest.signature.inputs))
    console.print(
        _table(["output", "dtype"], [(o.name, o.dtype) for o in manifest.signature.outputs])
    )
    _facts(console, _answers(manifest))
    if manifest.metrics:
        console.print(_metrics(manifest))
    _facts(console, _lineage(manifest))
    console.print(_files(folder, manifest))
    console.print(Text(f"verified: {len(manifest.files)} files match their digests"))


def _inputs(features: Iterable[Feature]) -> Table:
    rows = [
        (
            feature.name,
            "boolean" if feature.boolean else feature.dtype,
            "yes" if feature.nullable else "no",
            "" if feature.categories is None else str(len(feature.categories)),
            " ".join(map(repr, feature.missing)),
            " ".join(feature.formats),
        )
        for feature in features
    ]
    return _table(["input", "dtype", "nullable", "categories", "missing", "formats"], rows)


def _answers(manifest: Manifest) -> list[tuple[str, str]]:
    facts = []
    if manifest.classes is not None:
        facts.append(("classes", ", ".join(map(repr, manifest.classes))))
    if manifest.threshold is not None:
        facts.append(("threshold", str(manifest.threshold)))
    if manifest.signature.ignored:
        facts.append(("ignored", ", ".join(manifest.signature.ignored)))
    return facts


def _metrics(manifest: Manifest) -> Table:
    rows = [
        (part, name, *(f"{number:.4f}" for number in (found.value, found.low, found.high)))
        for part, metrics in manifest.metrics.items()
        for name, found in metrics.items()
    ]
    return _table(["part", "metric", "value", "low", "high"], rows)


def _lineage(manifest: Manifest) -> list[tuple[str, str]]:
    data = manifest.data
    libraries = (f"{name} {version}" for name, version in sorted(manifest.libraries.items()))
    facts = [
        ("run", manifest.run_id),
        ("trained", manifest.trained_at),
        ("revision", manifest.revision),
        ("data", f"{data.rows:,} rows, {data.columns:,} columns, {data.fingerprint}"),
    ]
    if fresh := data.fresh:
        asked = f", labelled from {fresh.since} to before {fresh.until}" if fresh.since else ""
        told = f"predicted from {fresh.first} to {fresh.last}{asked}"
        facts.append(("fresh", f"{fresh.rows:,} of the rows, {told}"))
    return [*facts, ("libraries", ", ".join(libraries))]


def _files(folder: Path, manifest: Manifest) -> Table:
    rows = [
        (name, f"{(folder / name).stat().st_size:,}", digest)
        for name, digest in sorted(manifest.files.items())
    ]
    return _table(["file", "bytes", "sha256"], rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table whose cells are texts, because names may look like markup, or steer a terminal."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in header:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    return table


def _facts(console: Console, facts: Iterable[tuple[str, str]]) -> None:
    for label, said in facts:
        console.print(Text(f"{label:<10} {plain(said)}"))
