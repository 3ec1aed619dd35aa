# SPDX-License-Identifier: Apache-2.0
"""Goal: `attest baseline predict` follows the entry that GRUB will start, says which one that is, and predicts each one where it is not
certain. Hosts are folders, the last boot is a log."""
import hashlib

import pytest

from conftest import ringfence
from test_attest_log import EV_SEPARATOR, boot_log

EV_IPL = 13
OLD, NEW = "6.1.0-9-amd64", "6.1.0-10-amd64"
HEADER = """if [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="%s"
fi
"""


def entry(title, version):
    return f"menuentry '{title}' --id {title.lower()} {{\n\tlinux /boot/vmlinuz-{version} root=/dev/vda2 ro\n\tinitrd /boot/initrd.img-{version}\n}}"


def sha(body):
    return hashlib.sha256(body).digest()


class Host:
    """The last boot was of the old kernel by the second entry."""

    def __init__(self, folder):
        self.folder, self.config = folder / "host", "\n".join([entry("New", NEW), entry("Old", OLD), ""])
        for version in (OLD, NEW):
            self.file(f"/boot/vmlinuz-{version}", version)
            self.file(f"/boot/initrd.img-{version}", "initrd of " + version)
        self.log, self.baseline = folder / "last.log", folder / "b.yaml"
        self.baseline.write_text("baseline: 1\nboots: []\n")

    def file(self, path, text):
        full = self.folder / path.lstrip("/")
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text)

    def booted(self, default, env):
        measured = lambda text: text.replace("'", "")
        said = ["[ -s (hd0,gpt2)/boot/grub/grubenv ]", "load_env", "[  ]", f"set default={default}", measured(entry("New", NEW)),
                measured(entry("Old", OLD)), "setparams Old"]
        line = f"/boot/vmlinuz-{OLD} root=/dev/vda2 ro"
        events = [(p, EV_SEPARATOR, bytes(4), bytes(4)) for p in range(8)]
        events += [(9, EV_IPL, b"the last config", b"(hd0,gpt2)/boot/grub/grub.cfg\0"), (9, EV_IPL, env.encode(), b"(hd0,gpt2)/boot/grub/grubenv\0")]
        events += [(8, EV_IPL, s.encode(), f"grub_cmd: {s}\0".encode()) for s in [*said, "linux " + line]]
        events += [(8, EV_IPL, line.encode(), f"kernel_cmdline: {line}\0".encode()), (9, EV_IPL, OLD.encode(), f"(hd0,gpt2)/boot/vmlinuz-{OLD}\0".encode()),
                   (8, EV_IPL, f"initrd /boot/initrd.img-{OLD}".encode(), f"grub_cmd: initrd /boot/initrd.img-{OLD}\0".encode()),
                   (9, EV_IPL, f"initrd of {OLD}".encode(), f"(hd0,gpt2)/boot/initrd.img-{OLD}\0".encode())]
        self.log.write_bytes(boot_log(events))

    def predict(self, *args):
        return ringfence("attest", "baseline", "predict", self.baseline, self.log, "--from", self.folder, *args)


def block(**variables):
    text = "# GRUB Environment Block\n" + "".join(f"{name}={value}\n" for name, value in variables.items())
    return text.ljust(1024, "#")


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


@pytest.mark.parametrize("fallback, env, title, kernel, once", [
    ("0", {}, "New", NEW, False),
    ("${saved_entry}", {"saved_entry": "old"}, "Old", OLD, False),
    ("${saved_entry}", {"saved_entry": "new"}, "New", NEW, False),
    ("1", {"next_entry": "New"}, "New", NEW, True),
    ("0", {"next_entry": "1"}, "Old", OLD, True),
])
def test_the_entry_that_starts(host, fallback, env, title, kernel, once):
    """By default, saved, or asked for once; not simply the newest kernel, nor the first entry."""
    host.file("/boot/grub/grub.cfg", HEADER % fallback + host.config)
    host.file("/boot/grub/grubenv", block(**env))
    host.booted("1", block())
    r = host.predict()
    assert r.code == 0, r.err
    assert f'GRUB starts "{title}"' in r.out and ("for one boot" in r.out) == once
    assert "cannot be predicted" not in r.out.replace("PCR 4: the", "") and (f"-> {NEW.removesuffix('-amd64')}" in r.out) == (kernel == NEW), r.out
    text = host.baseline.read_text()
    assert f"(hd0,gpt2)/boot/vmlinuz-{kernel}" in text and sha(kernel.encode()).hex() in text
    assert r.out.count("attest baseline approve") == 1


@pytest.mark.parametrize("env, words", [("GeNv", "no environment block of GRUB"), (block() + "#" * 9000, "grubenv: ")])
def test_a_block_that_cannot_be_read(host, env, words):
    """Then nobody knows, and each entry that starts Linux is predicted and waits for its own approval."""
    host.file("/boot/grub/grub.cfg", HEADER % "0" + host.config)
    host.file("/boot/grub/grubenv", env)
    host.booted("0", block())
    r = host.predict("--name", "soon")
    assert r.code == 0 and words in r.err, r.err
    assert r.out.startswith("Which entry of its menu GRUB starts is not certain: 2 are predicted.")
    assert 'GRUB starts "New"' in r.out and 'GRUB starts "Old"' in r.out
    assert 'note: GRUB\'s environment block (grubenv) could not be read' in r.out
    assert r.out.count("PCR 8: cannot be predicted: what grub.cfg assigns to its default") == 1, "of the entry that only the block can name"
    names = [line for line in host.baseline.read_text().splitlines() if "name: \"soon" in line]
    assert len(names) == 2 and '"soon (2)"' in names[1], names


def test_no_block_is_an_empty_one(host):
    host.file("/boot/grub/grub.cfg", HEADER % "${saved_entry}" + host.config)
    host.booted("", block())
    r = host.predict()
    assert r.code == 0 and 'GRUB starts "New"' in r.out and "not certain" not in r.out


def test_one_entry_that_starts_no_linux_keeps_the_others_from_nothing(host):
    host.file("/boot/grub/grub.cfg", "if search x; then\n set default=2\nelse\n set default=0\nfi\n" + host.config + "menuentry 'Setup' {\n\tfwsetup\n}\n")
    host.booted("0", block())
    r = host.predict()
    assert r.code == 0 and '"Setup" starts no Linux' in r.out and 'GRUB starts "New"' in r.out
    host.file("/boot/grub/grub.cfg", "set default=2\n" + host.config + "menuentry 'Setup' {\n\tfwsetup\n}\n")
    r = host.predict("--name", "alone")
    assert r.code == 1 and '"Setup" starts no Linux' in r.err


@pytest.mark.parametrize("setting, written, noted", [("GRUB_DEFAULT=0", "0", False), ("GRUB_DEFAULT=1\n", "0", True), ("GRUB_DEFAULT=saved", "0", True),
                                                     ("GRUB_DEFAULT='saved' # it was 0\n", "${saved_entry}", False), ("#GRUB_DEFAULT=1", "0", False),
                                                     ('GRUB_DEFAULT=0\nGRUB_DEFAULT="old"\n', "0", True), ("", "0", False)])
def test_what_is_set_and_not_yet_written(host, setting, written, noted):
    """/etc/default/grub counts from the next update-grub on."""
    host.file("/boot/grub/grub.cfg", HEADER % written + host.config)
    host.file("/boot/grub/grubenv", block())
    host.file("/etc/default/grub", setting)
    host.booted("0", block())
    r = host.predict()
    assert r.code == 0 and ("update-grub" in r.out) == noted, r.out
