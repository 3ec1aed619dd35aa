/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of the manager: the checks, and the tables of verbs and of their arguments. See
 * command.h. Ed25519: RFC 8032 by libcrypto. Nothing is read of a text whose signature is not good.
 */
#include "agent/command.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

const struct command_verb command_verbs[] = {
	{"check", COMMAND_BY_LINE, "check", "--output=json", false},
	{"attest", COMMAND_BY_LINE, "attest status", "--output=json", false},
	{"facts", COMMAND_BY_FACTS, NULL, NULL, false},
	{"isolate-plan", COMMAND_BY_LINE, "isolate plan", "--output=json", true},
	{"isolate-apply", COMMAND_BY_LINE, "isolate apply", "--output=json", true},
	{"isolate-rollback", COMMAND_BY_LINE, "isolate rollback", NULL, true},
	{"quarantine", COMMAND_BY_LINE, "quarantine", "--yes", true},
	{"quarantine-trusted-only", COMMAND_BY_LINE, "quarantine", "--trusted-only --yes", true},
	{"quarantine-release", COMMAND_BY_LINE, "quarantine", "--release --yes", true},
	{"fix-plan", COMMAND_BY_LINE, "fix", "--output=json", true},
	{"fix-apply", COMMAND_BY_LINE, "fix", "--apply", true},
	/* Keeps what was applied with confirm_within_s. */
	{"confirm", COMMAND_BY_LINE, "fix", NULL, true},
	{"renew", COMMAND_BY_RENEW, NULL, NULL, false},
	{"retire", COMMAND_BY_RETIRE, NULL, NULL, false},
	{NULL, COMMAND_BY_LINE, NULL, NULL, false},
};

/* How an argument becomes words. */
enum argument_as {
	AS_WORD,    /* a name: itself, or behind its option */
	AS_WORDS,   /* a list of names: each so */
	AS_TEXT,    /* a sentence, behind its option */
	AS_SECONDS, /* a number: "60s" */
	AS_FILE,    /* contents of a file, whose path is the word */
	AS_FLAG,    /* no word: the role reads it */
};

#define TEXT_MAX    512
#define WORD_MAX    256
#define FILE_MAX    (192u * 1024u)
#define SECONDS_MAX 86400

static const struct argument {
	const char *verb, *name;
	enum argument_as as;
	const char *option; /* "--level="; NULL: a word of its own */
	bool required;
	const char *otherwise; /* the word where it is not given; NULL */
} arguments[] = {
	{"check", "profile", AS_WORD, "--profile=", false, NULL},
	{"check", "controls", AS_WORDS, "--only=", false, NULL},
	{"facts", "whole", AS_FLAG, NULL, false, NULL},
	{"isolate-plan", "policy", AS_FILE, NULL, false, "--kept"},
	{"isolate-apply", "policy", AS_FILE, NULL, false, "--kept"},
	{"isolate-apply", "confirm_within_s", AS_SECONDS, "--confirm-within=", false, NULL},
	{"isolate-rollback", "plan", AS_WORD, NULL, false, NULL},
	{"quarantine", "vm", AS_WORD, NULL, false, NULL},
	{"quarantine", "zone", AS_WORD, "--zone=", false, NULL},
	{"quarantine", "level", AS_WORD, "--level=", true, NULL},
	{"quarantine", "reason", AS_TEXT, "--reason=", true, NULL},
	{"quarantine", "allow", AS_WORDS, "--allow=", false, NULL},
	{"quarantine", "honeywall", AS_WORD, "--honeywall=", false, NULL},
	{"quarantine-trusted-only", "level", AS_WORD, "--level=", true, NULL},
	{"quarantine-trusted-only", "reason", AS_TEXT, "--reason=", true, NULL},
	{"quarantine-release", "vm", AS_WORD, NULL, false, NULL},
	{"quarantine-release", "zone", AS_WORD, "--zone=", false, NULL},
	{"quarantine-release", "reason", AS_TEXT, "--reason=", true, NULL},
	{"fix-plan", "controls", AS_WORDS, NULL, false, NULL},
	{"fix-apply", "controls", AS_WORDS, NULL, false, NULL},
	{"fix-apply", "plan", AS_FILE, "--plan=", false, NULL},
	{"fix-apply", "confirm_within_s", AS_SECONDS, "--confirm-within=", false, NULL},
	{"confirm", "plan", AS_WORD, "--confirm=", true, NULL},
};

const struct command_verb *command_verb_find(const char *name)
{
	for (const struct command_verb *v = command_verbs; v->name; v++) {
		if (strcmp(v->name, name) == 0)
			return v;
	}
	return NULL;
}

void command_done(struct command *command)
{
	message_done(&command->message);
}

void command_line_done(struct command_line *line)
{
	rf_buf_done(&line->texts);
}

/* ---- who, for whom, when ---- */

static bool signature_good(const struct wire_frame *frame, const uint8_t key[COMMAND_KEY_BYTES])
{
	EVP_PKEY *public =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, COMMAND_KEY_BYTES);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool good = public && md && frame->bytes.len == COMMAND_SIGNATURE_BYTES &&
		    EVP_DigestVerifyInit(md, NULL, NULL, NULL, public) == 1 &&
		    EVP_DigestVerify(md, frame->bytes.data, frame->bytes.len, frame->text.data,
				     frame->text.len) == 1;

	EVP_MD_CTX_free(md);
	EVP_PKEY_free(public);
	return good;
}

static int time_check(const struct message *m, int64_t now_ms, struct rf_err *err)
{
	const int64_t issued = m->command.issued_ms, expires = m->command.expires_ms;

	if (expires <= issued || expires - issued > COMMAND_LIFE_MS)
		return rf_fail(err, RF_E_DENIED, "its time is no time: at most %d days",
			       (int)(COMMAND_LIFE_MS / 86400000));
	if (now_ms < issued - COMMAND_SKEW_MS)
		return rf_fail(err, RF_E_TIMEOUT,
			       "it was given %lld s from now: look at both clocks",
			       (long long)((issued - now_ms) / 1000));
	if (now_ms > expires + COMMAND_SKEW_MS)
		return rf_fail(err, RF_E_TIMEOUT, "it expired %lld s ago",
			       (long long)((now_ms - expires) / 1000));
	return 0;
}

static const struct argument *argument_find(const char *verb, const char *name)
{
	for (size_t i = 0; i < RF_COUNT(arguments); i++) {
		if (strcmp(arguments[i].verb, verb) == 0 && strcmp(arguments[i].name, name) == 0)
			return &arguments[i];
	}
	return NULL;
}

/* Nothing that ends a word, a line or a terminal's patience. */
static bool text_good(const json_t *value, size_t max)
{
	const char *text = json_string_value(value);

	if (!text || !text[0] || json_string_length(value) > max ||
	    strlen(text) != json_string_length(value))
		return false;
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	}
	return true;
}

/* A name is never taken for an option. */
static bool word_good(const json_t *value)
{
	return text_good(value, WORD_MAX) && json_string_value(value)[0] != '-';
}

static bool words_good(const json_t *value)
{
	const json_t *one;
	size_t i;

	if (!json_is_array(value) || json_array_size(value) > COMMAND_WORDS / 2)
		return false;
	json_array_foreach(value, i, one)
	{
		if (!word_good(one))
			return false;
	}
	return true;
}

static bool value_good(const struct argument *a, const json_t *value)
{
	switch (a->as) {
	case AS_WORD:
		return word_good(value);
	case AS_WORDS:
		return words_good(value);
	case AS_TEXT:
		return text_good(value, TEXT_MAX);
	case AS_SECONDS:
		return json_is_integer(value) && json_integer_value(value) > 0 &&
		       json_integer_value(value) <= SECONDS_MAX;
	case AS_FILE:
		return json_is_string(value) && json_string_length(value) <= FILE_MAX &&
		       strlen(json_string_value(value)) == json_string_length(value);
	case AS_FLAG:
		return json_is_boolean(value);
	}
	return false;
}

static int arguments_check(const struct command *c, struct rf_err *err)
{
	json_t *given = c->message.command.arguments, *value;
	const char *verb = c->verb->name, *name;

	json_object_foreach(given, name, value)
	{
		const struct argument *a = argument_find(verb, name);

		if (!a)
			return rf_fail(err, RF_E_UNKNOWN, "%s has no argument %s", verb, name);
		if (!value_good(a, value))
			return rf_fail(err, RF_E_SYNTAX, "%s: %s: not a value that it takes", verb,
				       name);
	}
	for (size_t i = 0; i < RF_COUNT(arguments); i++) {
		const struct argument *a = &arguments[i];

		if (a->required && strcmp(a->verb, verb) == 0 && !json_object_get(given, a->name))
			return rf_fail(err, RF_E_MISSING, "%s: %s is missing", verb, a->name);
	}
	/* Whom: one of the two. */
	if (argument_find(verb, "vm") &&
	    !json_object_get(given, "vm") == !json_object_get(given, "zone"))
		return rf_fail(err, RF_E_MISSING, "%s: one of vm and zone", verb);
	return 0;
}

static int check(const struct command_context *context, struct command *c, struct rf_err *err)
{
	const struct message *m = &c->message;

	if (strcmp(m->command.host, context->host) != 0)
		return rf_fail(err, RF_E_DENIED, "it is for host %s", m->command.host);
	/* Before the time: what was done already stays done. */
	if (m->command.serial <= context->serial)
		return rf_fail(err, RF_E_DUPLICATE,
			       "its serial %lld is not new (the last was %lld)",
			       (long long)m->command.serial, (long long)context->serial);
	int rc = time_check(m, context->now_ms, err);

	if (rc)
		return rc;
	c->verb = command_verb_find(m->command.verb);
	if (!c->verb)
		return rf_fail(err, RF_E_UNKNOWN, "there is no verb %s", m->command.verb);
	return arguments_check(c, err);
}

int command_check(const struct wire_frame *frame, const struct command_context *context,
		  struct command *out, bool *signed_by_manager, struct rf_err *err)
{
	bool good = frame->kind == WIRE_COMMAND && signature_good(frame, context->key);

	*out = (struct command){.verb = NULL};
	if (signed_by_manager)
		*signed_by_manager = good;
	if (!good)
		return rf_fail(err, RF_E_DENIED,
			       "command: not signed by the manager that this host joined");
	int rc = message_read(WIRE_COMMAND, frame->text, &out->message, err);

	if (rc)
		return rf_wrap(err, rc, "command");
	rc = check(context, out, err);
	return rc ? rf_wrap(err, rc, "command %s", out->message.command.command) : 0;
}

/* ---- the command line ---- */

static int word_add(struct command_line *line, const char *option, const char *word,
		    const char *unit)
{
	if (line->count == COMMAND_WORDS)
		return RF_E_LIMIT;
	line->words[line->count++] = line->texts.len;
	rf_buf_printf(&line->texts, "%s%s%s", option ? option : "", word, unit);
	rf_buf_add_byte(&line->texts, 0);
	return line->texts.failed ? -ENOMEM : 0;
}

static int words_add(struct command_line *line, const char *text)
{
	char words[128], *cursor = words, *word;
	int rc = 0;

	if (!text || !rf_copy(words, sizeof(words), text))
		return text ? RF_E_LIMIT : 0;
	while (!rc && cursor && (word = rf_word_next(&cursor)))
		rc = word_add(line, NULL, word, "");
	return rc;
}

static int list_add(struct command_line *line, const char *option, const json_t *list)
{
	const json_t *one;
	size_t i;
	int rc = 0;

	json_array_foreach(list, i, one)
	{
		if (!rc)
			rc = word_add(line, option, json_string_value(one), "");
	}
	return rc;
}

static int argument_add(struct command_line *line, const struct argument *a, const json_t *value,
			const char *file)
{
	char number[24];

	switch (a->as) {
	case AS_WORD:
	case AS_TEXT:
		return word_add(line, a->option, json_string_value(value), "");
	case AS_WORDS:
		return list_add(line, a->option, value);
	case AS_SECONDS:
		rf_format(number, sizeof(number), "%lld", (long long)json_integer_value(value));
		return word_add(line, a->option, number, "s");
	case AS_FILE:
		line->file_text = json_string_value(value);
		return word_add(line, a->option, file, "");
	case AS_FLAG:
		return 0;
	}
	return RF_E_UNKNOWN;
}

int command_line_make(const struct command *command, const char *file, struct command_line *out,
		      struct rf_err *err)
{
	const struct command_verb *verb = command->verb;
	int rc;

	*out = (struct command_line){.count = 0};
	if (verb->by != COMMAND_BY_LINE)
		return rf_fail(err, RF_E_USAGE, "%s is no command line", verb->name);
	rc = words_add(out, verb->line);
	if (!rc)
		rc = words_add(out, verb->options);
	for (size_t i = 0; !rc && i < RF_COUNT(arguments); i++) {
		const struct argument *a = &arguments[i];
		const json_t *value =
			strcmp(a->verb, verb->name) == 0
				? json_object_get(command->message.command.arguments, a->name)
				: NULL;

		if (value)
			rc = argument_add(out, a, value, file);
		else if (strcmp(a->verb, verb->name) == 0 && a->otherwise)
			rc = word_add(out, NULL, a->otherwise, "");
	}
	return rc ? rf_fail(err, rc, "%s: %s", verb->name, rf_code_text(rc)) : 0;
}

const char *command_line_word(const struct command_line *line, size_t n)
{
	return n < line->count ? (const char *)line->texts.data + line->words[n] : NULL;
}
