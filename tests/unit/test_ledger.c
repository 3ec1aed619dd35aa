/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger: RFC 6962 vectors, signed notes, appending, crashes, and every way to alter it. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/str.h"
#include "govern/parts.h"

struct place {
	char dir[64];
	int fd;
};

static void place_make(struct place *p)
{
	*p = (struct place){.dir = "/tmp/rf-ledger-XXXXXX"};
	assert_non_null(mkdtemp(p->dir));
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY);
	assert_true(p->fd >= 0);
}

static void place_done(struct place *p)
{
	char command[128];

	close(p->fd);
	snprintf(command, sizeof(command), "rm -rf %s", p->dir);
	assert_int_equal(system(command), 0);
}

static void path_of(const struct place *p, const char *name, char out[160])
{
	snprintf(out, 160, "%s/ledger/%s", p->dir, name);
}

static void slurp(const struct place *p, const char *name, struct rf_buf *out)
{
	char path[160], block[4096];
	size_t n;

	path_of(p, name, path);
	FILE *f = fopen(path, "rb");

	assert_non_null(f);
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		rf_buf_add(out, block, n);
	fclose(f);
}

static void spit(const struct place *p, const char *name, struct rf_slice data)
{
	char path[160];

	path_of(p, name, path);
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(data.data, 1, data.len, f), data.len);
	fclose(f);
}

static struct ledger *must_open(const struct place *p)
{
	struct ledger *ledger = NULL;
	struct rf_err err = {0};

	if (ledger_open(p->fd, "web-3", &ledger, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	return ledger;
}

static void append(struct ledger *ledger, const char *text)
{
	struct rf_err err = {0};
	const struct ledger_entry entry = {.kind = "apply",
					   .actor = "uid 0",
					   .about = "20261123-101010-abc",
					   .text = text,
					   .time_ms = 1763892610123};

	if (ledger_append(ledger, &entry, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
}

/* Five entries, closed again. */
static void five(struct place *p)
{
	static const char *const texts[] = {"one", "two", "three", "four", "five"};

	place_make(p);
	struct ledger *ledger = must_open(p);

	for (size_t i = 0; i < RF_COUNT(texts); i++)
		append(ledger, texts[i]);
	assert_int_equal(ledger_size(ledger), 5);
	ledger_close(ledger);
}

static struct ledger_report verify(const struct place *p, struct rf_slice file, const char *known)
{
	RF_AUTOBUF struct rf_buf key = {0};
	struct ledger_report report = {0};
	struct rf_err err = {0};

	slurp(p, LEDGER_PUBLIC_FILE, &key);
	if (ledger_verify(file, rf_buf_text(&key), rf_slice_text(known ? known : ""), &report,
			  &err) < 0)
		fail_msg("%s", rf_err_text(&err));
	return report;
}

/* ---- the tree ---- */

/* The vectors of Certificate Transparency's merkletree tests (RFC 6962's reference). */
static void tree_vectors(void **state)
{
	static const struct {
		const char *leaf, *root;
	} rows[] = {
		{"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
		{"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
		{"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
		{"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
		{"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
		{"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
		{"5051525354555657",
		 "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
		{"606162636465666768696a6b6c6d6e6f",
		 "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
	};
	struct ledger_tree tree = {0};
	uint8_t leaf[32], want[32], got[32];
	size_t len, n;

	(void)state;
	assert_int_equal(ledger_tree_root(&tree, got, NULL), 0);
	assert_int_equal(rf_hex_decode("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b78"
				       "52b855",
				       want, sizeof(want), &n),
			 0);
	assert_memory_equal(got, want, 32);
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		assert_int_equal(rf_hex_decode(rows[i].leaf, leaf, sizeof(leaf), &len), 0);
		assert_int_equal(rf_hex_decode(rows[i].root, want, sizeof(want), &n), 0);
		assert_int_equal(ledger_tree_add(&tree, (struct rf_slice){leaf, len}, NULL), 0);
		assert_int_equal(ledger_tree_root(&tree, got, NULL), 0);
		assert_memory_equal(got, want, 32);
	}
	assert_int_equal(tree.size, RF_COUNT(rows));
}

/* ---- notes ---- */

static void base64_is_strict(void **state)
{
	static const struct {
		const char *text;
		int rc;
		const char *want;
	} rows[] = {
		{"", 0, ""},
		{"Zg==", 0, "f"},
		{"Zm8=", 0, "fo"},
		{"Zm9v", 0, "foo"},
		{"Zm9vYg==", 0, "foob"},
		{"Zm9", RF_E_SYNTAX, ""},
		{"Zh==", RF_E_SYNTAX, ""},
		{"Zm9=", RF_E_SYNTAX, ""},
		{"Z===", RF_E_SYNTAX, ""},
		{"Zg==Zg==", RF_E_SYNTAX, ""},
		{"Zm9\n", RF_E_SYNTAX, ""},
		{"Zm9vYmFyZm9v", RF_E_LIMIT, ""},
	};

	(void)state;
	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		uint8_t out[8];
		size_t len = 99;

		assert_int_equal(
			rf_base64_decode(rf_slice_text(rows[i].text), out, sizeof(out), &len),
			rows[i].rc);
		if (rows[i].rc)
			continue;
		assert_int_equal(len, strlen(rows[i].want));
		assert_memory_equal(out, rows[i].want, len);
	}
}

/* The verifier key of c2sp.org/signed-note's example: id and form. */
static void keys_have_the_published_form(void **state)
{
	static const char example[] =
		"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
	NOTE_AUTOKEY struct note_key key = {0};
	char text[NOTE_KEY_TEXT];

	(void)state;
	assert_int_equal(note_key_parse(example, &key, NULL), 0);
	assert_string_equal(key.name, "PeterNeumann");
	assert_int_equal(note_key_text(&key, text, NULL), 0);
	assert_string_equal(text, example);
	assert_int_equal(note_key_parse("PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/"
					"LDE4izWy10TW",
					&key, NULL),
			 RF_E_MISMATCH);
	assert_int_equal(note_key_parse("x", &key, NULL), RF_E_SYNTAX);
	assert_int_equal(note_key_parse("a+b+c", &key, NULL), RF_E_SYNTAX);
	assert_int_equal(note_key_parse("", &key, NULL), RF_E_SYNTAX);
}

static void checkpoint_round(void **state)
{
	NOTE_AUTOKEY struct note_key key = {0}, other = {0};
	RF_AUTOBUF struct rf_buf pem = {0}, pem2 = {0}, note = {0};
	struct checkpoint c = {.origin = "ringfence/a", .size = 7, .root = {1, 2, 3}}, got = {0};
	struct rf_err err = {0};

	(void)state;
	assert_int_equal(note_key_make("ringfence/a", &key, &pem, &err), 0);
	assert_int_equal(note_key_make("ringfence/a", &other, &pem2, &err), 0);
	assert_int_equal(checkpoint_sign(&c, &key, &note, &err), 0);
	assert_true(rf_starts(rf_buf_text(&note), "ringfence/a\n7\nAQID"));
	assert_int_equal(checkpoint_open(rf_buf_slice(&note), &key, &got, &err), 0);
	assert_int_equal(got.size, 7);
	assert_memory_equal(got.root, c.root, 32);
	assert_int_equal(checkpoint_open(rf_buf_slice(&note), &other, &got, &err), RF_E_MISSING);
	/* Every bit of the signed text counts. */
	for (size_t i = 0; i < 60; i++) {
		note.data[i] ^= 1;
		assert_true(checkpoint_open(rf_buf_slice(&note), &key, &got, &err) < 0);
		note.data[i] ^= 1;
	}
	for (size_t len = 0; len < note.len; len++)
		assert_true(checkpoint_open((struct rf_slice){note.data, len}, &key, &got, &err) <
			    0);
}

/* ---- the file ---- */

static void appended_and_reopened(void **state)
{
	struct place p;
	RF_AUTOBUF struct rf_buf file = {0};
	struct stat st;
	char path[160];

	(void)state;
	five(&p);
	struct ledger *ledger = must_open(&p);

	assert_int_equal(ledger_size(ledger), 5);
	append(ledger, "six \"quoted\" \xc3\xa4\n");
	assert_int_equal(ledger_size(ledger), 6);
	assert_true(rf_starts(ledger_checkpoint(ledger), "ringfence/web-3\n6\n"));
	ledger_close(ledger);
	slurp(&p, LEDGER_FILE, &file);
	struct ledger_report r = verify(&p, rf_buf_slice(&file), NULL);

	assert_int_equal(r.fault, LEDGER_INTACT);
	assert_int_equal(r.entries, 6);
	path_of(&p, LEDGER_KEY_FILE, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	path_of(&p, LEDGER_FILE, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	place_done(&p);
}

static void too_large_or_no_text_is_refused(void **state)
{
	struct place p;
	struct rf_err err = {0};
	static char large[LEDGER_MAX_ENTRY_BYTES + 1];

	(void)state;
	place_make(&p);
	struct ledger *ledger = must_open(&p);
	struct ledger_entry entry = {.kind = "apply", .text = large};

	memset(large, 'x', sizeof(large) - 1);
	assert_int_equal(ledger_append(ledger, &entry, &err), RF_E_LIMIT);
	entry.text = "\xff";
	assert_int_equal(ledger_append(ledger, &entry, &err), RF_E_SYNTAX);
	assert_int_equal(ledger_size(ledger), 0);
	append(ledger, "fine");
	assert_int_equal(ledger_size(ledger), 1);
	ledger_close(ledger);
	place_done(&p);
}

/* Lines of a ledger of five: E0 C0 E1 C1 ... */
struct lines {
	struct rf_slice at[16];
	size_t count;
};

static void split(struct rf_slice file, struct lines *out)
{
	bool torn;

	out->count = 0;
	while (ledger_line_next(&file, &out->at[out->count], &torn))
		out->count++;
}

enum { END = -1 };

/* A ledger made of lines of the true one, by number. */
static const struct {
	const char *name;
	int lines[16];
	enum ledger_fault fault;
	int at;
} alterations[] = {
	{"untouched", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, END}, LEDGER_INTACT, 0},
	{"an entry lost", {0, 1, 3, 4, 5, 6, 7, 8, 9, END}, LEDGER_LOST, 1},
	{"an entry and its checkpoint lost", {0, 1, 4, 5, 6, 7, 8, 9, END}, LEDGER_LOST, 1},
	{"the first lost", {2, 3, 4, 5, 6, 7, 8, 9, END}, LEDGER_LOST, 0},
	{"two pairs change places", {0, 1, 4, 5, 2, 3, 6, 7, 8, 9, END}, LEDGER_REORDERED, 1},
	{"two entries change places", {0, 1, 4, 3, 2, 5, 6, 7, 8, 9, END}, LEDGER_REORDERED, 1},
	{"an entry twice", {0, 1, 2, 3, 2, 3, 4, 5, END}, LEDGER_REORDERED, 2},
	{"the last entry without its checkpoint", {0, 1, 2, 3, 4, END}, LEDGER_UNSIGNED, 2},
	{"the last entry lost, its checkpoint there", {0, 1, 2, 3, 5, END}, LEDGER_LOST, 2},
	{"a checkpoint less is no loss", {0, 2, 3, 4, 5, END}, LEDGER_INTACT, 0},
	{"an old checkpoint again", {0, 1, 2, 3, 1, 4, 5, END}, LEDGER_REORDERED, 1},
	{"empty", {END}, LEDGER_INTACT, 0},
};

static void alterations_are_named(void **state)
{
	struct place p;
	RF_AUTOBUF struct rf_buf file = {0};
	struct lines lines;

	(void)state;
	five(&p);
	slurp(&p, LEDGER_FILE, &file);
	split(rf_buf_slice(&file), &lines);
	assert_int_equal(lines.count, 10);
	for (size_t i = 0; i < RF_COUNT(alterations); i++) {
		RF_AUTOBUF struct rf_buf altered = {0};

		for (const int *n = alterations[i].lines; *n != END; n++) {
			rf_buf_add(&altered, lines.at[*n].data, lines.at[*n].len);
			rf_buf_add_byte(&altered, '\n');
		}
		struct ledger_report r = verify(&p, rf_buf_slice(&altered), NULL);

		if (r.fault != alterations[i].fault ||
		    (r.fault && r.at != (uint64_t)alterations[i].at))
			fail_msg("%s: fault %d at %d: %s", alterations[i].name, (int)r.fault,
				 (int)r.at, r.text);
	}
	place_done(&p);
}

/* One byte of any line but the line ends: never intact, and in an entry that entry is named. */
static void an_edited_byte_is_found(void **state)
{
	struct place p;
	RF_AUTOBUF struct rf_buf file = {0};
	struct lines lines;

	(void)state;
	five(&p);
	slurp(&p, LEDGER_FILE, &file);
	split(rf_buf_slice(&file), &lines);
	for (size_t n = 0; n < lines.count; n++) {
		size_t start = (size_t)(lines.at[n].data - file.data);

		for (size_t i = 0; i < lines.at[n].len; i += n % 2 ? 1 : 3) {
			uint8_t old = file.data[start + i];

			file.data[start + i] = old == 'x' ? 'y' : 'x';
			struct ledger_report r = verify(&p, rf_buf_slice(&file), NULL);

			file.data[start + i] = old;
			/* The nodes beside a checkpoint are a convenience that verify does not
			 * believe. */
			const char *nodes =
				memmem(lines.at[n].data, lines.at[n].len, "\",\"nodes\":", 10);
			bool ours = nodes && i > (size_t)(nodes - (const char *)lines.at[n].data);

			if (!ours && r.fault == LEDGER_INTACT)
				fail_msg("line %zu byte %zu", n, i);
			if (!ours && r.at != n / 2 && r.fault != LEDGER_MALFORMED)
				fail_msg("line %zu byte %zu: entry %d named: %s", n, i, (int)r.at,
					 r.text);
		}
	}
	place_done(&p);
}

static void a_cut_end_is_found_with_a_kept_checkpoint(void **state)
{
	struct place p;
	RF_AUTOBUF struct rf_buf file = {0};
	struct lines lines;
	char note[NOTE_MAX_BYTES];

	(void)state;
	five(&p);
	struct ledger *ledger = must_open(&p);

	rf_copy(note, sizeof(note), ledger_checkpoint(ledger));
	ledger_close(ledger);
	slurp(&p, LEDGER_FILE, &file);
	split(rf_buf_slice(&file), &lines);
	struct rf_slice cut = {file.data, (size_t)(lines.at[6].data - file.data)};

	/* Its tail alone cannot show it ... */
	assert_int_equal(verify(&p, cut, NULL).fault, LEDGER_INTACT);
	/* ... a checkpoint kept elsewhere does. */
	struct ledger_report r = verify(&p, cut, note);

	assert_int_equal(r.fault, LEDGER_TRUNCATED);
	assert_int_equal(r.at, 3);
	assert_int_equal(verify(&p, rf_buf_slice(&file), note).fault, LEDGER_INTACT);
	place_done(&p);
}

static void a_rewritten_history_is_found(void **state)
{
	struct place p;
	RF_AUTOBUF struct rf_buf file = {0};
	char note[NOTE_MAX_BYTES], path[160];

	(void)state;
	five(&p);
	struct ledger *ledger = must_open(&p);

	rf_copy(note, sizeof(note), ledger_checkpoint(ledger));
	ledger_close(ledger);
	/* Whoever holds the key can write another history, but not the kept checkpoint's. */
	path_of(&p, LEDGER_FILE, path);
	assert_int_equal(unlink(path), 0);
	ledger = must_open(&p);
	for (int i = 0; i < 6; i++)
		append(ledger, "another");
	ledger_close(ledger);
	slurp(&p, LEDGER_FILE, &file);
	assert_int_equal(verify(&p, rf_buf_slice(&file), NULL).fault, LEDGER_INTACT);
	assert_int_equal(verify(&p, rf_buf_slice(&file), note).fault, LEDGER_FORGED);
	place_done(&p);
}

/* Cut at every byte behind the fourth entry: the next opening repairs exactly the unsigned part. */
static void torn_ends_are_repaired(void **state)
{
	struct place p;
	RF_AUTOBUF struct rf_buf file = {0};
	struct lines lines;

	(void)state;
	five(&p);
	slurp(&p, LEDGER_FILE, &file);
	split(rf_buf_slice(&file), &lines);
	size_t from = (size_t)(lines.at[8].data - file.data);

	for (size_t len = from; len <= file.len; len += 7) {
		RF_AUTOBUF struct rf_buf now = {0};

		spit(&p, LEDGER_FILE, (struct rf_slice){file.data, len});
		struct ledger *ledger = must_open(&p);

		/* Four signed entries, and one that tells of the repair. */
		assert_int_equal(ledger_size(ledger), len == from ? 4 : 5);
		append(ledger, "next");
		ledger_close(ledger);
		slurp(&p, LEDGER_FILE, &now);
		assert_int_equal(verify(&p, rf_buf_slice(&now), NULL).fault, LEDGER_INTACT);
		if (len != from)
			assert_non_null(strstr(rf_buf_text(&now), "\"kind\":\"repair\""));
	}
	place_done(&p);
}

/* What was signed is never repaired. */
static void altered_tails_are_refused(void **state)
{
	struct place p;
	struct ledger *ledger = NULL;
	struct rf_err err = {0};
	RF_AUTOBUF struct rf_buf file = {0};
	char path[160];

	(void)state;
	five(&p);
	slurp(&p, LEDGER_FILE, &file);
	/* A node of the last checkpoint. */
	file.data[file.len - 20] ^= 1;
	spit(&p, LEDGER_FILE, rf_buf_slice(&file));
	assert_int_equal(ledger_open(p.fd, "web-3", &ledger, &err), RF_E_MISMATCH);
	file.data[file.len - 20] ^= 1;
	/* Whole lines behind the last signature, or without one, are no torn end. */
	static const char *const tails[] = {"x\n", "{\"n\":5}\n{\"n\":6}\n", "{\"n\":7}\n"};

	for (size_t i = 0; i < RF_COUNT(tails); i++) {
		RF_AUTOBUF struct rf_buf more = {0};

		rf_buf_add(&more, file.data, file.len);
		rf_buf_add_text(&more, tails[i]);
		spit(&p, LEDGER_FILE, rf_buf_slice(&more));
		assert_int_equal(ledger_open(p.fd, "web-3", &ledger, &err), RF_E_MISMATCH);
		spit(&p, LEDGER_FILE, rf_slice_text(tails[i]));
		assert_int_equal(ledger_open(p.fd, "web-3", &ledger, &err), RF_E_MISMATCH);
	}
	spit(&p, LEDGER_FILE, rf_buf_slice(&file));
	path_of(&p, LEDGER_KEY_FILE, path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ledger_open(p.fd, "web-3", &ledger, &err), RF_E_MISMATCH);
	assert_null(ledger);
	place_done(&p);
}

static void links_are_not_followed(void **state)
{
	struct place p;
	struct ledger *ledger = NULL;
	char path[160];

	(void)state;
	place_make(&p);
	snprintf(path, sizeof(path), "%s/ledger", p.dir);
	assert_int_equal(symlink("/tmp", path), 0);
	assert_true(ledger_open(p.fd, "h", &ledger, NULL) < 0);
	assert_null(ledger);
	place_done(&p);
}

/* Killed while appending, again and again: what is on disk is always a ledger. */
static void killed_while_appending(void **state)
{
	struct place p;

	(void)state;
	place_make(&p);
	for (int round = 0; round < 10; round++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			struct ledger *ledger = NULL;
			const struct ledger_entry entry = {.kind = "apply", .text = "x"};

			if (ledger_open(p.fd, "h", &ledger, NULL) == 0) {
				for (;;)
					if (ledger_append(ledger, &entry, NULL) < 0)
						_exit(1);
			}
			_exit(1);
		}
		usleep((useconds_t)(3000 + 1700 * round));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		RF_AUTOBUF struct rf_buf file = {0};
		struct ledger *ledger = must_open(&p);

		append(ledger, "after");
		ledger_close(ledger);
		slurp(&p, LEDGER_FILE, &file);
		assert_int_equal(verify(&p, rf_buf_slice(&file), NULL).fault, LEDGER_INTACT);
	}
	place_done(&p);
}

/* Killed between the two files of the key: the first start left no entry, the next makes both. */
static void killed_while_making_the_key(void **state)
{
	struct place p;
	char path[160];
	RF_AUTOBUF struct rf_buf file = {0};

	(void)state;
	place_make(&p);
	ledger_close(must_open(&p));
	path_of(&p, LEDGER_KEY_FILE, path);
	assert_int_equal(unlink(path), 0);
	struct ledger *ledger = must_open(&p);

	append(ledger, "after");
	ledger_close(ledger);
	slurp(&p, LEDGER_FILE, &file);
	assert_int_equal(verify(&p, rf_buf_slice(&file), NULL).fault, LEDGER_INTACT);
	place_done(&p);
}

static int count_entry(void *arg, struct rf_slice entry)
{
	(void)entry;
	++*(int *)arg;
	return 0;
}

static void entries_are_walked(void **state)
{
	struct place p;
	RF_AUTOBUF struct rf_buf file = {0};
	int count = 0;

	(void)state;
	five(&p);
	slurp(&p, LEDGER_FILE, &file);
	assert_int_equal(ledger_each(rf_buf_slice(&file), count_entry, &count, NULL), 0);
	assert_int_equal(count, 5);
	place_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tree_vectors),
		cmocka_unit_test(base64_is_strict),
		cmocka_unit_test(keys_have_the_published_form),
		cmocka_unit_test(checkpoint_round),
		cmocka_unit_test(appended_and_reopened),
		cmocka_unit_test(too_large_or_no_text_is_refused),
		cmocka_unit_test(alterations_are_named),
		cmocka_unit_test(an_edited_byte_is_found),
		cmocka_unit_test(a_cut_end_is_found_with_a_kept_checkpoint),
		cmocka_unit_test(a_rewritten_history_is_found),
		cmocka_unit_test(torn_ends_are_repaired),
		cmocka_unit_test(altered_tails_are_refused),
		cmocka_unit_test(links_are_not_followed),
		cmocka_unit_test(killed_while_appending),
		cmocka_unit_test(killed_while_making_the_key),
		cmocka_unit_test(entries_are_walked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
