/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device paths as UEFI's own tools print them, from hostile bytes. Not for judging what may boot.
 * Source: UEFI 2.10, 10.3 (nodes) and 10.6 (text).
 */
#include <string.h>

#include "attest/devicepath.h"
#include "base/mem.h"
#include "base/reader.h"

#define MAX_NODES 64u

#define NODE_END      0x7f
#define NODE_INSTANCE 0x01

#define HID_PCI_ROOT  0x0a0341d0u /* PNP0A03 */
#define HID_PCIE_ROOT 0x0a0841d0u /* PNP0A08 */

int devicepath_next(struct rf_slice path, size_t *at, struct devicepath_node *out)
{
	if (*at >= path.len)
		return 0;
	struct rf_reader r = rf_reader((struct rf_slice){path.data + *at, path.len - *at});

	out->type = rf_read_u8(&r);
	out->subtype = rf_read_u8(&r);
	uint16_t len = rf_read_le16(&r);

	if (r.failed || len < 4)
		return 0;
	out->body = rf_read_bytes(&r, (size_t)len - 4);
	if (r.failed)
		return 0;
	*at += len;
	if (out->type == NODE_END && out->subtype != NODE_INSTANCE)
		return 0;
	return 1;
}

bool devicepath_file(struct rf_slice path, struct rf_slice *out)
{
	struct devicepath_node node;
	bool found = false;
	size_t at = 0;

	for (unsigned int n = 0; n < MAX_NODES && devicepath_next(path, &at, &node) == 1; n++) {
		if (node.type == 4 && node.subtype == 4) {
			*out = node.body;
			found = true;
		}
	}
	return found;
}

bool devicepath_is_option_rom(struct rf_slice path)
{
	struct devicepath_node node;
	bool pci = false;
	size_t at = 0;

	for (unsigned int n = 0; n < MAX_NODES && devicepath_next(path, &at, &node) == 1; n++) {
		pci |= node.type == 1 && node.subtype == 1;
		if (pci && node.type == 4 && node.subtype == 8)
			return true;
	}
	return false;
}

/* ---- one function for each node with a form of its own ---- */

static void pci(struct words *w, struct rf_reader *r)
{
	uint8_t function = rf_read_u8(r), device = rf_read_u8(r);

	words_printf(w, "Pci(0x%x,0x%x)", device, function);
}

static void acpi(struct words *w, struct rf_reader *r)
{
	uint32_t hid = rf_read_le32(r), uid = rf_read_le32(r);

	if (hid == HID_PCI_ROOT || hid == HID_PCIE_ROOT) {
		words_printf(w, "%s(0x%x)", hid == HID_PCI_ROOT ? "PciRoot" : "PcieRoot", uid);
		return;
	}
	if ((hid & 0xffff) == 0x41d0) {
		words_printf(w, "Acpi(PNP%04X,0x%x)", hid >> 16, uid);
		return;
	}
	words_printf(w, "Acpi(0x%08x,0x%x)", hid, uid);
}

static void guid_only(struct words *w, struct rf_reader *r)
{
	words_add(w, "(");
	words_add_guid(w, rf_read_bytes(r, 16));
	words_add(w, ")");
}

static void memory(struct words *w, struct rf_reader *r)
{
	uint32_t type = rf_read_le32(r);
	uint64_t start = rf_read_le64(r), end = rf_read_le64(r);

	words_printf(w, "MemoryMapped(0x%x,0x%llx,0x%llx)", type, (unsigned long long)start,
		     (unsigned long long)end);
}

static void offset(struct words *w, struct rf_reader *r)
{
	rf_read_le32(r); /* reserved */
	uint64_t start = rf_read_le64(r), end = rf_read_le64(r);

	words_printf(w, "Offset(0x%llx,0x%llx)", (unsigned long long)start,
		     (unsigned long long)end);
}

static void two_u16(struct words *w, struct rf_reader *r)
{
	uint16_t a = rf_read_le16(r), b = rf_read_le16(r);

	words_printf(w, "(0x%x,0x%x)", a, b);
}

static void two_u8(struct words *w, struct rf_reader *r)
{
	uint8_t a = rf_read_u8(r), b = rf_read_u8(r);

	words_printf(w, "(0x%x,0x%x)", a, b);
}

static void one_u8(struct words *w, struct rf_reader *r)
{
	words_printf(w, "(0x%x)", rf_read_u8(r));
}

static void one_u16(struct words *w, struct rf_reader *r)
{
	words_printf(w, "(%u)", rf_read_le16(r));
}

static void one_u32(struct words *w, struct rf_reader *r)
{
	words_printf(w, "(0x%x)", rf_read_le32(r));
}

static void sata(struct words *w, struct rf_reader *r)
{
	uint16_t port = rf_read_le16(r), multiplier = rf_read_le16(r), lun = rf_read_le16(r);

	words_printf(w, "(0x%x,0x%x,0x%x)", port, multiplier, lun);
}

static void mac(struct words *w, struct rf_reader *r)
{
	words_add(w, "(");
	words_add_hex(w, rf_read_bytes(r, 6), 6);
	words_add(w, ")");
}

static void ipv4(struct words *w, struct rf_reader *r)
{
	rf_read_le32(r); /* our own address comes first */
	struct rf_slice a = rf_read_bytes(r, 4);

	if (a.len == 4)
		words_printf(w, "(%u.%u.%u.%u)", a.data[0], a.data[1], a.data[2], a.data[3]);
}

static void ipv6(struct words *w, struct rf_reader *r)
{
	rf_read_bytes(r, 16);
	words_add(w, "(");
	words_add_hex(w, rf_read_bytes(r, 16), 16);
	words_add(w, ")");
}

static void nvme(struct words *w, struct rf_reader *r)
{
	words_printf(w, "(0x%x,", rf_read_le32(r));
	struct rf_slice eui = rf_read_bytes(r, 8);

	for (size_t i = eui.len; i > 0; i--)
		words_printf(w, "%02X%s", eui.data[i - 1], i > 1 ? "-" : "");
	words_add(w, ")");
}

static void text8(struct words *w, struct rf_reader *r)
{
	words_add(w, "(");
	words_add_utf8(w, rf_read_rest(r));
	words_add(w, ")");
}

static void iscsi(struct words *w, struct rf_reader *r)
{
	rf_read_bytes(r, 14); /* protocol, options, LUN, portal group */
	text8(w, r);
}

static void usb_wwid(struct words *w, struct rf_reader *r)
{
	uint16_t interface = rf_read_le16(r), vendor = rf_read_le16(r), product = rf_read_le16(r);

	words_printf(w, "(0x%x,0x%x,%u,", vendor, product, interface);
	words_add_utf16(w, rf_read_rest(r));
	words_add(w, ")");
}

static void usb_class(struct words *w, struct rf_reader *r)
{
	uint16_t vendor = rf_read_le16(r), product = rf_read_le16(r);

	words_printf(w, "(0x%x,0x%x,0x%x)", vendor, product, rf_read_u8(r));
}

static void hard_drive(struct words *w, struct rf_reader *r)
{
	uint32_t number = rf_read_le32(r);
	uint64_t start = rf_read_le64(r), size = rf_read_le64(r);
	struct rf_slice signature = rf_read_bytes(r, 16);

	rf_read_u8(r); /* partition table format */
	uint8_t type = rf_read_u8(r);

	words_printf(w, "HD(%u,", number);
	if (type == 2) {
		words_add(w, "GPT,");
		words_add_guid(w, signature);
	} else if (type == 1 && signature.len == 16) {
		struct rf_reader s = rf_reader(signature);

		words_printf(w, "MBR,0x%08x", rf_read_le32(&s));
	} else {
		words_add(w, "no signature");
	}
	words_printf(w, ",0x%llx,0x%llx)", (unsigned long long)start, (unsigned long long)size);
}

static void cdrom(struct words *w, struct rf_reader *r)
{
	words_printf(w, "(0x%x)", rf_read_le32(r));
}

static void file(struct words *w, struct rf_reader *r)
{
	words_add_utf16(w, rf_read_rest(r));
}

static void bbs(struct words *w, struct rf_reader *r)
{
	static const char *const devices[] = {"",	"floppy", "disk",   "CD-ROM",
					      "PCMCIA", "USB",	  "network"};
	uint16_t device = rf_read_le16(r);

	rf_read_le16(r); /* status */
	words_add(w, "(");
	if (device > 0 && device < RF_COUNT(devices))
		words_printf(w, "%s,", devices[device]);
	struct rf_slice label = rf_read_rest(r);
	const uint8_t *end = label.len ? memchr(label.data, 0, label.len) : NULL;

	if (end)
		label.len = (size_t)(end - label.data);
	words_add_utf8(w, label);
	words_add(w, ")");
}

/* name: written before what the function adds; function NULL: the name alone. */
static const struct {
	uint8_t type, subtype;
	const char *name;
	void (*add)(struct words *w, struct rf_reader *r);
} nodes[] = {
	{1, 1, "", pci},
	{1, 2, "PcCard", one_u8},
	{1, 3, "", memory},
	{1, 4, "VenHw", guid_only},
	{1, 5, "Ctrl", one_u32},
	{1, 6, "BMC", NULL},
	{2, 1, "", acpi},
	{2, 2, "AcpiEx", NULL},
	{2, 3, "AcpiAdr", one_u32},
	{3, 1, "Ata", two_u8},
	{3, 2, "Scsi", two_u16},
	{3, 3, "Fibre", NULL},
	{3, 5, "USB", two_u8},
	{3, 9, "Infiniband", NULL},
	{3, 10, "VenMsg", guid_only},
	{3, 11, "MAC", mac},
	{3, 12, "IPv4", ipv4},
	{3, 13, "IPv6", ipv6},
	{3, 14, "Uart", NULL},
	{3, 15, "UsbClass", usb_class},
	{3, 16, "UsbWwid", usb_wwid},
	{3, 17, "Unit", one_u8},
	{3, 18, "Sata", sata},
	{3, 19, "iSCSI", iscsi},
	{3, 20, "Vlan", one_u16},
	{3, 21, "Fibre", NULL},
	{3, 22, "SasEx", NULL},
	{3, 23, "NVMe", nvme},
	{3, 24, "Uri", text8},
	{3, 25, "UFS", two_u8},
	{3, 26, "SD", one_u8},
	{3, 27, "Bluetooth", mac},
	{3, 28, "Wi-Fi", NULL},
	{3, 29, "eMMC", one_u8},
	{3, 31, "Dns", NULL},
	{3, 32, "NVDIMM", guid_only},
	{3, 34, "NVMe-oF", NULL},
	{4, 1, "", hard_drive},
	{4, 2, "CDROM", cdrom},
	{4, 3, "VenMedia", guid_only},
	{4, 4, "", file},
	{4, 6, "FvFile", guid_only},
	{4, 7, "Fv", guid_only},
	{4, 8, "", offset},
	{4, 9, "RamDisk", NULL},
	{5, 1, "BBS", bbs},
};

static void add_node(struct words *w, const struct devicepath_node *node)
{
	struct rf_reader r = rf_reader(node->body);

	for (size_t i = 0; i < RF_COUNT(nodes); i++) {
		if (nodes[i].type != node->type || nodes[i].subtype != node->subtype)
			continue;
		words_add(w, nodes[i].name);
		if (nodes[i].add)
			nodes[i].add(w, &r);
		return;
	}
	words_printf(w, "Path(%u,%u)", node->type, node->subtype);
}

void devicepath_words(struct words *w, struct rf_slice path)
{
	struct devicepath_node node;
	bool first = true;
	size_t at = 0;

	for (unsigned int n = 0; n < MAX_NODES && devicepath_next(path, &at, &node) == 1; n++) {
		if (node.type == NODE_END) {
			words_add(w, ",");
			first = true;
			continue;
		}
		if (!first)
			words_add(w, "/");
		first = false;
		add_node(w, &node);
	}
}
