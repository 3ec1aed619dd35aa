/* SPDX-License-Identifier: Apache-2.0 */
/* The table of jobs and the check of what asks for one. See job.h. */
#include "agent/job.h"

#include <string.h>

#include "agent/command.h"
#include "base/mem.h"
#include "base/str.h"

static const struct {
	enum job_role asks;
	const char *role;
	unsigned words_most, seconds;
	const char *letters; /* of its words; NULL: a command line */
} jobs[JOB_KINDS] = {
	[JOB_FACTS] = {JOB_OF_COLLECT, "facts", 1, 300, "whole"},
	[JOB_EVIDENCE] = {JOB_OF_COLLECT, "evidence", 1, 60, "0123456789abcdef"},
	[JOB_LEDGER] = {JOB_OF_COLLECT, "ledger", 1, 60, "0123456789"},
	[JOB_COMMAND] = {JOB_OF_PRIV, NULL, JOB_WORDS, 1800, NULL},
	[JOB_SECRET] = {JOB_OF_PRIV, "secret", 2, 20, "abcdefghijklmnopqrstuvwxyz0123456789-"},
	[JOB_RUNNING] = {JOB_OF_PRIV, NULL, 0, 0, ""},
};

const char *job_role_name(enum job_kind kind)
{
	return jobs[kind].role;
}

unsigned job_seconds(enum job_kind kind)
{
	return jobs[kind].seconds;
}

int job_request_make(enum job_kind kind, const char *id, const char *const *words,
		     struct job_request *out, struct rf_err *err)
{
	*out = (struct job_request){.magic = JOB_MAGIC, .kind = (uint32_t)kind};
	if (!rf_copy(out->id, sizeof(out->id), id))
		return rf_fail(err, RF_E_LIMIT, "a job's id is too long");
	for (; words && *words; words++) {
		size_t len = strlen(*words) + 1;

		if (out->count == JOB_WORDS || len > JOB_TEXT_BYTES - out->length)
			return rf_fail(err, RF_E_LIMIT, "a job's words are too many");
		memcpy(out->texts + out->length, *words, len);
		out->length += (uint32_t)len;
		out->count++;
	}
	return 0;
}

/* The words of a verb's line come first, as they stand in its row. */
static bool begins_so(const char *const *words, const char *line)
{
	char copy[64], *cursor = copy, *word;

	if (!line || !rf_copy(copy, sizeof(copy), line))
		return false;
	for (; cursor && (word = rf_word_next(&cursor)); words++) {
		if (!*words || strcmp(*words, word) != 0)
			return false;
	}
	return true;
}

/* No option but those that our own table makes. */
static bool options_good(const char *const *words)
{
	static const char *const known[] = {
		"--output=json", "--yes",      "--release",	 "--kept",
		"--apply",	 "--profile=", "--only=",	 "--zone=",
		"--level=",	 "--reason=",  "--trusted-only", "--allow=",
		"--honeywall=",	 "--plan=",    "--confirm=",	 "--confirm-within="};

	for (; *words; words++) {
		bool found = (*words)[0] != '-';

		for (size_t i = 0; i < RF_COUNT(known) && !found; i++)
			found = rf_ends(known[i], "=") ? rf_starts(*words, known[i])
						       : strcmp(*words, known[i]) == 0;
		if (!found)
			return false;
	}
	return true;
}

static bool line_good(const char *const *words)
{
	for (const struct command_verb *v = command_verbs; v->name; v++) {
		if (v->by == COMMAND_BY_LINE && begins_so(words, v->line))
			return options_good(words);
	}
	return false;
}

bool job_takes_state(const char *const *words)
{
	for (const struct command_verb *v = command_verbs; v->name; v++) {
		if (v->by == COMMAND_BY_LINE && begins_so(words, v->line))
			return v->state;
	}
	return false;
}

static bool words_good(enum job_kind kind, const char *const *words)
{
	if (kind == JOB_COMMAND)
		return line_good(words);
	for (; *words; words++) {
		if (strspn(*words, jobs[kind].letters) != strlen(*words) || !(*words)[0])
			return false;
	}
	return true;
}

int job_request_check(const struct job_request *request, enum job_role role,
		      const char *words[JOB_WORDS + 1], struct rf_err *err)
{
	uint32_t at = 0, count = 0;

	if (request->magic != JOB_MAGIC || request->kind == JOB_NONE ||
	    request->kind >= JOB_KINDS || request->count > JOB_WORDS ||
	    request->length > JOB_TEXT_BYTES || !memchr(request->id, 0, sizeof(request->id)))
		return rf_fail(err, RF_E_SYNTAX, "not a request for a job");
	const enum job_kind kind = (enum job_kind)request->kind;

	if (jobs[kind].asks != role || request->count > jobs[kind].words_most)
		return rf_fail(err, RF_E_DENIED, "this role may not ask for that job");
	for (; count < request->count; count++) {
		const char *end = memchr(request->texts + at, 0, request->length - at);

		if (!end)
			return rf_fail(err, RF_E_SYNTAX, "a job's word has no end");
		words[count] = request->texts + at;
		at = (uint32_t)(end - request->texts) + 1;
	}
	words[count] = NULL;
	if (at != request->length)
		return rf_fail(err, RF_E_SYNTAX, "something stands behind a job's words");
	return words_good(kind, words) ? 0 : rf_fail(err, RF_E_DENIED, "no job has these words");
}
