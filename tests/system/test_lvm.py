# SPDX-License-Identifier: Apache-2.0
"""Goal: thin pools as LVM itself writes them, through the changes that an administrator makes: whether a pool zeroes what it hands out decides
whether a VM could see another's old blocks. No device mapper is needed: the group is restored on a loop device, and not activated."""
import json
import os
import shutil
import subprocess

import pytest

from conftest import EXE, need

CONFIG = """devices {{ dir="/dev" scan=["/dev"] filter=["a|^{device}$|","r|.*|"] use_devicesfile=0 scan_lvs=0 obtain_device_list_from_udev=0
 external_device_info_source="none" }}
global {{ use_lvmlockd=0 locking_dir="{dir}/lock" use_lvmpolld=0 event_activation=0 }}
activation {{ udev_sync=0 udev_rules=0 monitoring=0 }}
backup {{ backup=1 backup_dir="{dir}/backup" archive=0 }}
"""
VOLUME = """ {name} {{ id = "AAAAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAAA{n}"
  status = ["READ", "WRITE"{visible}]
  flags = []
  segment_count = 1
  segment1 {{
   {segment}
  }}
 }}
"""
LINEAR = "start_extent = 0\n extent_count = {count}\n type = \"striped\"\n stripe_count = 1\n stripes = [ \"pv0\", {at} ]"
SEGMENTS = [
    ("my-pool", "start_extent = 0\n extent_count = 4\n type = \"thin-pool\"\n metadata = \"my-pool_tmeta\"\n pool = \"my-pool_tdata\"\n transaction_id = 1\n"
     " chunk_size = 128\n discards = \"passdown\"\n zero_new_blocks = 1"),
    ("vm-1", "start_extent = 0\n extent_count = 8\n type = \"thin\"\n thin_pool = \"my-pool\"\n transaction_id = 0\n device_id = 1"),
    ("my-pool_tmeta", LINEAR.format(count=1, at=4)),
    ("my-pool_tdata", LINEAR.format(count=4, at=0)),
]


class Group:
    """A volume group "rf-vg" with a thin pool, on a file."""

    def __init__(self, tmp_path):
        self.dir = tmp_path
        image = tmp_path / "pv"
        with open(image, "wb") as f:
            f.truncate(64 << 20)
        p = subprocess.run(["losetup", "-f", "--show", image], capture_output=True, text=True, timeout=60)
        if p.returncode:
            pytest.skip("no loop device here: " + p.stderr.strip())
        self.device = p.stdout.strip()
        (tmp_path / "lvm.conf").write_text(CONFIG.format(device=self.device, dir=tmp_path))

    def make(self):
        self.lvm("pvcreate", "-y", self.device)
        self.lvm("vgcreate", "rf-vg", self.device)
        text = (self.dir / "backup/rf-vg").read_text()
        volumes = "".join(VOLUME.format(name=name, n=n, visible="" if "_t" in name else ', "VISIBLE"', segment=segment)
                          for n, (name, segment) in enumerate(SEGMENTS, 1))
        end = text.rindex("}")
        (self.dir / "wanted").write_text(text[:end] + "logical_volumes {\n" + volumes + "}\n}\n")
        self.lvm("vgcfgrestore", "-f", self.dir / "wanted", "--force", "rf-vg")
        self.lvm("vgcfgbackup", "rf-vg")

    def lvm(self, command, *args):
        p = subprocess.run([command, "--driverloaded", "n", *map(str, args)], capture_output=True, text=True, timeout=120,
                           env={**os.environ, "LVM_SYSTEM_DIR": str(self.dir), "LVM_SUPPRESS_FD_WARNINGS": "1"})
        assert p.returncode == 0, p.stdout + p.stderr
        return p.stdout

    def facts(self):
        """The pool and its one volume."""
        question = "SELECT p.pool, p.zeroes, p.discards, p.volumes_count, t.volume, t.path, t.mapper FROM thin_pool p JOIN thin_volume t ON t.pool = p.pool"
        p = subprocess.run(["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /etc/lvm && cp -r "$0/backup" /etc/lvm && exec "$@"', self.dir, EXE,
                            "query", question, "-o", "json", "-q"], capture_output=True, text=True, timeout=180)
        assert p.returncode == 0, p.stderr
        [row] = json.loads(p.stdout)
        return row


@pytest.fixture
def group(tmp_path):
    need("losetup", "pvcreate", "vgcfgrestore", "lvchange", "unshare")
    if os.geteuid() != 0:
        pytest.skip("not root")
    g = Group(tmp_path)
    yield g
    subprocess.run(["losetup", "-d", g.device], check=False, timeout=60)
    shutil.rmtree(tmp_path / "lock", ignore_errors=True)


def test_a_pool_through_its_changes(group):
    group.make()
    assert group.facts() == {"pool": "rf-vg/my-pool", "zeroes": 1, "discards": "passdown", "volumes_count": 1, "volume": "rf-vg/vm-1",
                             "path": "/dev/rf-vg/vm-1", "mapper": "/dev/mapper/rf--vg-vm--1"}
    assert group.lvm("lvs", "--noheadings", "-o", "zero", "rf-vg/my-pool").strip() == "zero", "as LVM says it"
    group.lvm("lvchange", "-Zn", "rf-vg/my-pool")
    group.lvm("lvchange", "--discards", "nopassdown", "rf-vg/my-pool")
    group.lvm("lvrename", "rf-vg", "vm-1", "vm-2")
    assert group.lvm("lvs", "--noheadings", "-o", "zero", "rf-vg/my-pool").strip() == ""
    row = group.facts()
    assert (row["zeroes"], row["discards"], row["volume"]) == (0, "nopassdown", "rf-vg/vm-2")
    group.lvm("lvchange", "-Zy", "rf-vg/my-pool")
    assert group.facts()["zeroes"] == 1
