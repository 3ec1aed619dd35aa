# SPDX-License-Identifier: Apache-2.0
"""Goal: the HTML report in a browser, as an auditor opens it: it asks the network for nothing, says nothing on the
console, is accessible in light, dark and on a telephone, can be searched, and prints what failed. tests/web/report.js
drives the browser and tells what it saw; here it is judged."""
import json
import os
import subprocess

import pytest

from conftest import ROOT, need, ringfence

WEB = ROOT / "tests/web"
EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;'\u202egnp"
VMX = f""".encoding = "UTF-8"
config.version = "8"
virtualHW.version = "17"
displayName = "{EVIL.replace('"', '|22')}"
annotation = "</style></script><svg/onload=alert(3)>"
guestOS = "</title><script>alert(4)</script>"
RemoteDisplay.vnc.enabled = "TRUE"
ethernet0.present = "TRUE"
ethernet0.networkName = "javascript:alert(5)//http://192.0.2.1/x"
"""
XML = """<domain type='kvm'><name>&lt;script src="http://192.0.2.1/x.js"&gt;</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>
<disk type='file' device='disk'><source file='/i/&lt;link rel="stylesheet" href="http://192.0.2.1/x.css"&gt;'/><target dev='vda'/></disk>
<graphics type='vnc' port='-1' listen='0.0.0.0'/></devices></domain>"""


def browse(report, out):
    """What the browser saw of the report."""
    p = subprocess.run(["node", str(WEB / "report.js"), str(report), str(out)], capture_output=True, text=True, timeout=400)
    assert p.returncode == 0, p.stderr
    return json.loads(p.stdout)


@pytest.fixture(scope="module")
def browser():
    need("node", "chromium")
    if not (WEB / "node_modules/playwright-core").is_dir() or not (WEB / "node_modules/axe-core").is_dir():
        pytest.skip("playwright-core and axe-core are not installed: npm install --prefix tests/web")


@pytest.fixture(scope="module", params=["examples", "hostile"])
def seen(request, browser, tmp_path_factory):
    out = tmp_path_factory.mktemp("html")
    report = out / "r.html"
    if request.param == "examples":
        sources = ["--vmx", ROOT / "examples/vmx", "--domain-xml", ROOT / "examples/domain-xml"]
    else:
        folder = out / "a\"b'c<script>alert(6)<"
        folder.mkdir()
        (folder / "<img src=x onerror=alert(7)>.vmx").write_text(VMX)
        (folder / "d.xml").write_text(XML)
        sources = ["--vmx", folder, "--domain-xml", folder]
    assert ringfence("check", "-q", "--no-host", *sources, "--report", report).code == 2
    s = browse(report, out)
    s["out"] = out
    return s


def test_no_word_on_the_console_and_no_request(seen):
    assert seen["console"] == []
    assert seen["requests"] == []


def test_accessible_in_light_dark_and_on_a_telephone(seen):
    for look in ("light", "dark", "narrow"):
        assert seen[look]["axe"] == [], look
    assert seen["light"]["background"] != seen["dark"]["background"]
    assert seen["narrow"]["overflow"] <= 0


def test_search_and_filters(seen):
    use = seen["use"]
    assert use["title"].startswith("Ringfence report: ")
    assert use["searched"] and all(use["id"] in found for found in use["searched"])
    assert use["status"] == f"{len(use['searched'])} of {use['all']} shown"
    assert use["none"] == 0 and use["cleared"] == use["all"]
    assert use["severities"] == ["high"] and use["pillars"] == ["network"]
    assert use["unfolded"] == use["all"] and use["folded"] == 0
    assert use["keyboard"] is True


def test_paper_shows_what_failed(seen):
    """Also without scripts; what passed stays one line."""
    p = seen["print"]
    assert p["screen"]["all"] > 0 and p["screen"]["visible"] == 0
    assert p["fail"]["visible"] == p["fail"]["all"]
    assert p["pass"]["visible"] == 0
    assert p["open_after"] == 0 and p["tools"] is False
    assert os.path.getsize(seen["out"] / "print.pdf") > 10000


def test_screenshots_are_there_to_look_at(seen):
    for name in ("light", "dark", "narrow"):
        assert (seen["out"] / f"{name}.png").read_bytes().startswith(b"\x89PNG"), name
