/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Variables out of boot logs, signature databases, subjects of certificates, device paths, and the
 * visible text that they become.
 */
#include "eventlog_test.h"

#include "attest/devicepath.h"
#include "attest/efivar.h"

static const uint8_t global_guid[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
					0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
static const uint8_t x509_guid[16] = {0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
				      0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72};
static const uint8_t sha256_guid[16] = {0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40,
					0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28};
static const uint8_t odd_guid[16] = {9, 9, 9};

/* ---- visible text ---- */

static void assert_words(void (*add)(struct words *, struct rf_slice), struct rf_slice in,
			 const char *expected)
{
	char out[64];
	struct words w = words_into(out, sizeof(out));

	add(&w, in);
	assert_string_equal(out, expected);
}

static void foreign_text_is_made_visible(void **state)
{
	static const struct {
		struct rf_slice in;
		const char *out;
	} rows[] = {
		{BYTES("plain ~ text"), "plain ~ text"},
		{BYTES("a\x1b[2J\x07\x7f"), "a\\x1b[2J\\x07\\x7f"},
		{BYTES("a\0b"), "a\\x00b"},
		{BYTES("Z\xc3\xbcrich \xe6\x9d\xb1 \xf0\x9f\x90\xa7"),
		 "Z\xc3\xbcrich \xe6\x9d\xb1 \xf0\x9f\x90\xa7"},
		{BYTES("\xc3"), "\\xc3"},
		{BYTES("\xc0\x80\xff"), "\\xc0\\x80\\xff"},
		{BYTES("\xed\xa0\x80"), "\\xed\\xa0\\x80"},
		{BYTES("\xe2\x80\xae"), "\\u202e"}, /* turns the text around */
		{BYTES("\xe2\x80\x8b"), "\\u200b"}, /* nothing to see */
		{BYTES("\xef\xbb\xbf"), "\\ufeff"},
		{BYTES("\xc2\x9b"), "\\x9b"},
		{BYTES("\xf3\xa0\x81\x81"), "\\ue0041"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++)
		assert_words(words_add_utf8, rows[i].in, rows[i].out);
}

static void utf16_is_read_up_to_its_nul(void **state)
{
	(void)state;
	assert_words(words_add_utf16, BYTES("a\0b\0\0\0c\0"), "ab");
	assert_words(words_add_utf16, BYTES("a\0b"), "a");
	assert_words(words_add_utf16, BYTES("\x3d\xd8\x27\xdc"), "\xf0\x9f\x90\xa7");
	assert_words(words_add_utf16, BYTES("\x3d\xd8"), "\xef\xbf\xbd");
	assert_words(words_add_utf16, BYTES("\x3d\xd8x\0"), "\xef\xbf\xbdx");
	assert_words(words_add_utf16, BYTES("\x27\xdcx\0"), "\xef\xbf\xbdx");
	assert_words(words_add_utf16, BYTES("\x0a\0"), "\\x0a");
	assert_words(words_add_utf16_be, BYTES("\0a\0b"), "ab");
	assert_words(words_add_utf16, NOTHING, "");
}

static void text_is_cut_between_characters(void **state)
{
	char out[16];

	(void)state;
	for (size_t size = 8; size <= sizeof(out); size++) {
		struct words w = words_into(out, size);

		for (int i = 0; i < 20; i++)
			words_add_utf8(&w, BYTES("\xe6\x9d\xb1"));
		assert_true(w.cut);
		assert_true(strlen(out) < size);
		assert_true(rf_ends(out, "..."));
		assert_true(rf_utf8_valid((const uint8_t *)out, strlen(out)));
		words_add(&w, "more");
		assert_true(rf_ends(out, "..."));
	}
	struct words w = words_into(out, 8);

	words_add(&w, "1234");
	assert_false(w.cut);
	assert_string_equal(out, "1234");
}

static void guids_and_digits(void **state)
{
	char out[64];
	struct words w = words_into(out, sizeof(out));

	(void)state;
	words_add_guid(&w, (struct rf_slice){global_guid, 16});
	assert_string_equal(out, "8be4df61-93ca-11d2-aa0d-00e098032b8c");
	w = words_into(out, sizeof(out));
	words_add_guid(&w, (struct rf_slice){global_guid, 15});
	assert_string_equal(out, "?");
	w = words_into(out, sizeof(out));
	words_add_hex(&w, BYTES("\x01\xff\x10"), 2);
	assert_string_equal(out, "01ff...");
}

/* ---- variables ---- */

static void a_variable_is_read(void **state)
{
	RF_AUTOBUF struct rf_buf in = {0};
	struct efivar var;

	(void)state;
	put_variable(&in, global_guid, "PK", BYTES("value"));
	rf_buf_add(&in, "\0\0\0", 3);
	assert_int_equal(efivar_parse(rf_buf_slice(&in), &var, NULL), 0);
	assert_int_equal(var.vendor, EFIVAR_GLOBAL);
	assert_true(efivar_name_is(&var, "PK"));
	assert_false(efivar_name_is(&var, "P"));
	assert_false(efivar_name_is(&var, "PKx"));
	assert_false(efivar_name_is(&var, "pk"));
	assert_true(rf_slice_equal(var.value, BYTES("value")));
	assert_int_equal(var.trailing_bytes, 3);
	for (size_t len = 0; len < in.len - 3; len++) {
		struct efivar cut = {.trailing_bytes = 99};

		assert_int_equal(efivar_parse((struct rf_slice){in.data, len}, &cut, NULL),
				 RF_E_TRUNCATED);
		assert_int_equal(cut.trailing_bytes, 99);
	}
}

/* ---- signature databases ---- */

static void put_list(struct rf_buf *out, const uint8_t type[16], uint32_t head,
		     struct rf_slice entry, uint32_t count)
{
	uint32_t size = (uint32_t)entry.len + 16;

	rf_buf_add(out, type, 16);
	put_le(out, 28 + head + size * count, 4);
	put_le(out, head, 4);
	put_le(out, size, 4);
	for (uint32_t i = 0; i < head; i++)
		rf_buf_add_byte(out, 0xee);
	for (uint32_t i = 0; i < count; i++) {
		rf_buf_add(out, global_guid, 16);
		put_slice(out, entry);
	}
}

static void put_der(struct rf_buf *out, uint8_t tag, struct rf_slice body)
{
	rf_buf_add_byte(out, tag);
	if (body.len < 0x80) {
		rf_buf_add_byte(out, (uint8_t)body.len);
	} else {
		rf_buf_add_byte(out, 0x82);
		rf_buf_add_byte(out, (uint8_t)(body.len >> 8));
		rf_buf_add_byte(out, (uint8_t)body.len);
	}
	put_slice(out, body);
}

/* Adds SET { SEQUENCE { OID 2.5.4.number, text } }. */
static void put_attribute(struct rf_buf *out, uint8_t number, uint8_t tag, struct rf_slice text)
{
	RF_AUTOBUF struct rf_buf pair = {0}, set = {0};
	const uint8_t oid[] = {0x55, 0x04, number};

	put_der(&pair, 0x06, (struct rf_slice){oid, sizeof(oid)});
	put_der(&pair, tag, text);
	put_der(&set, 0x30, rf_buf_slice(&pair));
	put_der(out, 0x31, rf_buf_slice(&set));
}

/* A certificate as far as its subject; name holds the subject's attributes. */
static void put_certificate(struct rf_buf *out, bool version, const struct rf_buf *name)
{
	RF_AUTOBUF struct rf_buf tbs = {0}, outer = {0};

	if (version)
		put_der(&tbs, 0xa0, BYTES("\x02\x01\x02"));
	put_der(&tbs, 0x02, BYTES("\x01")); /* serial number */
	put_der(&tbs, 0x30, BYTES(""));	    /* signature */
	put_der(&tbs, 0x30, BYTES(""));	    /* issuer */
	put_der(&tbs, 0x30, BYTES(""));	    /* validity */
	put_der(&tbs, 0x30, rf_buf_slice(name));
	put_der(&tbs, 0x30, BYTES("a key"));
	put_der(&outer, 0x30, rf_buf_slice(&tbs));
	put_der(out, 0x30, rf_buf_slice(&outer));
}

static void assert_database(struct rf_slice value, int code, const char *expected)
{
	char out[256];
	struct words w = words_into(out, sizeof(out));

	assert_int_equal(efivar_database_words(&w, value, NULL), code);
	assert_string_equal(out, expected);
}

static void databases_in_words(void **state)
{
	RF_AUTOBUF struct rf_buf name = {0}, certificate = {0}, db = {0};
	static const uint8_t hash[32] = {1};

	(void)state;
	put_attribute(&name, 3, 0x13, BYTES("Example CA 2024"));
	put_certificate(&certificate, true, &name);
	assert_database(NOTHING, 0, "empty");
	put_list(&db, sha256_guid, 0, (struct rf_slice){hash, 32}, 1);
	assert_database(rf_buf_slice(&db), 0, "1 SHA-256 hash");
	put_list(&db, x509_guid, 0, rf_buf_slice(&certificate), 1);
	put_list(&db, sha256_guid, 4, (struct rf_slice){hash, 32}, 3);
	put_list(&db, x509_guid, 0, BYTES("junk"), 1);
	put_list(&db, odd_guid, 0, BYTES("what"), 2);
	assert_database(rf_buf_slice(&db), 0,
			"2 certificates (Example CA 2024; not readable), 4 SHA-256 hashes, 2 "
			"entries of unknown kinds");
	put_slice(&db, BYTES("rest"));
	assert_database(rf_buf_slice(&db), RF_E_TRUNCATED,
			"2 certificates (Example CA 2024; not readable), 4 SHA-256 hashes, 2 "
			"entries of unknown kinds, then not readable");
}

static void signatures_one_by_one(void **state)
{
	RF_AUTOBUF struct rf_buf db = {0};
	struct efivar_signature signature;
	static const uint8_t hash[32] = {7};

	(void)state;
	put_list(&db, sha256_guid, 3, (struct rf_slice){hash, 32}, 2);
	put_list(&db, sha256_guid, 0, (struct rf_slice){hash, 32}, 0);
	put_list(&db, odd_guid, 0, BYTES("what"), 1);
	struct efivar_signatures at = efivar_signatures(rf_buf_slice(&db));

	for (int i = 0; i < 2; i++) {
		assert_int_equal(efivar_signatures_next(&at, &signature, NULL), 1);
		assert_int_equal(signature.kind, EFIVAR_SIGNATURE_SHA256);
		assert_memory_equal(signature.owner.data, global_guid, 16);
		assert_memory_equal(signature.data.data, hash, 32);
	}
	assert_int_equal(efivar_signatures_next(&at, &signature, NULL), 1);
	assert_int_equal(signature.kind, EFIVAR_SIGNATURE_OTHER);
	assert_true(rf_slice_equal(signature.data, BYTES("what")));
	assert_int_equal(efivar_signatures_next(&at, &signature, NULL), 0);
	assert_int_equal(efivar_signatures_next(&at, &signature, NULL), 0);
}

/* Numbers in the head of a list of one SHA-256 hash (its entry has 48 bytes), spoiled. */
static void spoiled_lists_are_refused(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
		int code;
	} rows[] = {
		{16, 0, RF_E_SYNTAX},
		{16, 27, RF_E_SYNTAX},
		{16, 75, RF_E_SYNTAX},
		{16, 77, RF_E_TRUNCATED},
		{16, 0xffffffff, RF_E_TRUNCATED},
		{20, 1, RF_E_SYNTAX},
		{20, 49, RF_E_SYNTAX},
		{20, 0xffffffff, RF_E_SYNTAX},
		{24, 0, RF_E_SYNTAX},
		{24, 15, RF_E_SYNTAX},
		{24, 24, RF_E_SYNTAX},
		{24, 0xffffffff, RF_E_SYNTAX},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		RF_AUTOBUF struct rf_buf db = {0};
		struct efivar_signature signature;
		struct rf_err err = {0};
		static const uint8_t hash[32];

		put_list(&db, sha256_guid, 0, (struct rf_slice){hash, 32}, 1);
		for (size_t k = 0; k < 4; k++)
			db.data[rows[i].at + k] = (uint8_t)(rows[i].value >> (8 * k));
		struct efivar_signatures at = efivar_signatures(rf_buf_slice(&db));

		assert_int_equal(efivar_signatures_next(&at, &signature, &err), rows[i].code);
		assert_non_null(strstr(rf_err_text(&err), "signature list"));
		assert_int_equal(efivar_signatures_next(&at, &signature, NULL), 0);
	}
}

static void a_database_cut_anywhere(void **state)
{
	RF_AUTOBUF struct rf_buf db = {0};
	static const uint8_t hash[32];

	(void)state;
	put_list(&db, sha256_guid, 0, (struct rf_slice){hash, 32}, 2);
	for (size_t len = 1; len < db.len; len++) {
		char out[64];
		struct words w = words_into(out, sizeof(out));

		assert_int_equal(efivar_database_words(&w, (struct rf_slice){db.data, len}, NULL),
				 RF_E_TRUNCATED);
	}
}

/* ---- subjects ---- */

static void subjects_of_certificates(void **state)
{
	static const struct {
		uint8_t number, tag;
		struct rf_slice text;
		const char *out;
	} rows[] = {
		{3, 0x0c, BYTES("Z\xc3\xbcrich"), "Z\xc3\xbcrich"},
		{3, 0x13, BYTES("Example CA"), "Example CA"},
		{3, 0x1e, BYTES("\0B\0M\0P"), "BMP"},
		{3, 0x13, BYTES("a\x1b[2J"), "a\\x1b[2J"},
		{10, 0x13, BYTES("Organisation"), "Organisation"},
		{11, 0x13, BYTES("Unit"), "Unit"},
		{6, 0x13, BYTES("US"), "no name"},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		for (int version = 0; version < 2; version++) {
			RF_AUTOBUF struct rf_buf name = {0}, certificate = {0};
			char out[64];
			struct words w = words_into(out, sizeof(out));

			put_attribute(&name, rows[i].number, rows[i].tag, rows[i].text);
			put_certificate(&certificate, version, &name);
			assert_true(efivar_subject_words(&w, rf_buf_slice(&certificate)));
			assert_string_equal(out, rows[i].out);
		}
	}
}

static void the_common_name_comes_first(void **state)
{
	RF_AUTOBUF struct rf_buf name = {0}, certificate = {0}, long_name = {0}, longer = {0};
	char out[512];
	struct words w = words_into(out, sizeof(out));

	(void)state;
	put_attribute(&name, 10, 0x13, BYTES("Company"));
	put_attribute(&name, 11, 0x13, BYTES("Unit"));
	put_certificate(&certificate, true, &name);
	assert_true(efivar_subject_words(&w, rf_buf_slice(&certificate)));
	assert_string_equal(out, "Company, Unit");
	rf_buf_reset(&certificate);
	put_attribute(&name, 3, 0x13, BYTES("Name"));
	put_certificate(&certificate, true, &name);
	w = words_into(out, sizeof(out));
	assert_true(efivar_subject_words(&w, rf_buf_slice(&certificate)));
	assert_string_equal(out, "Name");
	/* a length of more than one byte */
	for (int i = 0; i < 200; i++)
		rf_buf_add_byte(&long_name, 'x');
	rf_buf_reset(&name);
	put_attribute(&name, 3, 0x13, rf_buf_slice(&long_name));
	put_certificate(&longer, true, &name);
	w = words_into(out, sizeof(out));
	assert_true(efivar_subject_words(&w, rf_buf_slice(&longer)));
	assert_int_equal(strlen(out), 200);
}

static void what_is_no_certificate_adds_nothing(void **state)
{
	RF_AUTOBUF struct rf_buf name = {0}, certificate = {0};
	char out[64];

	(void)state;
	put_attribute(&name, 3, 0x13, BYTES("Name"));
	put_certificate(&certificate, true, &name);
	for (size_t len = 0; len < certificate.len; len++) {
		struct words w = words_into(out, sizeof(out));

		assert_false(efivar_subject_words(&w, (struct rf_slice){certificate.data, len}));
		assert_string_equal(out, "");
	}
	/* the indefinite form, lengths of four and of 127 bytes */
	for (size_t i = 0; i < 3; i++) {
		struct words w = words_into(out, sizeof(out));

		certificate.data[1] = ((const uint8_t[]){0x80, 0x84, 0xff})[i];
		assert_false(efivar_subject_words(&w, rf_buf_slice(&certificate)));
	}
}

/* ---- boot entries and device paths ---- */

static void boot_entries_are_read(void **state)
{
	static const struct rf_slice in = BYTES("\1\0\0\0\4\0a\0b\0\0\0\x7f\xff\4\0more");
	struct efivar_load_option option;
	char out[16];
	struct words w = words_into(out, sizeof(out));

	(void)state;
	assert_int_equal(efivar_load_option_parse(in, &option, NULL), 0);
	assert_true(option.active);
	words_add_utf16(&w, option.description);
	assert_string_equal(out, "ab");
	assert_int_equal(option.description.len, 4);
	assert_int_equal(option.path.len, 4);
	assert_true(rf_slice_equal(option.optional, BYTES("more")));
	for (size_t len = 0; len < in.len - 4; len++)
		assert_int_equal(
			efivar_load_option_parse((struct rf_slice){in.data, len}, &option, NULL),
			RF_E_TRUNCATED);
}

#define PATH_END "\x7f\xff\4\0"

static const struct {
	struct rf_slice path;
	const char *words;
} paths[] = {
	{BYTES(PATH_END), ""},
	{BYTES(""), ""},
	{BYTES("\2\1\x0c\0\xd0\x41\3\x0a\0\0\0\0\1\1\6\0\2\x1f" PATH_END),
	 "PciRoot(0x0)/Pci(0x1f,0x2)"},
	{BYTES("\2\1\x0c\0\xd0\x41\x08\x0a\1\0\0\0"), "PcieRoot(0x1)"},
	{BYTES("\2\1\x0c\0\xd0\x41\x01\x05\2\0\0\0"), "Acpi(PNP0501,0x2)"},
	{BYTES("\2\1\x0c\0\1\2\3\4\2\0\0\0"), "Acpi(0x04030201,0x2)"},
	{BYTES("\2\3\x08\0\1\2\0\0"), "AcpiAdr(0x201)"},
	{BYTES("\3\x12\x0a\0\1\0\xff\xff\0\0"), "Sata(0x1,0xffff,0x0)"},
	{BYTES("\3\2\x08\0\1\0\2\0"), "Scsi(0x1,0x2)"},
	{BYTES("\3\5\6\0\4\1"), "USB(0x4,0x1)"},
	{BYTES("\3\x0f\x0b\0\1\0\2\0\3\4\5"), "UsbClass(0x1,0x2,0x3)"},
	{BYTES("\3\x10\x0e\0\1\0\2\0\3\0s\0n\0"), "UsbWwid(0x2,0x3,1,sn)"},
	{BYTES("\3\x0b\x0b\0\1\2\3\4\5\6\0"), "MAC(010203040506)"},
	{BYTES("\3\x0c\x0c\0\1\1\1\1\x0a\0\0\2"), "IPv4(10.0.0.2)"},
	{BYTES("\3\x14\6\0\x0a\0"), "Vlan(10)"},
	{BYTES("\3\x17\x10\0\1\0\0\0\1\2\3\4\5\6\7\x08"), "NVMe(0x1,08-07-06-05-04-03-02-01)"},
	{BYTES("\3\x18\x0c\0http://x"), "Uri(http://x)"},
	{BYTES("\3\x13\x15\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0iqn"), "iSCSI(iqn)"},
	{BYTES("\3\x1d\5\0\1"), "eMMC(0x1)"},
	{BYTES("\4\1\x2a\0\1\0\0\0\0\x08\0\0\0\0\0\0\0\x10\0\0\0\0\0\0"
	       "\1\0\0\0\2\0\3\0\4\5\6\7\x08\x09\x0a\x0b\2\2"),
	 "HD(1,GPT,00000001-0002-0003-0405-060708090a0b,0x800,0x1000)"},
	{BYTES("\4\1\x2a\0\2\0\0\0\0\x08\0\0\0\0\0\0\0\x10\0\0\0\0\0\0"
	       "\4\3\2\1\0\0\0\0\0\0\0\0\0\0\0\0\1\1"),
	 "HD(2,MBR,0x01020304,0x800,0x1000)"},
	{BYTES("\4\1\x2a\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	       "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0"),
	 "HD(2,no signature,0x0,0x0)"},
	{BYTES("\4\2\x18\0\1\0\0\0"
	       "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	 "CDROM(0x1)"},
	{BYTES("\4\4\x0c\0\\\0E\0F\0\0\0" PATH_END), "\\EF"},
	{BYTES("\4\x08\x18\0\0\0\0\0\0\1\0\0\0\0\0\0\xff\1\0\0\0\0\0\0"), "Offset(0x100,0x1ff)"},
	{BYTES("\5\1\x0b\0\6\0\0\0PX\0"), "BBS(network,PX)"},
	{BYTES("\5\1\x08\0\x80\0\0\0"), "BBS()"},
	{BYTES("\3\x12\x0a\0\1\0\2\0\3\0\x7f\1\4\0\3\5\6\0\1\0" PATH_END),
	 "Sata(0x1,0x2,0x3),USB(0x1,0x0)"},
	{BYTES("\x09\x63\4\0" PATH_END), "Path(9,99)"},
	/* broken ones: what comes before the break */
	{BYTES("\1\1\6\0\2\x1f\1\1\3\0"), "Pci(0x1f,0x2)"},
	{BYTES("\1\1\6\0\2\x1f\1\1\0\0"), "Pci(0x1f,0x2)"},
	{BYTES("\1\1\6\0\2\x1f\1\1\xff\xff"), "Pci(0x1f,0x2)"},
	{BYTES("\1\1\4\0"), "Pci(0x0,0x0)"},
	{BYTES("\4\1\x08\0\1\0\0\0"), "HD(1,no signature,0x0,0x0)"},
	{BYTES("\1"), ""},
};

static void device_paths_in_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(paths); i++) {
		char out[256];
		struct words w = words_into(out, sizeof(out));

		devicepath_words(&w, paths[i].path);
		assert_string_equal(out, paths[i].words);
		for (size_t len = 0; len < paths[i].path.len; len++) {
			struct rf_slice file;

			w = words_into(out, sizeof(out));
			devicepath_words(&w, (struct rf_slice){paths[i].path.data, len});
			devicepath_file((struct rf_slice){paths[i].path.data, len}, &file);
			assert_true(rf_utf8_valid((const uint8_t *)out, strlen(out)));
		}
	}
}

static void what_a_path_leads_to(void **state)
{
	static const struct rf_slice rom =
		BYTES("\1\1\6\0\2\x1f\4\x08\x18\0\0\0\0\0\0\1\0\0\0\0\0\0\xff\1\0\0\0\0\0\0");
	static const struct rf_slice file = BYTES("\1\1\6\0\2\x1f\4\4\6\0a\0\4\4\6\0b\0" PATH_END);
	struct rf_slice name;

	(void)state;
	assert_true(devicepath_is_option_rom(rom));
	assert_false(devicepath_is_option_rom(file));
	assert_false(devicepath_is_option_rom((struct rf_slice){rom.data + 6, rom.len - 6}));
	assert_false(devicepath_file(rom, &name));
	assert_true(devicepath_file(file, &name));
	assert_true(rf_slice_equal(name, BYTES("b\0")));
}

/* Thousands of nodes are no work for hours. */
static void a_path_of_many_nodes_ends(void **state)
{
	RF_AUTOBUF struct rf_buf in = {0};
	char out[64];
	struct words w = words_into(out, sizeof(out));

	(void)state;
	for (int i = 0; i < 10000; i++)
		put_slice(&in, BYTES("\1\1\6\0\2\x1f"));
	devicepath_words(&w, rf_buf_slice(&in));
	assert_true(rf_ends(out, "..."));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(foreign_text_is_made_visible),
		cmocka_unit_test(utf16_is_read_up_to_its_nul),
		cmocka_unit_test(text_is_cut_between_characters),
		cmocka_unit_test(guids_and_digits),
		cmocka_unit_test(a_variable_is_read),
		cmocka_unit_test(databases_in_words),
		cmocka_unit_test(signatures_one_by_one),
		cmocka_unit_test(spoiled_lists_are_refused),
		cmocka_unit_test(a_database_cut_anywhere),
		cmocka_unit_test(subjects_of_certificates),
		cmocka_unit_test(the_common_name_comes_first),
		cmocka_unit_test(what_is_no_certificate_adds_nothing),
		cmocka_unit_test(boot_entries_are_read),
		cmocka_unit_test(device_paths_in_words),
		cmocka_unit_test(what_a_path_leads_to),
		cmocka_unit_test(a_path_of_many_nodes_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
