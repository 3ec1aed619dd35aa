/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit files and init scripts; see units.h. Sources: systemd.unit(5) "Unit File Load Path" and the
 * tables of dependencies, systemd.special(7), LSB init script actions.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/conf.h"
#include "collect/units.h"

#define UNITS_MAX  16384u
#define EDGES_MAX  65536u
#define UNIT_BYTES 262144u

/* A unit that is named earlier wins. */
static const char *const unit_dirs[] = {
	"/etc/systemd/system.control", "/run/systemd/system.control",
	"/run/systemd/transient",      "/run/systemd/generator.early",
	"/etc/systemd/system",	       "/etc/systemd/system.attached",
	"/run/systemd/system",	       "/run/systemd/system.attached",
	"/run/systemd/generator",      "/usr/local/lib/systemd/system",
	"/usr/lib/systemd/system",     "/lib/systemd/system",
	"/run/systemd/generator.late",
};

/* What every boot starts, whatever else default.target asks for. */
static const char *const boot_targets[] = {
	"default.target", "sysinit.target", "basic.target",    "sockets.target",
	"timers.target",  "paths.target",   "local-fs.target",
};

struct unit_edge {
	char *from, *to;
	bool cut; /* a link to /dev/null in an earlier folder takes the dependency away */
};

static const char *const suffixes[] = {".service", ".socket", ".timer", ".target", ".path"};

static bool is_unit_name(const char *name)
{
	for (size_t i = 0; i < RF_COUNT(suffixes); i++) {
		if (rf_ends(name, suffixes[i]))
			return true;
	}
	return false;
}

static struct unit *unit_get(const struct units *units, const char *name)
{
	return rf_map_get(&units->index, name);
}

static struct unit *unit_new(struct units *units, const char *name, const char *path)
{
	void *array = units->units;

	if (units->count >= UNITS_MAX ||
	    rf_grow(&array, &units->capacity, units->count + 1, sizeof(*units->units)) < 0) {
		units->failed = true;
		return NULL;
	}
	units->units = array;
	struct unit *unit = rf_alloc(1, sizeof(*unit));

	if (!unit) {
		units->failed = true;
		return NULL;
	}
	units->units[units->count++] = unit;
	unit->name = rf_strdup(name);
	unit->path = rf_strdup(path);
	if (!unit->name || !unit->path || rf_map_set(&units->index, name, unit) < 0)
		units->failed = true;
	return unit->name && unit->path ? unit : NULL;
}

static void edge_add(struct units *units, const char *from, const char *to, bool cut)
{
	void *array = units->edges;

	if (units->edges_count >= EDGES_MAX ||
	    rf_grow(&array, &units->edges_capacity, units->edges_count + 1, sizeof(*units->edges)) <
		    0) {
		units->failed = true;
		return;
	}
	units->edges = array;
	struct unit_edge edge = {.from = rf_strdup(from), .to = rf_strdup(to), .cut = cut};

	units->edges[units->edges_count++] = edge;
	if (!edge.from || !edge.to)
		units->failed = true;
}

/* "multi-user.target.wants": the folder's links are what that unit pulls in. */
static bool wants_dir(const char *name, char *out, size_t size)
{
	static const char *const ends[] = {".wants", ".requires", ".upholds"};

	for (size_t i = 0; i < RF_COUNT(ends); i++) {
		if (!rf_ends(name, ends[i]))
			continue;
		rf_copy(out, size, name);
		out[strlen(out) - strlen(ends[i])] = '\0';
		return true;
	}
	return false;
}

static void read_wants(struct units *units, const char *dir, const char *name, const char *from)
{
	SYS_AUTONAMES struct sys_names names = {0};
	char path[RF_MAX_PATH_BYTES];

	if (!rf_format(path, sizeof(path), "%s/%s", dir, name) ||
	    sys_list(units->sys, path, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		char link[RF_MAX_PATH_BYTES];

		if (rf_format(link, sizeof(link), "%s/%s", path, names.names[i]))
			edge_add(units, from, names.names[i], conf_masked(units->sys, link));
	}
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void read_unit_link(struct units *units, const char *dir, const char *name)
{
	char path[RF_MAX_PATH_BYTES];
	char target[RF_MAX_PATH_BYTES];
	struct unit *unit = unit_get(units, name);

	if (!rf_format(path, sizeof(path), "%s/%s", dir, name))
		return;
	bool link = sys_readlink(units->sys, path, target, sizeof(target)) == 0;
	bool null = link && strcmp(target, "/dev/null") == 0;

	if (unit) {
		/* What is masked above may still be installed below. */
		unit->installed = unit->installed || !null;
		return;
	}
	unit = unit_new(units, name, path);
	if (!unit)
		return;
	unit->masked = null;
	unit->installed = !null;
	if (link && !null && strcmp(base_name(target), name) != 0 &&
	    is_unit_name(base_name(target)))
		unit->alias_of = rf_strdup(base_name(target));
}

static void read_dir(struct units *units, const char *dir)
{
	SYS_AUTONAMES struct sys_names names = {0};
	char from[256];

	if (sys_list(units->sys, dir, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		if (wants_dir(names.names[i], from, sizeof(from)))
			read_wants(units, dir, names.names[i], from);
		else if (is_unit_name(names.names[i]))
			read_unit_link(units, dir, names.names[i]);
	}
}

/* On most distributions /lib is a link to /usr/lib: the same folder is not read twice. */
static bool same_dir(struct sys *sys, const char *a, const char *b)
{
	struct sys_stat x, y;

	return sys_stat_follow(sys, a, &x) == 0 && sys_stat_follow(sys, b, &y) == 0 &&
	       x.inode != 0 && x.inode == y.inode && x.dev == y.dev;
}

/* Earlier folders first among equals, so that a cut is seen before what it cuts. */
static int edge_compare(const void *a, const void *b)
{
	const struct unit_edge *x = a, *y = b;
	int order = strcmp(x->from ? x->from : "", y->from ? y->from : "");

	if (order == 0)
		order = strcmp(x->to ? x->to : "", y->to ? y->to : "");
	return order ? order : (int)y->cut - (int)x->cut;
}

/* The template of an instance: getty@tty1.service comes from getty@.service. */
static bool template_name(const char *name, char *out, size_t size)
{
	const char *at = strchr(name, '@');
	const char *dot = strrchr(name, '.');

	if (!at || !dot || dot <= at + 1)
		return false;
	return rf_format(out, size, "%.*s@%s", (int)(at - name), name, dot);
}

static struct unit *unit_resolve(const struct units *units, const char *name)
{
	struct unit *unit = unit_get(units, name);

	/* An alias of an alias is legal, a circle of them is not. */
	for (int depth = 0; unit && unit->alias_of && depth < 8; depth++)
		unit = unit_get(units, unit->alias_of);
	return unit && !unit->alias_of ? unit : NULL;
}

/* The unit to start under that name; makes the instance of a template. */
static struct unit *unit_to_start(struct units *units, const char *name)
{
	struct unit *unit = unit_resolve(units, name);
	char template[256];

	if (unit || !template_name(name, template, sizeof(template)))
		return unit;
	const struct unit *from = unit_resolve(units, template);

	if (!from)
		return NULL;
	unit = unit_new(units, name, from->path);
	if (unit) {
		unit->installed = from->installed;
		unit->masked = from->masked;
	}
	return unit;
}

struct start_queue {
	struct unit **items;
	size_t count, capacity;
};

static void start(struct units *units, struct start_queue *queue, const char *name)
{
	struct unit *unit = unit_to_start(units, name);
	void *array = queue->items;

	if (!unit || unit->masked || unit->started || !unit->installed)
		return;
	unit->started = true;
	if (rf_grow(&array, &queue->capacity, queue->count + 1, sizeof(*queue->items)) < 0) {
		units->failed = true;
		return;
	}
	queue->items = array;
	queue->items[queue->count++] = unit;
}

static bool pulls_in(const char *key)
{
	static const char *const keys[] = {"Wants", "Requires", "BindsTo", "Upholds"};

	for (size_t i = 0; i < RF_COUNT(keys); i++) {
		if (strcmp(key, keys[i]) == 0)
			return true;
	}
	return false;
}

struct deps_ctx {
	struct units *units;
	struct start_queue *queue;
};

static void each_dependency(void *ctx, const struct util_setting *s)
{
	struct deps_ctx *deps = ctx;

	if (strcmp(s->section, "Unit") != 0 || !pulls_in(s->key))
		return;
	RF_AUTOFREE char *copy = rf_strdup(s->value);
	char *cursor = copy;

	for (char *word; copy && (word = rf_word_next(&cursor));) {
		if (!strchr(word, '%'))
			start(deps->units, deps->queue, word);
	}
}

static void start_file_deps(struct deps_ctx *ctx, const char *path)
{
	RF_AUTOBUF struct rf_buf text = {0};

	if (sys_read(ctx->units->sys, path, UNIT_BYTES, &text, NULL) == 0 && text.len)
		util_settings_walk((char *)text.data, path, "#;", false, each_dependency, ctx);
}

/* Where the edges of one unit begin. */
static size_t edges_begin(const struct units *units, const char *from)
{
	size_t low = 0, high = units->edges_count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (strcmp(units->edges[mid].from, from) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void start_edges(struct units *units, struct start_queue *queue, const char *from)
{
	const char *cut = "";

	for (size_t i = edges_begin(units, from); i < units->edges_count; i++) {
		const struct unit_edge *edge = &units->edges[i];

		if (strcmp(edge->from, from) != 0)
			return;
		if (edge->cut)
			cut = edge->to;
		else if (strcmp(cut, edge->to) != 0)
			start(units, queue, edge->to);
	}
}

/* Follows what a boot starts, unit by unit. */
static void start_all(struct units *units)
{
	struct start_queue queue = {0};
	struct deps_ctx ctx = {units, &queue};

	for (size_t i = 0; i < RF_COUNT(boot_targets); i++)
		start(units, &queue, boot_targets[i]);
	for (size_t i = 0; i < RF_COUNT(boot_targets); i++)
		start_edges(units, &queue, boot_targets[i]);
	/* A capture of /etc alone has no default.target: assume the usual ones. */
	if (!unit_get(units, "default.target")) {
		start(units, &queue, "multi-user.target");
		start(units, &queue, "graphical.target");
		start_edges(units, &queue, "multi-user.target");
		start_edges(units, &queue, "graphical.target");
	}
	for (size_t i = 0; i < queue.count; i++) {
		start_edges(units, &queue, queue.items[i]->name);
		start_file_deps(&ctx, queue.items[i]->path);
	}
	rf_free(queue.items);
}

/* True when rcN.d of a run level that boots has a start link for the script. */
static bool script_linked(struct sys *sys, const char *name)
{
	static const char *const dirs[] = {"/etc/rc2.d",       "/etc/rc3.d",	  "/etc/rc5.d",
					   "/etc/rcS.d",       "/etc/rc.d/rc3.d", "/etc/rc.d/rc5.d",
					   "/etc/init.d/rc3.d"};

	for (size_t i = 0; i < RF_COUNT(dirs); i++) {
		SYS_AUTONAMES struct sys_names names = {0};

		if (sys_list(sys, dirs[i], &names, NULL) < 0)
			continue;
		for (size_t k = 0; k < names.count; k++) {
			const char *link = names.names[k];

			if (link[0] == 'S' && strlen(link) > 3 && strcmp(link + 3, name) == 0)
				return true;
		}
	}
	return false;
}

static void read_script(struct units *units, const char *name, bool booted)
{
	char path[512], unit_name[300];
	struct sys_stat st;

	if (!rf_format(path, sizeof(path), "/etc/init.d/%s", name) ||
	    !rf_format(unit_name, sizeof(unit_name), "%s.service", name) ||
	    sys_stat_follow(units->sys, path, &st) < 0 || (st.type & 0170000) != 0100000 ||
	    !(st.mode & 0111))
		return;
	struct unit *unit = unit_resolve(units, unit_name);

	/* Under systemd a native unit hides the script; under another init the script counts too.
	 */
	if (unit && booted)
		return;
	if (!unit && unit_get(units, unit_name))
		return;
	if (!unit) {
		unit = unit_new(units, unit_name, path);
		if (!unit)
			return;
		unit->script = true;
	}
	unit->installed = true;
	unit->started = unit->started || script_linked(units->sys, name);
}

static void read_scripts(struct units *units)
{
	SYS_AUTONAMES struct sys_names names = {0};
	bool booted = units_booted(units->sys);

	if (sys_list(units->sys, "/etc/init.d", &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		if (names.names[i][0] != '.' && !strchr(names.names[i], '.'))
			read_script(units, names.names[i], booted);
	}
}

int units_read(struct sys *sys, struct units *out, struct rf_err *err)
{
	out->sys = sys;
	for (size_t i = 0; i < RF_COUNT(unit_dirs); i++) {
		if (i > 0 && same_dir(sys, unit_dirs[i - 1], unit_dirs[i]))
			continue;
		read_dir(out, unit_dirs[i]);
	}
	if (out->failed)
		return rf_fail(err, RF_E_LIMIT, "units: no memory, or more than %u units",
			       UNITS_MAX);
	if (out->edges_count)
		qsort(out->edges, out->edges_count, sizeof(*out->edges), edge_compare);
	start_all(out);
	read_scripts(out);
	return out->failed ? rf_fail(err, -ENOMEM, "units: no memory") : 0;
}

void units_done(struct units *units)
{
	for (size_t i = 0; i < units->count; i++) {
		rf_free(units->units[i]->name);
		rf_free(units->units[i]->path);
		rf_free(units->units[i]->alias_of);
		rf_free(units->units[i]);
	}
	for (size_t i = 0; i < units->edges_count; i++) {
		rf_free(units->edges[i].from);
		rf_free(units->edges[i].to);
	}
	rf_free(units->units);
	rf_free(units->edges);
	rf_map_done(&units->index);
	*units = (struct units){0};
}

const struct unit *units_find(const struct units *units, const char *name)
{
	return unit_resolve(units, name);
}

bool units_enabled(const struct units *units, const char *name)
{
	const struct unit *unit = unit_resolve(units, name);

	return unit && unit->started && !unit->masked;
}

bool units_booted(struct sys *sys)
{
	char comm[32];

	/* The folder is what sd_booted(3) looks for; a capture may have only the process. */
	return sys_exists(sys, "/run/systemd/system") ||
	       (sys_read_line(sys, "/proc/1/comm", comm, sizeof(comm)) == 0 &&
		strcmp(comm, "systemd") == 0);
}

struct program_ctx {
	char *out;
	size_t size;
};

/* A process of one of these says nothing of the service. */
static const char *const interpreters[] = {
	"sh", "bash", "dash", "env", "perl*", "python*", "ruby*", "systemctl", "true",
};

static void each_program(void *ctx, const struct util_setting *s)
{
	struct program_ctx *program = ctx;

	if (strcmp(s->section, "Service") != 0 || strcmp(s->key, "ExecStart") != 0 ||
	    program->out[0])
		return;
	/* Signs before the path change how it is run, not what. */
	const char *path = s->value + strspn(s->value, "-@:+!");
	size_t n = strcspn(path, " \t");

	if (!rf_format(program->out, program->size, "%.*s", (int)n, path))
		program->out[0] = '\0';
	for (size_t i = 0; i < RF_COUNT(interpreters); i++) {
		if (rf_glob(interpreters[i], base_name(program->out)))
			program->out[0] = '\0';
	}
}

void units_program(const struct units *units, const struct unit *unit, char *out, size_t size)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct program_ctx ctx = {out, size};

	out[0] = '\0';
	if (unit->script || !unit->installed || unit->masked ||
	    sys_read(units->sys, unit->path, UNIT_BYTES, &text, NULL) < 0 || !text.len)
		return;
	util_settings_walk((char *)text.data, unit->path, "#;", false, each_program, &ctx);
}
