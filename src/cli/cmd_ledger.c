/* SPDX-License-Identifier: Apache-2.0 */
/* ringfence ledger show, verify, export: reading only; the ledger's lock is not taken. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "change/priv.h"
#include "cli/common.h"
#include "govern/ledger.h"

#define MAX_LEDGER_BYTES (1u << 30)
#define MAX_KEY_BYTES	 65536u

/* ROOT/STATE/ledger/NAME, as the options say. */
static bool path_of(const struct cli_args *args, const char *name, char out[RF_MAX_PATH_BYTES])
{
	const char *root = cli_value(args, OPT_ROOT), *state = cli_value(args, OPT_STATE_DIR);

	if (state)
		return rf_format(out, RF_MAX_PATH_BYTES, "%s/ledger/%s", state, name);
	return rf_format(out, RF_MAX_PATH_BYTES, "%s%s/ledger/%s", root ? root : "", PRIV_STATE_DIR,
			 name);
}

static int own_read(const struct cli_args *args, const char *name, size_t max_bytes,
		    struct rf_buf *out, struct rf_err *err)
{
	char path[RF_MAX_PATH_BYTES];

	if (!path_of(args, name, path))
		return rf_fail(err, -ENAMETOOLONG, "the path is too long");
	int rc = common_read_file(path, max_bytes, out, err);

	if (rc == -ENOENT)
		return rf_fail(err, rc, "%s: there is no ledger yet", path);
	return rc;
}

static const char *text_of(const json_t *entry, const char *key)
{
	const char *text = json_string_value(json_object_get(entry, key));

	return text ? text : "";
}

static int entry_show(void *arg, struct rf_slice line)
{
	bool json = *(bool *)arg;
	RF_AUTOBUF struct rf_buf shown = {0}, text = {0};

	if (json) {
		printf("%.*s\n", (int)line.len, (const char *)line.data);
		return 0;
	}
	json_t *entry = json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES, NULL);

	rf_buf_printf(&text, "%6lld  %-24s  %-9s %-8s %-28s %s",
		      (long long)json_integer_value(json_object_get(entry, "n")),
		      text_of(entry, "time"), text_of(entry, "kind"), text_of(entry, "actor"),
		      text_of(entry, "about"), text_of(entry, "text"));
	rf_buf_add_visible(&shown, rf_buf_text(&text), text.len);
	printf("%s\n", rf_buf_text(&shown));
	json_decref(entry);
	return 0;
}

int cmd_ledger_show(const struct cli_args *args, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf file = {0};
	const char *output = cli_value(args, OPT_OUTPUT);
	bool json = rf_equal(output, "json");
	int rc = output && !json && strcmp(output, "text") != 0
			 ? rf_fail(err, RF_E_USAGE, "-o: text or json, not %s", output)
			 : own_read(args, LEDGER_FILE, MAX_LEDGER_BYTES, &file, err);

	return rc ? rc : ledger_each(rf_buf_slice(&file), entry_show, &json, err);
}

static int report_show(const struct ledger_report *r, bool json)
{
	static const char *const names[] = {
		[LEDGER_INTACT] = "intact",	  [LEDGER_EDITED] = "edited",
		[LEDGER_LOST] = "lost",		  [LEDGER_REORDERED] = "reordered",
		[LEDGER_TRUNCATED] = "truncated", [LEDGER_UNSIGNED] = "unsigned",
		[LEDGER_FORGED] = "forged",	  [LEDGER_MALFORMED] = "malformed",
	};

	if (json)
		printf("{\"fault\": \"%s\", \"entry\": %llu, \"line\": %llu, \"proven\": %llu}\n",
		       names[r->fault], (unsigned long long)r->at, (unsigned long long)r->line,
		       (unsigned long long)r->entries);
	else
		printf("%s: %s\n", names[r->fault], r->text);
	return r->fault == LEDGER_INTACT ? 0 : CLI_FINDINGS;
}

int cmd_ledger_verify(const struct cli_args *args, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf file = {0}, key = {0}, known = {0};
	const char *name = args->words_count ? args->words[0] : NULL;
	const char *key_name = cli_value(args, OPT_KEY), *known_name = cli_value(args, OPT_KNOWN);
	struct ledger_report report;

	if (name && !key_name)
		return rf_fail(err, RF_E_USAGE,
			       "an exported ledger is verified with its public key: --key FILE, "
			       "from a place you trust");
	int rc = name ? common_read_file(name, MAX_LEDGER_BYTES, &file, err)
		      : own_read(args, LEDGER_FILE, MAX_LEDGER_BYTES, &file, err);

	if (!rc)
		rc = key_name ? common_read_file(key_name, MAX_KEY_BYTES, &key, err)
			      : own_read(args, LEDGER_PUBLIC_FILE, MAX_KEY_BYTES, &key, err);
	if (!rc && known_name)
		rc = common_read_file(known_name, MAX_KEY_BYTES, &known, err);
	if (!rc)
		rc = ledger_verify(rf_buf_slice(&file), rf_buf_text(&key), rf_buf_slice(&known),
				   &report, err);
	return rc ? rc : report_show(&report, rf_equal(cli_value(args, OPT_OUTPUT), "json"));
}

static int write_file(const char *name, const char *ending, const char *text, size_t len,
		      struct rf_err *err)
{
	char path[RF_MAX_PATH_BYTES];

	if (!rf_format(path, sizeof(path), "%s%s", name, ending))
		return rf_fail(err, -ENAMETOOLONG, "%s: the path is too long", name);
	FILE *f = fopen(path, "wxe");

	if (!f)
		return rf_fail(err, -errno, "%s: %s", path, rf_code_text(-errno));
	bool done = fwrite(text, 1, len, f) == len;

	done = fclose(f) == 0 && done;
	return done ? 0 : rf_fail(err, -EIO, "%s could not be written", path);
}

/* The newest checkpoint, as the signed note that other tools of the format read. */
static int note_find(struct rf_slice file, struct rf_buf *out)
{
	for (size_t end = file.len; end > 0;) {
		size_t start = end - 1;

		while (start > 0 && file.data[start - 1] != '\n')
			start--;
		json_t *line = json_loadb((const char *)file.data + start, end - start,
					  JSON_REJECT_DUPLICATES, NULL);
		const char *note = json_string_value(json_object_get(line, "checkpoint"));
		int rc = note ? rf_buf_add_text(out, note) : 0;

		json_decref(line);
		if (note)
			return rc;
		end = start;
	}
	return RF_E_MISSING;
}

int cmd_ledger_export(const struct cli_args *args, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf file = {0}, key = {0}, note = {0};
	const char *name = args->words[0];
	int rc = own_read(args, LEDGER_FILE, MAX_LEDGER_BYTES, &file, err);

	if (!rc)
		rc = own_read(args, LEDGER_PUBLIC_FILE, MAX_KEY_BYTES, &key, err);
	if (!rc && note_find(rf_buf_slice(&file), &note) < 0)
		rc = rf_fail(err, RF_E_MISSING, "the ledger is empty");
	if (!rc)
		rc = write_file(name, "", (const char *)file.data, file.len, err);
	if (!rc)
		rc = write_file(name, ".pub", (const char *)key.data, key.len, err);
	if (!rc)
		rc = write_file(name, ".checkpoint", (const char *)note.data, note.len, err);
	if (!rc)
		printf("Exported. Verify it anywhere: ringfence ledger verify %s --key %s.pub\n",
		       name, name);
	return rc;
}
