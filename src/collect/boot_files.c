/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies below /boot and on the EFI system partition, with the digests by which firmware (PE,
 * Authenticode) and boot loaders (the whole file) measure it, so that a digest in a boot log gets a
 * path. Hints for a person: a file may have changed since it was booted. Not for judging.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "attest/pe.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/evidence.h"

#define MAX_FILES      4000u
#define MAX_DEPTH      8u
#define MAX_BYTES      (2048LL << 20) /* hashed in all */
#define MAX_FILE_BYTES (256u << 20)

struct walk {
	struct sys *sys;
	struct attest_hasher *hasher;
	json_t *files;
	size_t files_count;
	int64_t bytes;
};

static const uint16_t algs[] = {ATTEST_SHA1, ATTEST_SHA256, ATTEST_SHA384};

static void set_digest(json_t *object, const struct attest_digest *digest)
{
	RF_AUTOBUF struct rf_buf hex = {0};
	char name[16];

	rf_buf_add_hex(&hex, digest->bytes, digest->len);
	json_object_set_new(object, attest_alg_name(digest->alg, name),
			    json_string(rf_buf_text(&hex)));
}

/* Where the probes are not answered, as in a folder with a host's files. The seam takes secrets out
 * of what it reads: a file of another length is not the one that is booted. */
static int read_whole(struct walk *w, const char *path, const struct sys_stat *st,
		      struct rf_buf *out)
{
	int rc = st->size_bytes > MAX_FILE_BYTES
			 ? RF_E_LIMIT
			 : sys_read(w->sys, path, MAX_FILE_BYTES, out, NULL);

	return rc == 0 && out->len != (size_t)st->size_bytes ? RF_E_CHANGED : rc;
}

static int hash_here(struct walk *w, const char *path, const struct sys_stat *st, json_t *object)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	int rc = read_whole(w, path, st, &bytes);

	for (size_t i = 0; rc == 0 && i < RF_COUNT(algs); i++) {
		struct attest_digest d = {.alg = algs[i],
					  .len = (uint8_t)attest_digest_size(algs[i])};

		rc = attest_hash(w->hasher, algs[i], rf_buf_slice(&bytes), (struct rf_slice){0},
				 d.bytes);
		if (rc == 0)
			set_digest(object, &d);
	}
	if (rc == 0)
		json_object_set_new(object, "size", json_integer(st->size_bytes));
	return rc;
}

/* "size N\nsha1 HEX\n..." as members of object. */
static void take_digests(char *text, json_t *object)
{
	for (char *cursor = text, *line; (line = rf_line_next(&cursor));) {
		char *value = strchr(line, ' ');
		int64_t size;

		if (!value)
			continue;
		*value++ = '\0';
		if (strcmp(line, "size") != 0)
			json_object_set_new(object, line, json_string(value));
		else if (rf_num(value, 10, 0, INT64_MAX, &size) == 0)
			json_object_set_new(object, line, json_integer(size));
	}
}

static void add_signers(struct walk *w, const struct pe *pe, json_t *object)
{
	json_t *signers = json_array();
	struct pe_signature signature;
	size_t at = 0;

	while (pe_signature_next(w->hasher, pe, &at, &signature, NULL) > 0)
		json_array_append_new(signers, json_string(signature.signer));
	json_object_set_new(object, "signers", signers);
}

/* For a boot program: what firmware measures of it, and who signed. Others get nothing. */
static void add_program(struct walk *w, const char *path, const struct sys_stat *st, json_t *object)
{
	RF_AUTOBUF struct rf_buf bytes = {0};
	struct pe pe;

	if ((sys_probe(w->sys, "boot-image", path, &bytes, NULL) < 0 &&
	     read_whole(w, path, st, &bytes) < 0) ||
	    pe_open(rf_buf_slice(&bytes), &pe, NULL) < 0)
		return;
	json_t *digests = json_object();

	for (size_t i = 0; i < RF_COUNT(algs); i++) {
		struct attest_digest digest;

		if (pe_digest(w->hasher, &pe, algs[i], PE_AS_MEASURED, &digest) == 0)
			set_digest(digests, &digest);
	}
	json_object_set_new(object, "authenticode", digests);
	add_signers(w, &pe, object);
}

/* Programs by the names that they have below /boot; reading all else whole would be for nothing. */
static bool may_be_program(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	size_t len = strlen(name);

	return (len > 4 && rf_equal_nocase(name + len - 4, ".efi")) || rf_starts(name, "vmlinu") ||
	       rf_starts(name, "kernel") || rf_starts(name, "linux") || rf_starts(name, "Image");
}

static void add_file(struct walk *w, const char *path, const struct sys_stat *st)
{
	RF_AUTOBUF struct rf_buf answer = {0};

	if (w->files_count >= MAX_FILES || w->bytes + st->size_bytes > MAX_BYTES ||
	    !rf_utf8_valid((const uint8_t *)path, strlen(path)))
		return;
	w->files_count++;
	w->bytes += st->size_bytes;
	json_t *file = json_object();

	json_object_set_new(file, "path", json_string(path));
	if (sys_probe(w->sys, "file-digest", path, &answer, NULL) == 0 && answer.len) {
		take_digests((char *)answer.data, file);
	} else if (hash_here(w, path, st, file) < 0) {
		json_decref(file);
		return;
	}
	if (may_be_program(path))
		add_program(w, path, st, file);
	json_array_append_new(w->files, file);
}

/* Depth is bounded; symbolic links are not followed, so there are no cycles. */
static void walk_dir(struct walk *w, const char *dir, unsigned depth)
{
	SYS_AUTONAMES struct sys_names names = {0};

	if (depth > MAX_DEPTH || sys_list(w->sys, dir, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		char path[RF_MAX_PATH_BYTES];
		struct sys_stat st;

		if (!rf_format(path, sizeof(path), "%s/%s", dir, names.names[i]) ||
		    sys_stat(w->sys, path, &st) < 0)
			continue;
		if (st.type == S_IFDIR)
			walk_dir(w, path, depth + 1);
		else if (st.type == S_IFREG)
			add_file(w, path, &st);
	}
}

json_t *boot_files_json(struct sys *sys)
{
	struct walk w = {.sys = sys, .files = json_array()};

	if (!w.files || attest_hasher_new(&w.hasher, NULL) < 0) {
		json_decref(w.files);
		return NULL;
	}
	walk_dir(&w, "/boot", 0);
	walk_dir(&w, "/efi", 0);
	attest_hasher_free(w.hasher);
	return w.files;
}
