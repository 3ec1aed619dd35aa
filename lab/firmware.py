# SPDX-License-Identifier: Apache-2.0
"""Firmware variables written while the machine is off: the store of an OVMF image.

Source: EDK II, MdeModulePkg/Include/Guid/VariableFormat.h (authenticated variables); UEFI 2.10 section 32.4 for signature
lists. Not for anything that the firmware itself would refuse: no signed update is forged here, the flash is ours."""
import struct
import uuid

STORE = uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792").bytes_le
GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
SECURITY_DATABASE = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
SECURE_BOOT_ENABLE = uuid.UUID("f0a30bc7-af08-4556-99c4-001009c93a44")
SHIM = uuid.UUID("605dab50-e046-4300-abb6-3dd810dd8b23")
CERT_X509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072")
CERT_SHA256 = uuid.UUID("c1c41626-504c-4092-aca9-41f936934328")

NON_VOLATILE, BOOT_SERVICE, RUNTIME = 1, 2, 4
START, ADDED, DELETED = 0x55AA, 0x3F, 0xFD
HEAD = struct.Struct("<HBBIQ16sIII16s")  # start, state, reserved, attributes, count, time, key, name size, data size, vendor


class Store:
    def __init__(self, data):
        self.data = bytearray(data)
        at = self.data.find(STORE)
        if at < 0:
            raise ValueError("no store of authenticated variables in this flash image")
        self.first, self.end = at + 28, at + struct.unpack_from("<I", self.data, at + 16)[0]

    def records(self):
        """(offset, header fields, name, data offset) of each record, live or not; the last is the free space."""
        at = self.first
        while at + HEAD.size <= self.end:
            head = HEAD.unpack_from(self.data, at)
            if head[0] != START:
                break
            name_at = at + HEAD.size
            name = bytes(self.data[name_at:name_at + head[7]]).decode("utf-16-le").rstrip("\0")
            yield at, head, name, name_at + head[7]
            at = (name_at + head[7] + head[8] + 3) & ~3
        self.free = at

    def find(self, name, vendor):
        for at, head, found, data_at in self.records():
            if head[1] == ADDED and found == name and head[9] == vendor.bytes_le:
                return at, head, bytes(self.data[data_at:data_at + head[8]])
        return None

    def write(self, name, vendor, data, attributes):
        """A new record at the end, as the firmware does it; the old one is marked deleted."""
        old = self.find(name, vendor)
        time = old[1][5] if old else bytes(16)
        for _ in self.records():
            pass
        text = (name + "\0").encode("utf-16-le")
        record = HEAD.pack(START, ADDED, 0, old[1][3] if old else attributes, 0, time, 0, len(text), len(data),
                           vendor.bytes_le) + text + data
        if self.free + len(record) > self.end:
            raise ValueError("the variable store is full")
        self.data[self.free:self.free + len(record)] = record
        if old:
            self.data[old[0] + 2] &= DELETED


def signature_list(kind, owner, bodies):
    size = 16 + len(bodies[0])
    return (kind.bytes_le + struct.pack("<III", 28 + size * len(bodies), 0, size) +
            b"".join(owner.bytes_le + b for b in bodies))


def secure_boot_off(store):
    """What the switch in the firmware's menu does."""
    store.write("SecureBootEnable", SECURE_BOOT_ENABLE, b"\0", NON_VOLATILE | BOOT_SERVICE)


def mok_add(store, certificate):
    """What MokManager does once the person at the console has agreed."""
    old = store.find("MokList", SHIM)
    data = (old[2] if old else b"") + signature_list(CERT_X509, SHIM, [certificate])
    store.write("MokList", SHIM, data, NON_VOLATILE | BOOT_SERVICE)


def db_add(store, certificate):
    """One more authority whose programs the firmware starts, as an owner enrols it in the firmware's menu."""
    old = store.find("db", SECURITY_DATABASE)
    data = (old[2] if old else b"") + signature_list(CERT_X509, SHIM, [certificate])
    store.write("db", SECURITY_DATABASE, data, NON_VOLATILE | BOOT_SERVICE | RUNTIME | 0x20)


def dbx_add(store, digest):
    """One more revoked program, as a dbx update brings it."""
    old = store.find("dbx", SECURITY_DATABASE)
    data = (old[2] if old else b"") + signature_list(CERT_SHA256, SHIM, [digest])
    store.write("dbx", SECURITY_DATABASE, data, NON_VOLATILE | BOOT_SERVICE | RUNTIME | 0x20)
