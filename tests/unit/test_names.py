import pytest

from components.names import is_dns_label, is_dns_subdomain, is_image

SHA256 = f"sha256:{'0f' * 32}"


@pytest.mark.parametrize("name", ["a", "0", "team-a", "a--b", "9" * 63], ids=len)
def test_is_dns_label_of_a_dns_label_is_true(name: str) -> None:
    assert is_dns_label(name)
    assert is_dns_subdomain(name)


@pytest.mark.parametrize(
    "name",
    ["", "-", "-a", "a-", "A", "a_b", "a b", "a\n", "ä", "٣", "a.b", "a" * 64],
    ids=[
        *("none", "dash", "first", "last", "capital", "underscore", "blank", "line", "letter"),
        *("digit", "dot", "long"),
    ],
)
def test_is_dns_label_of_what_is_none_is_false(name: str) -> None:
    assert not is_dns_label(name)


@pytest.mark.parametrize("name", ["a.b", "pipeline-runner.v1", f"{'a' * 249}.b.c"], ids=len)
def test_is_subdomain_of_labels_with_dots_is_true(name: str) -> None:
    assert is_dns_subdomain(name)


@pytest.mark.parametrize(
    "name",
    ["", ".", "a.", ".a", "a..b", "a.-b", "A.b", "a.b\n", f"{'a' * 250}.b.c"],
    ids=["none", "dot", "last", "first", "empty", "dash", "capital", "line", "long"],
)
def test_is_subdomain_of_what_is_none_is_false(name: str) -> None:
    assert not is_dns_subdomain(name)


@pytest.mark.parametrize(
    "reference",
    [
        "a",
        "kubeloop/pipeline:0.1.0",
        "localhost:5000/a",
        "Registry.example.org:443/team/a__b/c-d.e/f---g_h:v1_2",
        f"[::1]:5000/a@{SHA256}",
        f"a:1@{SHA256}",
        f"a@sha512:{'a' * 128}",
        f"a:_{'-' * 127}",
        f"{'h' * 63}.example.org/{'a' * 255}",
        "Host/a",
        "192.168.0.1:5000/a",
    ],
    ids=[
        *("name", "tag", "port", "deep", "digest", "both", "sha512", "longest-tag", "longest"),
        *("host", "ipv4"),
    ],
)
def test_is_image_of_what_a_runtime_pulls_is_true(reference: str) -> None:
    assert is_image(reference)


@pytest.mark.parametrize(
    "reference",
    [
        *("", "a b", "A", "a/B", "a:", "a:-1", "a:.1", f"a:{'t' * 129}", "a//b", "a/", "/a"),
        *("a._b", "a___b", "-a", "a-", "https://a/b", "a/b\n", "ä", "host:port/a", "host:/a"),
        *("a@sha256:1", f"a@sha256:{'0' * 63}", f"a@sha256:{'F' * 64}", f"a@md5:{'0' * 32}"),
        *(f"@{SHA256}", f"a@{SHA256}:1", "[::1%eth0]/a", "user:pw@host/a", "a" * 256),
        f"{'h' * 800}.org/a",
    ],
    ids=[
        *("none", "blank", "capital", "later-capital", "no-tag", "dash-tag", "dot-tag", "long-tag"),
        *("empty", "last-slash", "first-slash", "two-separators", "three-underscores"),
        *("first-dash", "last-dash", "scheme", "line", "letter", "port-word", "no-port"),
        *("short-digest", "digest-63", "digest-capital", "digest-md5", "digest-alone"),
        *("digest-first", "zone", "user", "long-path", "long"),
    ],
)
def test_is_image_of_what_none_pulls_is_false(reference: str) -> None:
    assert not is_image(reference)


@pytest.mark.parametrize("reference", ["a" * 799 + "!", "a-" * 399, "a." * 399], ids=[*"abc"])
def test_is_image_of_a_hostile_text_ends(reference: str) -> None:
    assert not is_image(reference)
