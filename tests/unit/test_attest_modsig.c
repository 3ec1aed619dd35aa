/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures behind kernel modules: found, read, and refused where they are bent. */
#include "modsig_test.h"

#include "attest/modsig.h"

#define MAGIC "~Module signature appended~\n"

struct bent {
	const char *name, *bytes;
	size_t len;
	int want;
};

static const struct bent bents[] = {
	{"empty", "", 0, 0},
	{"no magic", "\177ELF", 4, 0},
	{"magic cut", "~Module signature appended~", 27, 0},
	{"magic alone", MAGIC, 28, RF_E_SYNTAX},
	{"length 0", "\0\0\2\0\0\0\0\0\0\0\0\0" MAGIC, 40, RF_E_SYNTAX},
	{"length beyond the file", "\0\0\2\0\0\0\0\0\0\0\0\1" MAGIC, 40, RF_E_SYNTAX},
	{"huge length", "x\0\0\2\0\0\0\0\0\xff\xff\xff\xff" MAGIC, 41, RF_E_SYNTAX},
	{"no CMS", "x\0\0\2\0\0\0\0\0\0\0\0\1" MAGIC, 41, RF_E_SYNTAX},
	{"another kind of CMS", "0\13\6\11*\206H\206\367\15\1\7\1\0\0\2\0\0\0\0\0\0\0\0\15" MAGIC,
	 53, RF_E_SYNTAX},
	{"kind 3", "x\0\0\3\0\0\0\0\0\0\0\0\1" MAGIC, 41, RF_E_SYNTAX},
	{"names beyond the file", "x\0\0\1\1\0\0\0\0\0\0\0\1" MAGIC, 41, RF_E_SYNTAX},
	{"old kind without names", "x\0\0\1\0\0\0\0\0\0\0\0\1" MAGIC, 41, 1},
};

static void bent_signatures_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < RF_COUNT(bents); i++) {
		RF_AUTOFREE uint8_t *copy = rf_alloc(1, bents[i].len ? bents[i].len : 1);
		struct modsig sig = {.bytes = 77};

		memcpy(copy, bents[i].bytes, bents[i].len);
		if (modsig_parse((struct rf_slice){copy, bents[i].len}, &sig, NULL) !=
		    bents[i].want)
			fail_msg("%s", bents[i].name);
		assert_int_equal(sig.bytes, bents[i].want == 1 ? 41 : 77);
	}
}

static void a_signature_names_its_maker(void **state)
{
	RF_AUTOBUF struct rf_buf file = {0};
	struct modsig sig;

	(void)state;
	modsig_test_sign(&file, "Debian Secure Boot CA");
	assert_int_equal(modsig_parse(rf_buf_slice(&file), &sig, NULL), 1);
	assert_int_equal(sig.kind, MODSIG_PKCS7);
	assert_string_equal(sig.signer, "Debian Secure Boot CA");
	assert_string_equal(sig.key_id, "07");
	assert_string_equal(sig.hash, "sha256");
	assert_int_equal(sig.bytes, file.len - strlen("\177ELFmodule"));
	/* The file's last bytes are enough, one too few are not. */
	struct rf_slice tail = {file.data + file.len - sig.bytes, sig.bytes};

	assert_int_equal(modsig_parse(tail, &sig, NULL), 1);
	tail.data++;
	tail.len--;
	assert_int_equal(modsig_parse(tail, &sig, NULL), RF_E_SYNTAX);
	/* The kernel refuses names beside PKCS#7, and so do we. */
	file.data[file.len - strlen(MAGIC) - 12 + 3] = 1;
	assert_int_equal(modsig_parse(rf_buf_slice(&file), &sig, NULL), RF_E_SYNTAX);
}

static void a_name_may_be_of_any_script(void **state)
{
	RF_AUTOBUF struct rf_buf file = {0};
	struct modsig sig;
	char name[] = "A\xc3\xa9\xe2\x82\xac";

	(void)state;
	modsig_test_sign(&file, name);
	assert_int_equal(modsig_parse(rf_buf_slice(&file), &sig, NULL), 1);
	assert_string_equal(sig.signer, name);
}

static void old_kinds_stand_in_clear(void **state)
{
	static const char bytes[] = "code"
				    "Me\1\2\3\377sign\1\4\1\2\4\0\0\0\0\0\0\4" MAGIC;
	struct modsig sig;

	(void)state;
	assert_int_equal(modsig_parse((struct rf_slice){(const uint8_t *)bytes, sizeof(bytes) - 1},
				      &sig, NULL),
			 1);
	assert_int_equal(sig.kind, MODSIG_X509);
	assert_string_equal(sig.signer, "Me");
	assert_string_equal(sig.key_id, "010203ff");
	assert_string_equal(sig.hash, "sha256");
	assert_int_equal(sig.bytes, sizeof(bytes) - 1 - 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bent_signatures_are_refused),
		cmocka_unit_test(a_signature_names_its_maker),
		cmocka_unit_test(a_name_may_be_of_any_script),
		cmocka_unit_test(old_kinds_stand_in_clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
