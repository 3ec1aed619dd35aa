# SPDX-License-Identifier: Apache-2.0
"""Goal: the program as a user meets it: help, exit status, formats, bad input, an ordinary user."""
import json
import os
import re
import socket
import subprocess

import jsonschema
import pytest

from conftest import EXE, ROOT, ringfence

VMX = """.encoding = "UTF-8"
config.version = "8"
virtualHW.version = "17"
displayName = "t"
guestOS = "other"
ethernet0.present = "TRUE"
ethernet0.addressType = "vpx"
ethernet0.generatedAddress = "00:50:56:00:00:01"
"""
XML = """<domain type='kvm'><name>t</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>
<graphics type='vnc' port='-1' listen='0.0.0.0'/></devices></domain>"""


@pytest.fixture
def vmx(tmp_path):
    path = tmp_path / "t.vmx"
    path.write_text(VMX)
    return path


def test_help_starts_with_examples(rf):
    for command in ("check", "facts", "query", "explain", "capture", "doctor", "controls list", "controls test"):
        r = rf(*command.split(), "--help")
        assert r.code == 0
        assert r.out.split("\n")[2] == "Examples:"
        assert f"ringfence {command.split()[0]}" in r.out.split("\n")[3]


def test_a_group_has_its_own_help(rf):
    r = rf("controls", "--help")
    assert r.code == 0 and "controls list " in r.out and "  check " not in r.out


def test_groups_of_two_words_show_what_is_in_them(rf):
    all_of_them = [line for line in rf("--help").out.split("\n") if line.startswith("  attest ")]
    assert len(all_of_them) > 8 and "  attest baseline approve " in "\n".join(all_of_them)
    assert [line for line in rf("attest", "--help").out.split("\n") if line.startswith("  attest ")] == all_of_them
    inner = rf("attest", "baseline", "--help")
    assert inner.code == 0 and "ringfence attest baseline create --help" in inner.out
    assert [line for line in inner.out.split("\n") if line.startswith("  ")] == [x for x in all_of_them if x.startswith("  attest baseline ")]
    assert rf("attest", "baseline").code == 64


def test_every_command_has_a_man_page_that_formats(rf):
    text = rf("--help").out.split("Commands:")[1]
    commands = re.findall(r"^  (\w+(?: \w+)?) {2,}", text, re.M)
    assert len(commands) >= 10
    for command in commands:
        page = rf("man", *command.split())
        assert page.code == 0 and page.out.startswith(".TH RINGFENCE")
        assert ".SH EXAMPLES" in page.out and ".SH OPTIONS" in page.out


def test_completion_is_bash(rf):
    script = rf("completion").out
    p = subprocess.run(["bash", "-c", script + "\nCOMP_WORDS=(ringfence ch); COMP_CWORD=1; _ringfence; echo ${COMPREPLY[@]}"],
                       capture_output=True, text=True)
    assert p.stdout.strip() == "check" and not p.stderr


@pytest.mark.parametrize("args,code,words", [
    ([], 64, "ringfence"),
    (["nothing"], 64, "there is no command nothing"),
    (["controls"], 64, "controls test"),
    (["controls", "nothing"], 64, "there is no command controls nothing; see: ringfence controls --help"),
    (["attest", "baseline", "nothing"], 64, "there is no command attest baseline nothing; see: ringfence attest baseline --help"),
    (["attest", "nothing", "create"], 64, "there is no command attest nothing"),
    (["check", "--nothing"], 64, "there is no option --nothing; see: ringfence check --help"),
    (["check", "--vmx"], 64, "--vmx needs PATH"),
    (["check", "-o", "pdf"], 64, "there is no format pdf"),
    (["check", "--profile", "none"], 64, "there is no profile none"),
    (["check", "--report", "x.doc"], 64, "the ending must be"),
    (["check", "--vmx", "/nonexistent"], 1, "/nonexistent: No such file"),
    (["check", "--from", "/nonexistent"], 1, "/nonexistent"),
    (["check", "--no-host"], 64, "nothing to look at"),
    (["query"], 64, "query needs SQL"),
    (["query", "--no-host", "--vmx", "/dev/null", "DELETE FROM vm"], 1, "only SELECT"),
    (["facts", "--no-host", "--vmx", "/dev/null", "nothing"], 1, "there is no table nothing"),
    (["explain", "--no-host", "--vmx", "/dev/null", "nothing"], 1, "no control and no resource"),
    (["controls", "show", "nothing"], 1, "there is no control nothing"),
])
def test_errors_say_what_to_do(rf, args, code, words):
    r = rf(*args)
    assert r.code == code, r.err
    assert words in r.err


def test_every_json_document_is_valid(rf, vmx, tmp_path):
    schema = json.load(open(ROOT / "docs/schema/report.json"))
    (tmp_path / "d.xml").write_text(XML)
    for args in (["--vmx", vmx], ["--domain-xml", tmp_path], ["--host"], ["--vmx", vmx, "--profile", "sln138"]):
        r = rf("check", "-q", "-o", "json", *args)
        assert r.code == 2, r.err
        jsonschema.validate(r.json(), schema)


def test_formats_agree(rf, vmx):
    doc = rf("check", "-q", "--vmx", vmx, "-o", "json").json()
    fails = doc["summary"]["findings"]["fail"]
    assert fails > 0
    lines = [json.loads(l) for l in rf("check", "-q", "--vmx", vmx, "-o", "jsonl").out.splitlines()]
    assert sum(l["state"] == "fail" for l in lines) == fails
    sarif = json.loads(rf("check", "-q", "--vmx", vmx, "-o", "sarif").out)
    assert len(sarif["runs"][0]["results"]) == fails
    assert f'failures="{fails}"' in rf("check", "-q", "--vmx", vmx, "-o", "junit").out
    assert rf("check", "-q", "--vmx", vmx, "-o", "csv").out.count('"fail",') == fails
    assert f"{fails} FAIL" in rf("check", "-q", "--vmx", vmx).out


def test_the_terminal_report_is_short_where_it_can_wait():
    """The worst in full and once more at the end; paths as typed; --all for the rest."""
    def text(*args):
        return subprocess.run([EXE, "check", "-q", "--no-host", "--vmx", "examples/vmx", "--domain-xml", "examples/domain-xml", *args],
                              cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1", "COLUMNS": "100"}).stdout
    out = text()
    worst = re.search(r"^✖ CRITICAL  (\S+)$", out, re.M)[1]
    assert out.index("want  ") < out.index("Begin with:") < out.rindex(worst)
    assert str(ROOT) not in out and "examples/domain-xml/careless.xml" in out
    minor = re.search(r"^▪ LOW       (\S+)\n            Not met: ", out, re.M)[1]
    full = text("--all")
    assert re.search(rf"^▪ LOW       {re.escape(minor)}\n      want  ", full, re.M) and "✔ PASS" in full
    assert len(out.splitlines()) < len(full.splitlines())
    assert max(map(len, out.splitlines())) <= 100


def test_nothing_to_find_is_exit_0(rf, vmx):
    r = rf("check", "-q", "--vmx", vmx, "--only", "vmx.serial*")
    assert r.code == 0, r.out


def test_report_is_private_and_whole(rf, vmx, tmp_path):
    path = tmp_path / "r.html"
    assert rf("check", "-q", "--vmx", vmx, "--report", path).code == 2
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().rstrip().endswith("</html>")
    r = rf("check", "-q", "--vmx", vmx, "--report", "/nonexistent/r.html")
    assert r.code == 1 and "/nonexistent: No such file" in r.err


def test_full_disk_is_an_error_and_leaves_nothing(rf, vmx, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("not root")
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", small]).returncode:
        pytest.skip("tmpfs cannot be mounted here")
    try:
        r = rf("check", "-q", "--vmx", vmx, "--report", small / "r.html")
        assert r.code == 1 and "No space left" in r.err
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small])


def hostile(tmp_path):
    d = tmp_path / "hostile"
    d.mkdir()
    (d / "empty.vmx").write_text("")
    (d / "huge.vmx").write_bytes(b"a" * (3 << 20))
    with open(d / "sparse.vmx", "wb") as f:
        f.truncate(2 << 30)
    (d / "binary.vmx").write_bytes(bytes(range(256)) * 40)
    os.mkfifo(d / "fifo.vmx")
    os.symlink("loop.vmx", d / "loop.vmx")
    os.symlink("..", d / "up")
    s = socket.socket(socket.AF_UNIX)
    s.bind(str(d / "socket.vmx"))
    (d / "bomb.xml").write_text('<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><domain><name>&b;</name></domain>')
    (d / "external.xml").write_text('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><domain><name>&e;</name></domain>')
    (d / "deep.xml").write_text("<domain>" * 5000 + "</domain>" * 5000)
    (d / "cut.xml").write_text(XML[:150])
    (d / "other.xml").write_text("<html/>")
    (d / "latin.xml").write_bytes(b"<?xml version='1.0' encoding='UTF-16'?><domain/>")
    os.mkfifo(d / "fifo.xml")
    (d / "good.vmx").write_text(VMX)
    (d / "good.xml").write_text(XML)
    return d


def test_hostile_files_cost_only_themselves(rf, tmp_path):
    d = hostile(tmp_path)
    r = rf("check", "-q", "-o", "json", "--vmx", d, "--domain-xml", d, timeout=180)
    assert r.code == 2, r.err
    doc = r.json()
    vms = {f["vm"] for f in doc["findings"] if f["vm"]}
    assert str(d / "good.vmx") in vms and str(d / "good.xml") in vms
    gaps = {g["key"] for g in doc["gaps"]}
    for name in ("huge.vmx", "sparse.vmx", "fifo.vmx", "bomb.xml", "external.xml", "deep.xml", "cut.xml", "other.xml", "fifo.xml"):
        assert any(g.startswith(str(d / name)) for g in gaps), name
        passed = [f for f in doc["findings"] if f["vm"] == str(d / name) and f["state"] == "pass"
                  and not f["control"].startswith("vmx.file.")]  # the file itself has a mode all the same
        assert not passed, name
    assert "root:x:0" not in r.out


def test_an_ordinary_user_gets_what_he_may_see(rf, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("not root")
    p = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "test", "-x", EXE])
    if p.returncode:
        pytest.skip("the build folder is closed to other users")
    r = rf("check", "-q", user=65534, env={"HOME": "/"})
    assert r.code == 2, r.err
    assert "Run as root" in r.out and "UNKNOWN" in r.out


def test_site_controls_run_and_bad_ones_are_named(rf, vmx, tmp_path):
    site = tmp_path / "site"
    (site / "controls").mkdir(parents=True)
    (site / "profiles").mkdir()
    (site / "profiles/ours.yaml").write_text("id: ours\ntitle: Ours\nabout: Ours.\nselect: ['site.*']\n")
    good = ("id: site.name\ntitle: Names begin with web\nseverity: low\npillar: change\nwhy: W\nstep: Rename it.\nmanual: M\n"
            "refs: {ours: house rule 1}\nover: vm\npass: name LIKE 'web%'\nevidence: [name]\n"
            "tests:\n  - {expect: pass, row: {name: web1}}\n  - {expect: fail, row: {name: t}}\n")
    (site / "controls/good.yaml").write_text(good)
    (site / "controls/bad.yaml").write_text(good.replace("site.name", "site.bad").replace("name LIKE 'web%'", "load_extension('x') = 1"))
    r = rf("check", "-q", "--vmx", vmx, "--site", site, "--profile", "ours", "-o", "json")
    assert r.code == 2
    assert [f["state"] for f in r.findings("site.name")] == ["fail"]
    assert "bad.yaml" in r.err and "load_extension is not allowed" in r.err
    assert len(r.json()["refused"]) == 1


def test_capture_judges_the_same_elsewhere(rf, tmp_path):
    """What the capture says of this host is what the live check says; and no secret is in it."""
    archive = tmp_path / "h.tar.gz"
    r = rf("capture", archive)
    assert r.code == 0, r.err
    assert archive.stat().st_mode & 0o777 == 0o600
    live, copy = rf("check", "-q", "-o", "json"), rf("check", "-q", "-o", "json", "--from", archive)
    assert copy.code == live.code
    # What moves while we look: processes, free space, sockets, time.
    moving = re.compile(r"process|listener|time\.|listen|free|storage\.pool|capacity")

    def states(doc):
        return {(f["control"], f["resource"], f["layer"]): f["state"] for f in doc.json()["findings"] if not moving.search(f["control"])}
    a, b = states(live), states(copy)
    different = {k: (a.get(k), b.get(k)) for k in a.keys() | b.keys() if a.get(k) != b.get(k)}
    assert not different
    text = subprocess.run(["tar", "-xzOf", archive], capture_output=True).stdout
    for line in open("/etc/shadow"):
        secret = line.split(":")[1]
        assert len(secret) < 10 or secret.encode() not in text


def test_query_and_facts(rf, vmx):
    rows = rf("query", "-q", "--vmx", vmx, "-o", "json", "SELECT vm, nic FROM vm_nic").json()
    assert rows == [{"vm": str(vmx), "nic": "ethernet0"}]
    assert "vm_nic" in rf("facts", "-q", "--vmx", vmx).out
    assert rf("facts", "-q", "--vmx", vmx, "vm_nic", "-o", "csv").out.startswith("host,vm,layer,nic,")


def test_facts_to_a_database(rf, vmx, tmp_path):
    import sqlite3
    path = tmp_path / "f.db"
    assert rf("facts", "-q", "--vmx", vmx, "-o", f"sqlite:{path}").code == 0
    assert sqlite3.connect(path).execute("SELECT count(*) FROM vm_nic").fetchone() == (1,)
    assert rf("facts", "-q", "--vmx", vmx, "-o", f"sqlite:{path}").code == 1


def test_explain_a_control_and_a_vm(rf, vmx):
    fail = rf("check", "-q", "--vmx", vmx, "-o", "json").findings(state="fail")[0]
    r = rf("explain", "-q", "--vmx", vmx, fail["control"])
    assert r.code == 0 and "Why it matters" in r.out and "References" in r.out and "fail" in r.out
    r = rf("explain", "-q", "--vmx", vmx, vmx)
    assert r.code == 0 and "findings about" in r.out


def test_doctor(rf):
    r = rf("doctor")
    assert r.code == 0 and re.search(r"\d+ yes, \d+ partly, \d+ no", r.out)
    for row in rf("doctor", "-o", "json").json():
        assert row["can"] in ("yes", "no", "partly") and (row["can"] == "yes" or row["mend"])


def test_a_closed_pipe_ends_quietly():
    p = subprocess.run(f"{EXE} controls list | head -1", shell=True, capture_output=True, text=True)
    assert p.stderr == "" and p.stdout.count("\n") == 1


def test_a_thousand_vms(rf, tmp_path):
    for i in range(1000):
        (tmp_path / f"{i}.vmx").write_text(VMX.replace("0:01", f"{i // 100:x}:{i % 100:02d}"))
    r = rf("check", "-q", "--vmx", tmp_path, "-o", "table")
    assert r.code == 2 and "1000 VMs" in r.out
    assert len(r.out.splitlines()) < 1200
