/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads UEFI's boot variables. It trusts no length in them. Not for keys and signature lists.
 * Source: UEFI 2.10 sections 3.1.3, 3.3 and 10.3 (device paths); Linux efivarfs.rst.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/str.h"
#include "collect/efi.h"
#include "collect/util.h"

#define EFIVARS	     "/sys/firmware/efi/efivars"
#define GLOBAL_GUID  "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define MAX_VARIABLE (64u << 10)
#define MAX_ENTRIES  256u

#define LOAD_OPTION_ACTIVE   0x1u
#define LOAD_OPTION_CATEGORY 0x1f00u /* 0x100: an application such as the set-up */

/* Weight of a device path node: the heaviest in a path decides. */
enum weight { OTHER, DISK, FIRMWARE, REMOVABLE, NETWORK };

static const char *const weight_names[] = {"other", "disk", "firmware", "removable", "network"};

/* Device path node types and what they tell; subtype 0 stands for any. */
static const struct {
	uint8_t type, subtype;
	enum weight weight;
} nodes[] = {
	{3, 1, DISK},	    /* ATAPI */
	{3, 2, DISK},	    /* SCSI */
	{3, 5, REMOVABLE},  /* USB */
	{3, 11, NETWORK},   /* MAC address */
	{3, 12, NETWORK},   /* IPv4 */
	{3, 13, NETWORK},   /* IPv6 */
	{3, 15, REMOVABLE}, /* USB class */
	{3, 16, REMOVABLE}, /* USB WWID */
	{3, 18, DISK},	    /* SATA */
	{3, 19, NETWORK},   /* iSCSI */
	{3, 22, DISK},	    /* SAS */
	{3, 23, DISK},	    /* NVMe */
	{3, 24, NETWORK},   /* URI */
	{3, 26, REMOVABLE}, /* SD */
	{3, 27, NETWORK},   /* Bluetooth */
	{3, 28, NETWORK},   /* Wi-Fi */
	{3, 29, DISK},	    /* eMMC */
	{3, 31, NETWORK},   /* DNS */
	{3, 34, NETWORK},   /* NVMe over fabrics */
	{4, 1, DISK},	    /* hard drive */
	{4, 2, REMOVABLE},  /* CD-ROM */
	{4, 6, FIRMWARE},   /* firmware file */
	{4, 7, FIRMWARE},   /* firmware volume */
};

/* BIOS boot specification device types of a type 5 node. */
static enum weight bbs_weight(uint16_t device)
{
	switch (device) {
	case 2:
		return DISK;
	case 1: /* floppy */
	case 3: /* CD-ROM */
	case 4: /* PCMCIA */
	case 5: /* USB */
		return REMOVABLE;
	case 6:
		return NETWORK;
	default:
		return OTHER;
	}
}

/* Words of labels that firmware makes for devices whose path does not tell. */
static enum weight label_weight(const char *label)
{
	static const struct {
		const char *word;
		enum weight weight;
	} words[] = {{"pxe", NETWORK},	      {"network", NETWORK},  {"http boot", NETWORK},
		     {"dvd", REMOVABLE},      {"cd-rom", REMOVABLE}, {"cdrom", REMOVABLE},
		     {"cd/dvd", REMOVABLE},   {"floppy", REMOVABLE}, {"usb", REMOVABLE},
		     {"removable", REMOVABLE}};
	char small[EFI_LABEL_BYTES];

	rf_copy(small, sizeof(small), label);
	rf_lower(small);
	for (size_t i = 0; i < RF_COUNT(words); i++) {
		if (strstr(small, words[i].word))
			return words[i].weight;
	}
	return OTHER;
}

void efi_text(struct rf_slice in, char *out, size_t size)
{
	struct rf_reader r = rf_reader(in);
	size_t n = 0;

	while (rf_reader_left(&r) >= 2 && n + 4 < size) {
		uint32_t c = rf_read_le16(&r);

		if (c == 0)
			break;
		/* Boot labels need no surrogates; half of a pair is no character. */
		if (c >= 0xd800 && c <= 0xdfff)
			c = '?';
		if (c < 0x80) {
			out[n++] = (char)(c < 0x20 ? '?' : c);
		} else if (c < 0x800) {
			out[n++] = (char)(0xc0 | (c >> 6));
			out[n++] = (char)(0x80 | (c & 0x3f));
		} else {
			out[n++] = (char)(0xe0 | (c >> 12));
			out[n++] = (char)(0x80 | ((c >> 6) & 0x3f));
			out[n++] = (char)(0x80 | (c & 0x3f));
		}
	}
	out[n] = '\0';
}

/* The heaviest node of a device path; the first instance of several counts. */
static enum weight path_weight(struct rf_slice path, bool *has_drive)
{
	struct rf_reader r = rf_reader(path);
	enum weight heaviest = OTHER;

	*has_drive = false;
	while (rf_reader_left(&r) >= 4) {
		uint8_t type = rf_read_u8(&r), subtype = rf_read_u8(&r);
		uint16_t len = rf_read_le16(&r);

		if (type == 0x7f || len < 4)
			break;
		struct rf_reader body = rf_reader(rf_read_bytes(&r, (size_t)len - 4));

		if (r.failed)
			break;
		enum weight weight = type == 5 ? bbs_weight(rf_read_le16(&body)) : OTHER;

		for (size_t i = 0; i < RF_COUNT(nodes); i++) {
			if (nodes[i].type == type && nodes[i].subtype == subtype)
				weight = nodes[i].weight;
		}
		*has_drive |= type == 4 && subtype == 1;
		heaviest = weight > heaviest ? weight : heaviest;
	}
	return heaviest;
}

int efi_load_option_parse(struct rf_slice in, struct efi_load_option *out, struct rf_err *err)
{
	struct rf_reader r = rf_reader(in);
	uint32_t attributes = rf_read_le32(&r);
	uint16_t path_len = rf_read_le16(&r);
	size_t start = r.pos;
	bool has_drive;

	while (!r.failed && rf_read_le16(&r) != 0)
		continue;
	size_t end = r.pos;
	struct rf_slice path = rf_read_bytes(&r, path_len);
	int rc = rf_reader_check(&r, "load option", err);

	if (rc < 0)
		return rc;
	efi_text((struct rf_slice){in.data + start, end - start}, out->label, sizeof(out->label));
	enum weight weight = path_weight(path, &has_drive);

	/* A path to a controller does not tell what is behind it; one to a partition does. */
	if (weight <= DISK && !has_drive && label_weight(out->label) > weight)
		weight = label_weight(out->label);
	if (weight <= DISK && !has_drive && (attributes & LOAD_OPTION_CATEGORY) == 0x100)
		weight = FIRMWARE;
	out->kind = weight_names[weight];
	out->active = attributes & LOAD_OPTION_ACTIVE;
	return 0;
}

int efi_variable_read(struct sys *sys, const char *name, struct rf_buf *out)
{
	RF_AUTOBUF struct rf_buf raw = {0};
	char path[RF_MAX_PATH_BYTES];

	if (!rf_format(path, sizeof(path), EFIVARS "/%s-" GLOBAL_GUID, name))
		return -ENAMETOOLONG;
	int rc = sys_read(sys, path, MAX_VARIABLE, &raw, NULL);

	if (rc < 0)
		return rc;
	if (raw.len < 4)
		return RF_E_TRUNCATED;
	return rf_buf_add(out, raw.data + 4, raw.len - 4);
}

/* True for "Boot" and four hexadecimal digits, which is the number. */
static bool is_boot_entry(const char *name, char number[5])
{
	if (!rf_starts(name, "Boot") || strlen(name) < 9 || strcmp(name + 8, "-" GLOBAL_GUID) != 0)
		return false;
	for (size_t i = 0; i < 4; i++) {
		if (!isxdigit((unsigned char)name[4 + i]))
			return false;
	}
	memcpy(number, name + 4, 4);
	number[4] = '\0';
	return true;
}

/* Place of an entry in BootOrder (16-bit numbers); -1 when it is not in it. */
static int64_t position_of(const struct rf_buf *order, const char *number)
{
	struct rf_reader r = rf_reader(rf_buf_slice(order));
	int64_t wanted;

	if (rf_num(number, 16, 0, 0xffff, &wanted) < 0)
		return -1;
	for (int64_t i = 0; rf_reader_left(&r) >= 2; i++) {
		if (rf_read_le16(&r) == wanted)
			return i;
	}
	return -1;
}

/* Writes one entry; returns 1 when it may boot from a network or removable medium. */
static int put_entry(struct sys *sys, struct fact_sink *out, const char *number,
		     const struct rf_buf *order)
{
	RF_AUTOBUF struct rf_buf value = {0};
	struct efi_load_option option = {0};
	struct rf_err err = {0};
	char name[16], path[128];

	rf_format(name, sizeof(name), "Boot%s", number);
	rf_format(path, sizeof(path), EFIVARS "/%s-" GLOBAL_GUID, name);
	int rc = efi_variable_read(sys, name, &value);

	if (rc == 0)
		rc = efi_load_option_parse(rf_buf_slice(&value), &option, &err);
	if (rc < 0) {
		fact_gap(out, FACT_T_EFI_BOOT_ENTRY, number, "", path,
			 "This boot entry cannot be read: %s.",
			 err.code ? rf_err_text(&err) : rf_code_text(rc));
		return 0;
	}
	int64_t position = position_of(order, number);

	fact_put_efi_boot_entry(out,
				&(struct fact_efi_boot_entry){.number = name,
							      .label = option.label,
							      .kind = option.kind,
							      .position = {position >= 0, position},
							      .active = FACT_BOOL(option.active),
							      .source = path});
	return position >= 0 && option.active &&
	       (strcmp(option.kind, "network") == 0 || strcmp(option.kind, "removable") == 0);
}

int efi_boot_entries_collect(struct sys *sys, struct fact_sink *out)
{
	SYS_AUTONAMES struct sys_names names = {0};
	RF_AUTOBUF struct rf_buf order = {0};
	char number[5];
	int outside = 0;
	size_t count = 0;
	int rc = efi_variable_read(sys, "BootOrder", &order);

	if (rc < 0) {
		fact_gap(out, FACT_T_BOOT, "", "removable_boot", EFIVARS,
			 "The firmware's boot order cannot be read (%s); mount efivarfs on %s.",
			 rf_code_text(rc), EFIVARS);
		return -1;
	}
	if (sys_list(sys, EFIVARS, &names, NULL) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		if (is_boot_entry(names.names[i], number) && count++ < MAX_ENTRIES)
			outside |= put_entry(sys, out, number, &order);
	}
	return outside;
}
