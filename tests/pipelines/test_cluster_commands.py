"""`kubeloop compile` and `kubeloop render` as a user calls them before `kubectl apply`."""

import pytest
import typer
import yaml

from pipelines.cluster_names import check_image
from tests.pipelines.laptop import Laptop

SERVED = ("--storage-uri", "s3://mlpipeline/bundle", "--version", "3")


def test_render_writes_yaml_alone_to_standard_output(laptop: Laptop) -> None:
    done = laptop.run("render", "spec.yaml", *SERVED, "--set", "serve.replicas.max=9")
    assert (done.returncode, done.stderr) == (0, "")
    (service,) = yaml.safe_load_all(done.stdout)
    assert (service["kind"], service["metadata"]["name"]) == ("InferenceService", "visits")
    assert service["spec"]["predictor"]["maxReplicas"] == 9
    assert service["metadata"]["namespace"] == "kubeloop"


def test_render_writes_the_file_that_was_named(laptop: Laptop) -> None:
    options = ("--namespace", "models", "--runtime", "skops", "-o", "service.yaml")
    done = laptop.run("render", "spec.yaml", *SERVED, *options)
    assert (done.returncode, done.stdout) == (0, "wrote service.yaml\n")
    service = yaml.safe_load((laptop.folder / "service.yaml").read_text())
    assert service["metadata"]["namespace"] == "models"
    assert service["spec"]["predictor"]["model"]["runtime"] == "kubeloop-skops"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "what of 'visits' is to be served is not known: --storage-uri and --version missing"),
        (("--storage-uri", "bundle", "--version", "1"), "no predictor can read the bundle at"),
        ((*SERVED, "--runtime", "pickle"), "Invalid value for '--runtime'"),
        ((*SERVED, "--version", "0"), "Invalid value for '--version'"),
        ((*SERVED, "-o", "gone/s.yaml"), "cannot write 'gone/s.yaml'"),
        ((*SERVED, "--namespace", 44 * "n"), "a namespace of at most 43 characters"),
    ],
    ids=["nothing", "path", "runtime", "version", "output", "long"],
)
def test_render_that_could_not_be_applied_is_status_2_and_prints_no_yaml(
    laptop: Laptop, arguments: tuple[str, ...], said: str
) -> None:
    done = laptop.run("render", "spec.yaml", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_render_without_the_registry_is_status_1(laptop: Laptop) -> None:
    done = laptop.run("render", "spec.yaml", "--registry", "http://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the registry 'http://127.0.0.1:1' failed" in done.stderr


@pytest.mark.parametrize("pipeline", ["training", "scoring"])
def test_compile_native_writes_what_kubectl_applies(laptop: Laptop, pipeline: str) -> None:
    done = laptop.run("compile", "--native", "--pipeline", pipeline, "--namespace", "team-a")
    assert (done.returncode, done.stderr) == (0, "")
    found = list(yaml.safe_load_all(done.stdout))
    assert [document["kind"] for document in found] == ["Pipeline", "PipelineVersion"]
    assert {document["metadata"]["namespace"] for document in found} == {"team-a"}
    again = laptop.run("compile", "--native", "--pipeline", pipeline, "--namespace", "team-a")
    assert again.stdout == done.stdout


def test_compile_writes_the_platform_document_and_the_image(laptop: Laptop) -> None:
    image = "registry.example.org/kubeloop/pipeline:0.1.0"
    done = laptop.run("compile", "--image", image, "-o", "training.yaml")
    assert (done.returncode, done.stdout) == (0, "wrote training.yaml\n")
    ir, platform = yaml.safe_load_all((laptop.folder / "training.yaml").read_text())
    executors = ir["deploymentSpec"]["executors"].values()
    assert {executor["container"]["image"] for executor in executors} == {image}
    assert platform["platforms"].keys() == {"kubernetes"}


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("compile", "--native", "--namespace", "Bad NS"), "--namespace"),
        (("compile", "--image", "a b"), "--image"),
        (("compile", "--image", "registry.example.org/Kubeloop:1"), "--image"),
        (("render", "spec.yaml", *SERVED, "--namespace", "Bad NS"), "--namespace"),
    ],
    ids=["compile-namespace", "compile-image", "compile-capital", "render-namespace"],
)
def test_names_that_no_cluster_takes_are_status_2(
    laptop: Laptop, arguments: tuple[str, ...], option: str
) -> None:
    done = laptop.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Invalid value for '{option}'" in done.stderr


DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "kubeloop/pipeline:0.1.0",
        "localhost:5000/a",
        "Registry.example.org:443/team/a__b/c-d.e:v1_2",
        f"[::1]:5000/a@{DIGEST}",
        f"a:1@{DIGEST}",
    ],
    ids=["none", "tag", "port", "deep", "digest", "both"],
)
def test_image_that_a_node_could_pull_is_taken(reference: str) -> None:
    assert check_image(reference) == reference


@pytest.mark.parametrize(
    "reference",
    ["a b", "A", "a:", "a@sha256:1", "https://a/b", "a/b\n", "user:secretpw@host/a"],
    ids=["space", "capital", "tag", "digest", "scheme", "line", "password"],
)
def test_image_that_no_node_could_pull_is_refused(reference: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no image") as raised:
        check_image(reference)
    assert "secretpw" not in str(raised.value)
