# SPDX-License-Identifier: Apache-2.0
"""Goal: a list of known contents made from a folder, from what dpkg installed and from sums, as a baseline reads it; what does not belong
in it is left out and named; a million lines stay within the bounds of a baseline's set."""
import gzip
import hashlib
import io
import lzma
import os
import tarfile

import pytest

from conftest import ringfence


def sha(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def host(tmp_path):
    root = tmp_path / "host"
    for path, content in {"opt/tools/run": b"run", "opt/tools/deep/er/x y": b"blank", "usr/bin/true": b"true", "usr/bin/bent": b"bent since",
                          "usr/lib/a.so": b"lib"}.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    os.symlink("/etc/passwd", root / "opt/tools/link")
    os.mkfifo(root / "opt/tools/pipe")
    info = root / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    (root / "var/lib/dpkg/status").write_text(
        "Package: coreutils\nStatus: install ok installed\nArchitecture: amd64\nVersion: 9.1-1\n\n"
        "Package: liba\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 3\n\n")
    md5 = lambda data: hashlib.md5(data).hexdigest()
    (info / "coreutils.md5sums").write_text(f"{md5(b'true')}  usr/bin/true\n{md5(b'bent')}  usr/bin/bent\nnonsense\n{'0' * 32}\n")
    (info / "liba:amd64.md5sums").write_text(f"{md5(b'lib')}  usr/lib/a.so\n{md5(b'x')}  usr/lib/not-there\n")
    return root


def digests(host, out, *sources):
    return ringfence("attest", "digests", *sources, "--from", host, "-o", out)


def test_a_folder(host, tmp_path):
    out = tmp_path / "known.sums"
    r = digests(host, out, "/opt/tools/")
    assert r.code == 0, r.err
    assert sorted(out.read_text().splitlines()) == sorted([f"sha256:{sha(b'run')} /opt/tools/run", f"sha256:{sha(b'blank')} /opt/tools/deep/er/x y"])
    assert "digest-sets: {known: {file: known.sums}}" in r.out
    # The lines that it prints are what a baseline takes.
    baseline = tmp_path / "b.yaml"
    baseline.write_text("baseline: 1\ndigest-sets: {known: {file: known.sums}}\nima: {digests: known}\n")
    assert ringfence("attest", "baseline", "show", baseline).code == 0


def test_what_dpkg_installed(host, tmp_path):
    out = tmp_path / "known.sums"
    r = digests(host, out, "dpkg")
    assert r.code == 2
    assert "/usr/bin/bent: is not what its package brought" in r.err and "/usr/lib/not-there" in r.err
    assert out.read_text().splitlines() == [f"sha256:{sha(b'true')} /usr/bin/true pkg:coreutils=9.1-1", f"sha256:{sha(b'lib')} /usr/lib/a.so pkg:liba=2"]
    r = digests(host, out, "dpkg:core*")
    assert "liba" not in out.read_text()
    for pattern in ("dpkg:none", "dpkg:gone"):
        r = digests(host, tmp_path / "none", pattern)
        assert r.code == 1 and "no such package" in r.err and not (tmp_path / "none").exists()


def deb(path, files, compress=lambda b: b, end=""):
    """A package as dpkg-deb builds it."""
    def tar(members):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as t:
            for name, body in members.items():
                info = tarfile.TarInfo("./" + name)
                info.size = len(body)
                t.addfile(info, io.BytesIO(body))
        return compress(out.getvalue())
    parts = {"debian-binary": b"2.0\n", "control.tar" + end: tar({"control": b"Package: tool\nVersion: 1.2-3\n"}), "data.tar" + end: tar(files)}
    path.write_bytes(b"!<arch>\n" + b"".join(f"{name:16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(body):<10}`\n".encode() + body + b"\n" * (len(body) % 2)
                                             for name, body in parts.items()))
    return path


@pytest.mark.parametrize("compress, end", [(lambda b: b, ""), (gzip.compress, ".gz"), (lzma.compress, ".xz")])
def test_a_package_that_is_not_installed(tmp_path, compress, end):
    out = tmp_path / "o"
    package = deb(tmp_path / "tool_1.2-3.deb", {"usr/bin/tool": b"run", "usr/lib/x.so": b"lib", "usr/share/none": b""}, compress, end)
    r = ringfence("attest", "digests", package, "-o", out)
    assert r.code == 0 and "2 digests of 2 files" in r.out, r.err
    assert out.read_text().splitlines() == [f"sha256:{sha(b'run')} /usr/bin/tool pkg:tool=1.2-3", f"sha256:{sha(b'lib')} /usr/lib/x.so pkg:tool=1.2-3"]


def test_a_package_that_means_harm(tmp_path):
    """Locked in before it is read; refused whole, and nothing is written."""
    good, out = deb(tmp_path / "good.deb", {"usr/bin/tool": b"run"}), tmp_path / "o"
    for body, words in ((good.read_bytes()[:300], "damaged.deb: "), (b"!<arch>\n", "it has no debian-binary"), (b"", "damaged.deb: "),
                        (good.read_bytes().replace(b"./usr/bin/tool", b"../../../tool."), "damaged.deb: ")):
        (tmp_path / "damaged.deb").write_bytes(body)
        r = ringfence("attest", "digests", good, tmp_path / "damaged.deb", "-o", out)
        assert r.code == 1 and words in r.err and not out.exists(), r.err
    r = ringfence("attest", "digests", tmp_path / "none.deb", "-o", out)
    assert r.code == 1 and "none.deb: " in r.err


def test_a_file_that_holds_a_secret(host, tmp_path):
    """What is read of a host comes without its secrets: a digest of that would be a lie."""
    (host / "opt/tools/conf").write_text("password=hunter2hunter2\n")
    r = digests(host, tmp_path / "o", "/opt/tools")
    lines = [line for line in (tmp_path / "o").read_text().splitlines() if "/conf" in line]
    assert lines == [f"sha256:{sha((host / 'opt/tools/conf').read_bytes())} /opt/tools/conf"] or (r.code == 2 and not lines and "/conf" in r.err)


def test_sums_and_several_sources(host, tmp_path):
    sums, out = tmp_path / "SHA256SUMS", tmp_path / "o"
    sums.write_text(f"{sha(b'1')} *one\n# a word\n{sha(b'2')}  two")
    r = digests(host, out, sums, "/opt/tools")
    assert r.code == 0 and "4 digests of 4 files" in r.out, r.err
    assert len(out.read_text().splitlines()) == 5


@pytest.mark.parametrize("content", [b"hello", b"0" * 63 + b" x", b"md5:" + b"0" * 32, b"\x00" * 100, b"sha256:zz x\n"])
def test_what_is_no_list_of_sums(host, tmp_path, content):
    (tmp_path / "bad").write_bytes(content)
    r = digests(host, tmp_path / "o", tmp_path / "bad")
    assert r.code == 1 and "line 1: not a digest" in r.err and not (tmp_path / "o").exists()


def test_names_that_would_be_lines(host, tmp_path):
    (host / "opt/tools/a\nsha256:evil").write_bytes(b"x")
    r = digests(host, tmp_path / "o", "/opt/tools")
    assert r.code == 2 and "evil" not in (tmp_path / "o").read_text()


def test_a_folder_without_files(host, tmp_path):
    (host / "empty").mkdir()
    assert digests(host, tmp_path / "o", "/empty").code == 1


def test_wrong_use(tmp_path):
    assert ringfence("attest", "digests", "dpkg").code == 64
    assert ringfence("attest", "digests", "-o", tmp_path / "x").code == 64


def test_a_million_digests(tmp_path):
    """48 bytes each once a baseline has loaded them (bench/attest says how fast); here that all of them arrive."""
    sums, out = tmp_path / "sums", tmp_path / "o.sums"
    with open(sums, "w") as f:
        f.writelines(f"{i:064x}  /usr/share/file-{i}\n" for i in range(1_000_000))
    r = ringfence("attest", "digests", sums, "-o", out)
    assert r.code == 0 and "1000000 digests of 1000000 files" in r.out, r.err
    (tmp_path / "b.yaml").write_text("baseline: 1\ndigest-sets: {known: {file: o.sums}}\nima: {digests: known}\n")
    assert ringfence("attest", "baseline", "show", tmp_path / "b.yaml").code == 0
