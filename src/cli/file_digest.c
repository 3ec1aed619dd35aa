/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of files through the seam; see file_digest.h. Source: the probes file-digest and file-md5
 * (sys/digest.h). */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/file_digest.h"

static const uint16_t algs[FILE_DIGESTS] = {ATTEST_SHA1, ATTEST_SHA256, ATTEST_SHA384};

/* A line "sha256 HEX" as one of the digests; false for any other line. */
static bool take_line(char *line, struct attest_digest *out)
{
	const char *word = rf_word_next(&line), *hex = rf_word_next(&line);

	for (size_t i = 0; word && hex && i < RF_COUNT(algs); i++) {
		char name[16];
		size_t len = 0;

		if (strcmp(word, attest_alg_name(algs[i], name)) != 0 ||
		    rf_hex_decode(hex, out->bytes, sizeof(out->bytes), &len) < 0 ||
		    len != attest_digest_size(algs[i]))
			continue;
		out->alg = algs[i];
		out->len = (uint8_t)len;
		return true;
	}
	return false;
}

size_t file_digest_ask(struct sys *sys, const char *path, struct attest_digest out[FILE_DIGESTS])
{
	RF_AUTOBUF struct rf_buf answer = {0};
	size_t count = 0;

	if (sys_probe(sys, "file-digest", path, &answer, NULL) < 0 || !answer.len)
		return 0;
	for (char *cursor = (char *)answer.data, *line; (line = rf_line_next(&cursor));)
		count += count < FILE_DIGESTS && take_line(line, &out[count]);
	return count;
}

void file_digest_ask_md5(struct sys *sys, const char *path, char out[33])
{
	RF_AUTOBUF struct rf_buf answer = {0};
	char *cursor, *word;

	out[0] = '\0';
	if (sys_probe(sys, "file-md5", path, &answer, NULL) < 0 || !answer.len)
		return;
	cursor = (char *)answer.data;
	word = rf_word_next(&cursor);
	if (word && strlen(word) == 32)
		rf_copy(out, 33, word);
}

int file_digest_read(struct sys *sys, const char *path, size_t max_bytes, struct rf_buf *out)
{
	struct sys_stat st;
	int rc = sys_stat(sys, path, &st);

	if (rc == 0)
		rc = sys_read(sys, path, max_bytes, out, NULL);
	return rc == 0 && out->len != (size_t)st.size_bytes ? RF_E_CHANGED : rc;
}
