/* SPDX-License-Identifier: Apache-2.0 */
/* The format of .ringfence/meta; see meta.h. The bytes are hostile: a capture comes from anywhere.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/meta.h"

#define FIELDS 9

struct meta {
	struct rf_map map; /* path -> struct meta_entry * */
	bool recorded;
	size_t implied_bytes; /* of paths that no line names */
};

static const struct {
	char letter;
	uint32_t type;
} types[] = {
	{'f', S_IFREG}, {'d', S_IFDIR}, {'l', S_IFLNK},	 {'c', S_IFCHR},
	{'b', S_IFBLK}, {'p', S_IFIFO}, {'s', S_IFSOCK},
};

static const struct {
	const char *name;
	unsigned flag;
} flags[] = {
	{"acl", META_ACL},     {"listed", META_LISTED}, {"read", META_READ},
	{"large", META_LARGE}, {"error", META_ERROR},
};

/* What reading a file or asking a probe can give. */
static const struct {
	const char *name;
	int code;
} errors[] = {
#define E(name)                                                                                    \
	{                                                                                          \
#name, -name                                                                       \
	}
	E(EPERM),
	E(ENOENT),
	E(ESRCH),
	E(EINTR),
	E(EIO),
	E(ENXIO),
	E(EAGAIN),
	E(ENOMEM),
	E(EACCES),
	E(EBUSY),
	E(ENODEV),
	E(ENOTDIR),
	E(EISDIR),
	E(EINVAL),
	E(EMFILE),
	E(ENFILE),
	E(EFBIG),
	E(EROFS),
	E(ENAMETOOLONG),
	E(ENOSYS),
	E(ELOOP),
	E(ENODATA),
	E(EOVERFLOW),
	E(EOPNOTSUPP),
	E(EPROTONOSUPPORT),
	E(EAFNOSUPPORT),
	E(ENOBUFS),
	E(ETIMEDOUT),
	E(ECONNREFUSED),
	E(ESTALE),
	E(EREMOTEIO),
	E(ENOKEY),
#undef E
#define RF_X(name, num, text, http, exit) {#name, name},
	RF_ERROR_CODES(RF_X)
#undef RF_X
};

const char *meta_error_name(int code)
{
	for (size_t i = 0; i < RF_COUNT(errors); i++) {
		if (errors[i].code == code)
			return errors[i].name;
	}
	return "EIO";
}

int meta_error_code(const char *name)
{
	for (size_t i = 0; i < RF_COUNT(errors); i++) {
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].code;
	}
	return -EIO;
}

static void entry_free(struct meta_entry *e)
{
	rf_free(e->path);
	rf_free(e->text);
	rf_free(e->kids);
	rf_free(e);
}

struct meta *meta_new(void)
{
	return rf_alloc(1, sizeof(struct meta));
}

void meta_free(struct meta *meta)
{
	if (!meta)
		return;
	for (size_t i = 0; i < meta->map.capacity; i++) {
		if (meta->map.slots[i].key)
			entry_free(meta->map.slots[i].value);
	}
	rf_map_done(&meta->map);
	rf_free(meta);
}

bool meta_is_recorded(const struct meta *meta)
{
	return meta->recorded;
}

size_t meta_count(const struct meta *meta)
{
	return meta->map.count;
}

const struct meta_entry *meta_find(const struct meta *meta, const char *path)
{
	return rf_map_get(&meta->map, path);
}

/* The entry of path, made when it is not there. NULL when memory is short. */
static struct meta_entry *entry_make(struct meta *meta, const char *path)
{
	struct meta_entry *e = rf_map_get(&meta->map, path);

	if (e)
		return e;
	e = rf_alloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->path = rf_strdup(path);
	if (!e->path || rf_map_set(&meta->map, path, e) < 0) {
		entry_free(e);
		return NULL;
	}
	return e;
}

/* Undoes the escapes in place. False when one is not known. */
static bool unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		char c = *text;

		if (c == '\\') {
			static const char from[] = "tnr\\", what[] = "\t\n\r\\";
			const char *at = *++text ? strchr(from, *text) : NULL;

			if (!at)
				return false;
			c = what[at - from];
		}
		*to++ = c;
	}
	*to = '\0';
	return true;
}

/* Absolute, no empty part, no "." and "..", not below /.ringfence except for probes. */
static bool path_is_clean(const char *path)
{
	if (path[0] != '/' || strlen(path) >= RF_MAX_PATH_BYTES)
		return false;
	if (path[1] == '\0')
		return true;
	while (*path) {
		path++;
		size_t len = strcspn(path, "/");

		if (len == 0 || (len == 1 && path[0] == '.') ||
		    (len == 2 && !memcmp(path, "..", 2)))
			return false;
		path += len;
	}
	return true;
}

static bool says_something(const char *field)
{
	return field && *field && strcmp(field, "-") != 0;
}

/* A path that became something else: what was said of it before holds no more. */
static void change_type(struct meta_entry *e, bool stat_failed, uint32_t type)
{
	if ((e->known & META_TYPE) && (e->stat_failed != stat_failed || e->st.type != type)) {
		rf_free(e->text);
		e->text = NULL;
		e->error = 0;
		e->flags &= META_ACL;
	}
	e->stat_failed = stat_failed;
	e->st.type = type;
	e->known |= META_TYPE;
}

static int take_type(struct meta_entry *e, const char *field)
{
	if (strcmp(field, "?") == 0) {
		change_type(e, true, 0);
		return 0;
	}
	for (size_t i = 0; i < RF_COUNT(types); i++) {
		if (field[0] != types[i].letter || field[1])
			continue;
		change_type(e, false, types[i].type);
		return 0;
	}
	return RF_E_SYNTAX;
}

static int take_flags(struct meta_entry *e, char *field)
{
	while (field && *field) {
		char *comma = strchr(field, ',');
		unsigned flag = 0;

		if (comma)
			*comma++ = '\0';
		for (size_t i = 0; i < RF_COUNT(flags); i++) {
			if (strcmp(flags[i].name, field) == 0)
				flag = flags[i].flag;
		}
		if (!flag)
			return RF_E_SYNTAX;
		if (flag == META_READ) {
			e->flags &= ~(unsigned)META_ERROR;
			e->error = 0;
			rf_free(e->text);
			e->text = NULL;
		}
		e->flags |= flag;
		field = comma;
	}
	return 0;
}

/* The fields that are numbers: which they are, and what they may be. */
static const struct number_field {
	size_t field;
	int base;
	int64_t min, max;
	unsigned bit;
} number_fields[] = {
	{2, 8, 0, 07777, META_MODE},
	{3, 10, 0, UINT32_MAX, META_UID},
	{4, 10, 0, UINT32_MAX, META_GID},
	{5, 10, 0, INT64_MAX, META_SIZE},
	{6, 10, INT64_MIN, INT64_MAX, META_MTIME},
};

static void set_number(struct sys_stat *st, unsigned bit, int64_t v)
{
	switch (bit) {
	case META_MODE:
		st->mode = (uint32_t)v;
		break;
	case META_UID:
		st->uid = (uint32_t)v;
		break;
	case META_GID:
		st->gid = (uint32_t)v;
		break;
	case META_SIZE:
		st->size_bytes = v;
		break;
	default:
		st->mtime_ms = v;
		break;
	}
}

static int take_numbers(struct meta_entry *e, char *const f[FIELDS])
{
	for (size_t i = 0; i < RF_COUNT(number_fields); i++) {
		const struct number_field *n = &number_fields[i];
		int64_t v;

		if (!says_something(f[n->field]))
			continue;
		if (rf_num(f[n->field], n->base, n->min, n->max, &v) < 0)
			return RF_E_SYNTAX;
		set_number(&e->st, n->bit, v);
		e->known |= n->bit;
	}
	return 0;
}

/* The last field: a link's target, or an error's name and what was said of it. */
static int take_text(struct meta_entry *e, char *field)
{
	bool is_link = (e->known & META_TYPE) && !e->stat_failed && e->st.type == S_IFLNK;
	char *text = field;

	if (!is_link || (e->flags & META_ERROR)) {
		text = strchr(field, ' ');
		if (text)
			*text++ = '\0';
		e->error = meta_error_code(field);
		e->flags |= META_ERROR;
	}
	rf_free(e->text);
	e->text = rf_strdup(text);
	return text && !e->text ? -ENOMEM : 0;
}

static int take_line(struct meta *meta, char *line)
{
	char *f[FIELDS] = {NULL};
	size_t n = 0;

	for (char *at = line; at && n < FIELDS; n++) {
		f[n] = at;
		at = strchr(at, '\t');
		if (at)
			*at++ = '\0';
		if (n == FIELDS - 1 && at)
			return RF_E_SYNTAX;
	}
	if (!unescape(f[0]) || !path_is_clean(f[0]))
		return RF_E_SYNTAX;
	struct meta_entry *e = entry_make(meta, f[0]);

	if (!e)
		return -ENOMEM;
	if ((says_something(f[1]) && take_type(e, f[1]) < 0) || take_numbers(e, f) < 0)
		return RF_E_SYNTAX;
	if (says_something(f[7]) && take_flags(e, f[7]) < 0)
		return RF_E_SYNTAX;
	if (e->flags & META_ACL)
		e->st.has_acl = true;
	if (!f[8] || !*f[8])
		return e->stat_failed && !e->error ? RF_E_SYNTAX : 0;
	return unescape(f[8]) ? take_text(e, f[8]) : RF_E_SYNTAX;
}

static bool is_absent(const struct meta_entry *e)
{
	return e->stat_failed && (e->error == -ENOENT || e->error == -ENOTDIR);
}

/* Hangs e below the directories above it, which are made where no line names them. */
static int hang(struct meta *meta, struct meta_entry *e)
{
	char up[RF_MAX_PATH_BYTES];

	while (e->path[1] != '\0') {
		(void)rf_copy(up, sizeof(up), e->path);
		char *slash = strrchr(up, '/');

		slash[slash == up ? 1 : 0] = '\0';
		struct meta_entry *parent = rf_map_get(&meta->map, up);
		bool is_new = !parent;

		parent = entry_make(meta, up);
		if (!parent)
			return -ENOMEM;
		if (is_new) {
			parent->implied = true;
			meta->implied_bytes += strlen(up);
		}
		/* Long paths of short parts would otherwise grow without end. */
		if (meta->implied_bytes > RF_MAX_META_BYTES)
			return RF_E_LIMIT;
		int rc = rf_grow((void **)&parent->kids, &parent->kids_capacity,
				 parent->kids_count + 1, sizeof(e));

		if (rc < 0)
			return rc;
		parent->kids[parent->kids_count++] = e;
		if (!is_new)
			return 0;
		e = parent;
	}
	return 0;
}

static int by_path(const void *a, const void *b)
{
	return strcmp((*(struct meta_entry *const *)a)->path,
		      (*(struct meta_entry *const *)b)->path);
}

/* All entries, sorted by path; NULL when memory is short. */
static struct meta_entry **entries_sorted(const struct meta *meta)
{
	struct meta_entry **all = rf_alloc(meta->map.count + 1, sizeof(*all));
	size_t n = 0;

	for (size_t i = 0; all && i < meta->map.capacity; i++) {
		if (meta->map.slots[i].key)
			all[n++] = meta->map.slots[i].value;
	}
	if (all)
		qsort(all, n, sizeof(*all), by_path);
	return all;
}

static int hang_all(struct meta *meta)
{
	size_t count = meta->map.count;
	RF_AUTOFREE struct meta_entry **all = entries_sorted(meta);

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		int rc = is_absent(all[i]) ? 0 : hang(meta, all[i]);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int take_lines(struct meta *meta, char *text, struct rf_err *err)
{
	size_t number = 0;
	char *cursor = text;

	for (char *line; (line = rf_line_next(&cursor));) {
		number++;
		if (number == 1 && strcmp(line, "#recorded") == 0)
			meta->recorded = true;
		if (line[0] == '#' || line[0] == '\0')
			continue;
		if (meta->map.count >= RF_MAX_META_ENTRIES)
			return rf_fail(err, RF_E_LIMIT, "line %zu: more than %u paths", number,
				       RF_MAX_META_ENTRIES);
		int rc = take_line(meta, line);

		if (rc < 0)
			return rf_fail(err, rc, "line %zu: %s", number, rf_code_text(rc));
	}
	return 0;
}

int meta_parse(const char *text, size_t len, struct meta **out, struct rf_err *err)
{
	if (len > RF_MAX_META_BYTES)
		return rf_fail(err, RF_E_LIMIT, "%zu bytes, at most %u are read", len,
			       RF_MAX_META_BYTES);
	if (memchr(text, '\0', len))
		return rf_fail(err, RF_E_SYNTAX, "a NUL byte");
	RF_AUTOFREE char *copy = rf_strndup(text, len);
	struct meta *meta = meta_new();
	rf_err_clear(err);
	int rc = copy && meta ? take_lines(meta, copy, err) : -ENOMEM;

	if (rc == 0)
		rc = hang_all(meta);
	if (rc < 0) {
		meta_free(meta);
		return err && err->code ? rc : rf_fail(err, rc, "%s", rf_code_text(rc));
	}
	*out = meta;
	return 0;
}

int meta_absent(const struct meta *meta, const char *path)
{
	char up[RF_MAX_PATH_BYTES];

	if (!meta->recorded)
		return -ENOENT;
	(void)rf_copy(up, sizeof(up), path);
	while (up[1] != '\0') {
		char *slash = strrchr(up, '/');

		slash[slash == up ? 1 : 0] = '\0';
		const struct meta_entry *e = meta_find(meta, up);

		if (!e || (e->implied && !e->flags))
			continue;
		if (e->stat_failed)
			return e->error;
		return e->flags & META_LISTED ? -ENOENT : RF_E_MISSING;
	}
	return RF_E_MISSING;
}

static void add_escaped(struct rf_buf *out, const char *text)
{
	for (; *text; text++) {
		static const char what[] = "\t\n\r\\", to[] = "tnr\\";
		const char *at = strchr(what, *text);

		if (at) {
			rf_buf_add_byte(out, '\\');
			rf_buf_add_byte(out, (uint8_t)to[at - what]);
		} else {
			rf_buf_add_byte(out, (uint8_t)*text);
		}
	}
}

static void add_field(struct rf_buf *out, const struct meta_entry *e, unsigned bit, const char *fmt,
		      int64_t v)
{
	rf_buf_add_byte(out, '\t');
	if (!(e->known & bit) || e->stat_failed)
		return;
	char text[32];

	if (fmt[0] == 'o')
		(void)rf_format(text, sizeof(text), "%04llo", (unsigned long long)v);
	else
		(void)rf_format(text, sizeof(text), "%lld", (long long)v);
	rf_buf_add_text(out, text);
}

static char type_letter(const struct meta_entry *e)
{
	if (!(e->known & META_TYPE))
		return '-';
	for (size_t i = 0; i < RF_COUNT(types); i++) {
		if (!e->stat_failed && types[i].type == e->st.type)
			return types[i].letter;
	}
	return '?';
}

void meta_add_line(const struct meta_entry *e, struct rf_buf *out)
{
	const char *comma = "\t";

	add_escaped(out, e->path);
	rf_buf_add_byte(out, '\t');
	rf_buf_add_byte(out, (uint8_t)type_letter(e));
	add_field(out, e, META_MODE, "o", e->st.mode);
	add_field(out, e, META_UID, "d", e->st.uid);
	add_field(out, e, META_GID, "d", e->st.gid);
	add_field(out, e, META_SIZE, "d", e->st.size_bytes);
	add_field(out, e, META_MTIME, "d", e->st.mtime_ms);
	for (size_t i = 0; i < RF_COUNT(flags); i++) {
		if (!(e->flags & flags[i].flag))
			continue;
		rf_buf_add_text(out, comma);
		rf_buf_add_text(out, flags[i].name);
		comma = ",";
	}
	rf_buf_add_text(out, *comma == '\t' ? "\t\t" : "\t");
	if (e->error) {
		rf_buf_add_text(out, meta_error_name(e->error));
		rf_buf_add_text(out, e->text ? " " : "");
	}
	if (e->text)
		add_escaped(out, e->text);
	rf_buf_add_byte(out, '\n');
}

int meta_write(const struct meta *meta, struct rf_buf *out)
{
	RF_AUTOFREE struct meta_entry **all = entries_sorted(meta);

	if (!all)
		return -ENOMEM;
	if (meta->recorded)
		rf_buf_add_text(out, "#recorded\n");
	for (size_t i = 0; i < meta->map.count; i++) {
		if (!all[i]->implied)
			meta_add_line(all[i], out);
	}
	return out->failed ? -ENOMEM : 0;
}
