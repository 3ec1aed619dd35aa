/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent reads of others: a signed command's text (the signature's key is known here, so
 * that the text is reached), a record of the spool, a state and a difference of facts, a request
 * for a job, a hook's site and a VM's definition. */
#include <openssl/evp.h>
#include <string.h>

#include "agent/command.h"
#include "model/difference.h"
#include "agent/hook.h"
#include "agent/job.h"
#include "agent/spool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int ignore(void *arg, enum difference_op op, const struct fact_table *table,
		  const struct fact_value *values)
{
	(void)arg;
	(void)op;
	(void)table;
	(void)values;
	return 0;
}

static int taken(void *arg, struct rf_slice bytes)
{
	bool more;

	/* What we make, we can read. */
	if (difference_each(bytes, ignore, arg, &more, NULL))
		__builtin_trap();
	return 0;
}

static void command(struct rf_slice text)
{
	static const uint8_t seed[32] = "a key of the fuzzer";
	static EVP_PKEY *key;
	struct command_context context = {.host = "h-1", .now_ms = 1700000000000};
	uint8_t signature[64];
	size_t len = 32, signature_len = 64;
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	if (!key)
		key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	EVP_PKEY_get_raw_public_key(key, context.key, &len);
	EVP_DigestSignInit(md, NULL, NULL, NULL, key);
	EVP_DigestSign(md, signature, &signature_len, text.data, text.len);
	EVP_MD_CTX_free(md);
	const struct wire_frame frame = {WIRE_COMMAND, text, {signature, 64}};
	COMMAND_AUTO struct command c = {.verb = NULL};

	if (command_check(&frame, &context, &c, NULL, NULL) || c.verb->by != COMMAND_BY_LINE)
		return;
	COMMAND_AUTOLINE struct command_line line = {.count = 0};

	if (command_line_make(&c, "/f", &line, NULL))
		return;
	for (size_t i = 0; command_line_word(&line, i); i++) {
		if (strncmp(command_line_word(&line, i), "--root", 6) == 0)
			__builtin_trap();
	}
}

static void state(struct rf_slice bytes)
{
	const struct difference_sink sink = {taken, NULL, 1 << 20};
	RF_AUTOBUF struct rf_buf next = {0};
	struct difference *d = NULL;
	size_t count;

	if (difference_new(bytes, &d, NULL))
		return;
	(void)!difference_row(d, bytes, NULL);
	(void)!difference_end(d, &sink, &next, &count, NULL);
	difference_free(d);
}

static void job(struct rf_slice in)
{
	static struct job_request request;
	const char *words[JOB_WORDS + 1];

	memset(&request, 0, sizeof(request));
	memcpy(&request, in.data, in.len < sizeof(request) ? in.len : sizeof(request));
	request.magic = JOB_MAGIC;
	(void)!job_request_check(&request, JOB_OF_PRIV, words, NULL);
	(void)!job_request_check(&request, JOB_OF_COLLECT, words, NULL);
}

static void hook(struct rf_slice in)
{
	struct hook_site site = {.open_on_silence = false};
	bool tagged;

	(void)!hook_site_parse(in, &site, NULL);
	(void)!hook_tagged(&site, "web-1", in, &tagged, NULL);
	hook_site_done(&site);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct rf_slice in = {data, size};
	struct wire_frame frame;
	uint64_t number;
	bool more;

	if (size > 0)
		job(in);
	command(in);
	state(in);
	hook(in);
	(void)!spool_record_read(in, &frame, &number, NULL);
	(void)!difference_each(in, ignore, NULL, &more, NULL);
	return 0;
}
