/* SPDX-License-Identifier: Apache-2.0 */
/* Page sharing of a running QEMU's RAM. See ram.h. */
#include "isolate/ram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "change/apart.h"

#define PATH_BYTES (RAM_NAME_BYTES + 16)

/* ---- answers; these run apart ---- */

static int answer_read(struct rf_slice answer, struct qmp_message *out, struct rf_err *err)
{
	int rc = qmp_message_read(answer, out, err);

	if (rc < 0)
		return rc;
	if (out->kind == QMP_ERROR)
		rc = rf_fail(err, RF_E_PEER, "QEMU: %s", out->text);
	else if (out->kind != QMP_RETURN)
		rc = rf_fail(err, RF_E_SYNTAX, "QEMU did not answer");
	return rc;
}

/* Letters, digits and ".-_": they become part of a path of QEMU's. */
static bool name_ok(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789._-");

	return len > 0 && len < RAM_NAME_BYTES && !name[len];
}

struct ram_piece {
	char name[RAM_NAME_BYTES];
	bool merge;
};

static int by_name(const void *a, const void *b)
{
	const struct ram_piece *one = a, *other = b;

	return strcmp(one->name, other->name);
}

static int pieces_write(struct ram_piece *pieces, size_t count, struct rf_buf *out,
			struct rf_err *err)
{
	qsort(pieces, count, sizeof(*pieces), by_name);
	for (size_t i = 0; i < count; i++) {
		if (i && strcmp(pieces[i].name, pieces[i - 1].name) == 0)
			return rf_fail(err, RF_E_DUPLICATE, "QEMU has two objects %s",
				       pieces[i].name);
		rf_buf_printf(out, "%c%s\n", pieces[i].merge ? '+' : '-', pieces[i].name);
	}
	return out->failed ? rf_fail(err, -ENOMEM, "no memory") : 0;
}

int ram_pieces_work(void *arg, struct rf_slice answer, struct rf_buf *out, struct rf_err *err)
{
	QMP_AUTOMESSAGE struct qmp_message m = {0};
	RF_AUTOFREE struct ram_piece *pieces = rf_alloc(RAM_MAX_BACKENDS, sizeof(*pieces));
	size_t count = 0, i;
	json_t *item;
	int rc = pieces ? answer_read(answer, &m, err) : rf_fail(err, -ENOMEM, "no memory");

	(void)arg;
	if (rc < 0)
		return rc;
	if (!json_is_array(m.value))
		return rf_fail(err, RF_E_SYNTAX, "QEMU's list of RAM is none");
	json_array_foreach(m.value, i, item)
	{
		const char *name = json_string_value(json_object_get(item, "id"));
		const json_t *merge = json_object_get(item, "merge");

		if (!name || !name_ok(name) || !json_is_boolean(merge))
			return rf_fail(err, RF_E_SYNTAX, "QEMU names a piece of RAM as none is");
		if (count == RAM_MAX_BACKENDS)
			return rf_fail(err, RF_E_LIMIT, "more than %u pieces of RAM",
				       RAM_MAX_BACKENDS);
		rf_copy(pieces[count].name, sizeof(pieces[count].name), name);
		pieces[count++].merge = json_is_true(merge);
	}
	return pieces_write(pieces, count, out, err);
}

int ram_done_work(void *arg, struct rf_slice answer, struct rf_buf *out, struct rf_err *err)
{
	QMP_AUTOMESSAGE struct qmp_message m = {0};

	(void)arg;
	(void)out;
	return answer_read(answer, &m, err);
}

/* ---- the exchange ---- */

static int ask(const struct qmp_peer *peer, const char *command, json_t *arguments, apart_fn *work,
	       struct rf_buf *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf answer = {0};
	int rc = peer->ask(peer->arg, command, arguments, &answer, err);

	return rc ? rc : apart_run(work, NULL, rf_buf_slice(&answer), out, err);
}

static int merge_set(const struct qmp_peer *peer, const char *name, bool merge, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf none = {0};
	char path[PATH_BYTES];

	rf_format(path, sizeof(path), "/objects/%s", name);
	int rc = ask(peer, "qom-set",
		     json_pack("{s:s,s:s,s:b}", "path", path, "property", "merge", "value", merge),
		     ram_done_work, &none, err);

	return rc ? rf_wrap(err, rc, "%s", path) : 0;
}

struct ram {
	struct ram_piece *pieces;
	size_t count, capacity;
};

static void ram_done(struct ram *ram)
{
	rf_free(ram->pieces);
}

/* One question for all pieces: each costs two processes. */
static int ram_read(const struct qmp_peer *peer, struct ram *ram, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf lines = {0};
	int rc = ask(peer, "query-memdev", NULL, ram_pieces_work, &lines, err);
	char *cursor = rc ? NULL : (char *)lines.data;

	for (char *line; rc == 0 && cursor && (line = rf_line_next(&cursor));) {
		if (rf_grow((void **)&ram->pieces, &ram->capacity, ram->count + 1,
			    sizeof(*ram->pieces)) < 0)
			return rf_fail(err, -ENOMEM, "no memory");
		struct ram_piece *piece = &ram->pieces[ram->count];

		/* The child that read them read a stranger's bytes: again. */
		if ((line[0] != '+' && line[0] != '-') || !name_ok(line + 1) ||
		    !rf_copy(piece->name, sizeof(piece->name), line + 1) ||
		    ++ram->count > RAM_MAX_BACKENDS)
			return rf_fail(err, RF_E_SYNTAX, "a piece of RAM has no name");
		piece->merge = line[0] == '+';
	}
	if (rc == 0 && ram->count == 0)
		rc = rf_fail(err, RF_E_UNSUPPORTED,
			     "this QEMU does not show its RAM as objects: page sharing of this VM "
			     "is switched at its start only (nosharepages)");
	return rc;
}

int ram_sharing_read(const struct qmp_peer *peer, struct rf_buf *out, struct rf_err *err)
{
	__attribute__((cleanup(ram_done))) struct ram ram = {0};
	size_t on = 0;
	int rc = ram_read(peer, &ram, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < ram.count; i++)
		on += ram.pieces[i].merge;
	rf_buf_add_text(out, on ? "on" : "off");
	for (size_t i = 0, n = 0; on && on < ram.count && i < ram.count; i++) {
		if (ram.pieces[i].merge)
			rf_buf_printf(out, "%s%s", n++ ? " " : ": ", ram.pieces[i].name);
	}
	return out->failed ? rf_fail(err, -ENOMEM, "no memory") : 0;
}

/* Whether value wants a piece to be shared. */
static bool wanted(const char *value, const char *name)
{
	size_t len = strlen(name);

	if (!rf_starts(value, "on: "))
		return strcmp(value, "on") == 0;
	for (const char *p = value + 4; *p; p += *p == ' ') {
		size_t n = strcspn(p, " ");

		if (n == len && memcmp(p, name, n) == 0)
			return true;
		p += n;
	}
	return false;
}

int ram_sharing_put(const struct qmp_peer *peer, const char *value, struct rf_err *err)
{
	__attribute__((cleanup(ram_done))) struct ram ram = {0};
	int rc;
	size_t i;

	if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0 && !rf_starts(value, "on: "))
		return rf_fail(err, RF_E_SYNTAX, "page sharing is on or off, not %.40s", value);
	rc = ram_read(peer, &ram, err);
	for (i = 0; rc == 0 && i < ram.count; i++) {
		struct ram_piece *piece = &ram.pieces[i];
		bool merge = wanted(value, piece->name);

		if (merge != piece->merge)
			rc = merge_set(peer, piece->name, merge, err);
	}
	/* Not half: the one that was refused too, for it may have been done and not answered. */
	while (rc < 0 && ram.count && i-- > 0) {
		struct rf_err lost = {0};

		if (wanted(value, ram.pieces[i].name) != ram.pieces[i].merge &&
		    merge_set(peer, ram.pieces[i].name, ram.pieces[i].merge, &lost) < 0)
			rf_wrap(err, rc, "and %s could not be put back", ram.pieces[i].name);
	}
	return rc;
}
