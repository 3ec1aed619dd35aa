# SPDX-License-Identifier: Apache-2.0
"""Goal: what ESXi hosts report, written by another hand than the reader's: a host with TPM 2.0 and 147 modules, as vSphere's API gives it
and as a manifest, replayed; one event dropped, doubled, moved or changed is seen in its PCR and in no other."""
import hashlib
import json
import os
import subprocess

import pytest

from conftest import EXE

TOOL = os.path.join(os.path.dirname(EXE), "../../tests/system/boot_tool")
PREFIX = "Vim25Api."


def events():
    rows = [(17, "SoftwareComponent", "TPM_EVENT_LOG_PREBOOT", f"sinit {i}") for i in range(9)]
    rows += [(20, "SoftwareComponent", f"module.v{i:02}", f"bytes of {i}") for i in range(147)]
    rows += [(21, "Command", "/b.b00 quiet", "/b.b00 quiet"), (21, "Option", "useropts.gz", "\n"),
             (21, "BootSecurityOption", "execInstalledOnly = TRUE", "execInstalledOnly = TRUE\0")]
    return [(pcr, kind, name, hashlib.sha256(data.encode()).digest()) for pcr, kind, name, data in rows]


def replay(rows):
    pcrs = {}
    for pcr, _, _, digest in rows:
        pcrs[pcr] = hashlib.sha256(pcrs.get(pcr, bytes(32)) + digest).digest()
    return pcrs


def signed(data):
    return [b - 256 if b > 127 else b for b in data]


def report(rows, pcrs):
    fields = {"SoftwareComponent": "componentName", "Command": "commandLine", "Option": "optionsFileName",
              "BootSecurityOption": "bootSecurityOption"}
    return {"returnval": {
        "tpmPcrValues": [{"pcrNumber": n, "digestMethod": "SHA256", "digestValue": signed(v), "objectName": "pcr"} for n, v in pcrs.items()],
        "tpmEvents": [{"pcrIndex": pcr, "eventDetails": {"_typeName": f"HostTpm{kind}EventDetails", "dataHash": signed(digest),
                                                         "dataHashMethod": "SHA256", fields[kind]: name}}
                      for pcr, kind, name, digest in rows], "tpmLogReliable": True}}


def manifest(rows, pcrs):
    return {"pcr_manifest": {
        "sha1pcrs": [], "sha2pcrs": [{"index": f"pcr_{n}", "value": v.hex(), "pcr_bank": "SHA256"} for n, v in pcrs.items()],
        "pcr_event_log_map": {"SHA256": [{"pcr_index": f"pcr_{n}", "event_log": [
            {"value": d.hex(), "label": name, "info": {"EventName": f"{PREFIX}HostTpm{kind}EventDetails"}}
            for pcr, kind, name, d in rows if pcr == n]} for n in pcrs]}}}


def judge(folder, document):
    (folder / "log.json").write_text(json.dumps(document))
    done = subprocess.run([TOOL, "esx", folder / "log.json"], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return {int(line.split()[1]): line.split(" ", 2)[2] for line in done.stdout.splitlines()}


def dropped(rows):
    del rows[50]


def doubled(rows):
    rows.insert(51, rows[50])


def moved(rows):
    rows[50], rows[51] = rows[51], rows[50]


def changed(rows):
    rows[50] = (*rows[50][:3], bytes(31) + b"\1")


@pytest.mark.parametrize("form", [report, manifest])
def test_a_host_is_replayed_and_changes_are_found(tmp_path, form):
    pcrs = replay(events())
    assert set(judge(tmp_path, form(events(), pcrs)).values()) == {"explained by its events"}
    for change in (dropped, doubled, moved, changed):
        rows = events()
        change(rows)
        told = judge(tmp_path, form(rows, pcrs))
        assert told[20] == "not what its events make"
        assert told[17] == told[21] == "explained by its events"
