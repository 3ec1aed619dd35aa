/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thin pools, by /etc/lvm/backup/VG: a copy of the metadata that LVM writes with each change. Not:
 * what the kernel's table of the pool says (dmsetup table), which only root may ask for; LVM makes
 * it from this. Source: lvm2's lib/format_text, lvmthin(7).
 */
#include "collect/thin_pools.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/config.h"
#include "collect/util.h"

#define FOLDER	    "/etc/lvm/backup"
#define MAX_GROUPS  1024u
#define MAX_VOLUMES 8192u

struct volume {
	char name[128], type[32], pool[128], discards[32];
	int64_t zeroes;
};

struct group {
	char name[128];
	struct volume *volumes;
	size_t count, capacity;
	bool failed;
};

void thin_mapper_path(const char *vg, const char *lv, char *out, size_t size)
{
	const char *const parts[] = {vg, lv};
	size_t n = strlen("/dev/mapper/");

	if (!rf_copy(out, size, "/dev/mapper/"))
		return;
	for (size_t i = 0; i < RF_COUNT(parts); i++) {
		if (i && n + 1 < size)
			out[n++] = '-';
		for (const char *p = parts[i]; *p && n + 2 < size; p++) {
			out[n++] = *p;
			if (*p == '-')
				out[n++] = '-';
		}
	}
	out[n] = '\0';
}

static struct volume *volume_of(struct group *g, const char *name, size_t len)
{
	for (size_t i = g->count; i-- > 0;)
		if (strlen(g->volumes[i].name) == len && memcmp(g->volumes[i].name, name, len) == 0)
			return &g->volumes[i];
	if (g->count == MAX_VOLUMES || len >= sizeof(g->volumes->name) ||
	    rf_grow((void **)&g->volumes, &g->capacity, g->count + 1, sizeof(*g->volumes)) < 0) {
		g->failed = true;
		return NULL;
	}
	g->volumes[g->count] = (struct volume){.zeroes = -1};
	rf_format(g->volumes[g->count].name, sizeof(g->volumes->name), "%.*s", (int)len, name);
	return &g->volumes[g->count++];
}

/* VG/logical_volumes/LV/segmentN/KEY */
static void take(void *ctx, const char *key, const char *value, unsigned int line)
{
	static const char part[] = "/logical_volumes/";
	struct group *g = ctx;
	const char *at = strstr(key, part), *lv = at ? at + strlen(part) : NULL;
	const char *segment = lv ? strchr(lv, '/') : NULL;
	const char *name = segment ? strrchr(segment, '/') : NULL;

	(void)line;
	/* The kind of a volume is that of its first segment. */
	if (!name || !rf_starts(segment, "/segment1/") || name != segment + strlen("/segment1"))
		return;
	rf_format(g->name, sizeof(g->name), "%.*s", (int)(at - key), key);
	struct volume *v = volume_of(g, lv, (size_t)(segment - lv));

	name++;
	if (!v)
		return;
	if (strcmp(name, "type") == 0)
		rf_copy(v->type, sizeof(v->type), value);
	else if (strcmp(name, "thin_pool") == 0)
		rf_copy(v->pool, sizeof(v->pool), value);
	else if (strcmp(name, "discards") == 0)
		rf_copy(v->discards, sizeof(v->discards), value);
	else if (strcmp(name, "zero_new_blocks") == 0 && rf_num(value, 10, 0, 1, &v->zeroes) < 0)
		v->zeroes = -1;
}

static void put_pool(struct fact_sink *out, const struct group *g, const struct volume *pool,
		     const char *path)
{
	char key[sizeof(g->name) + sizeof(pool->name) + 2];
	int64_t count = 0;

	rf_format(key, sizeof(key), "%s/%s", g->name, pool->name);
	for (size_t i = 0; i < g->count; i++)
		count += strcmp(g->volumes[i].type, "thin") == 0 &&
			 strcmp(g->volumes[i].pool, pool->name) == 0;
	fact_put_thin_pool(out, &(struct fact_thin_pool){.pool = key,
							 /* LVM writes it only where it is on. */
							 .zeroes = FACT_BOOL(pool->zeroes == 1),
							 .discards = pool->discards,
							 .volumes_count = FACT_INT(count),
							 .source = path});
}

static void put_volume(struct fact_sink *out, const struct group *g, const struct volume *v,
		       const char *path)
{
	char key[sizeof(g->name) + sizeof(v->name) + 2], pool[sizeof(key)], device[sizeof(key) + 8];
	char mapper[2 * sizeof(key) + 16];

	rf_format(key, sizeof(key), "%s/%s", g->name, v->name);
	rf_format(pool, sizeof(pool), "%s/%s", g->name, v->pool);
	rf_format(device, sizeof(device), "/dev/%s", key);
	thin_mapper_path(g->name, v->name, mapper, sizeof(mapper));
	fact_put_thin_volume(out, &(struct fact_thin_volume){.volume = key,
							     .path = device,
							     .mapper = mapper,
							     .pool = pool,
							     .source = path});
}

static void put_group(struct sys *sys, struct fact_sink *out, const char *name)
{
	RF_AUTOBUF struct rf_buf text = {0};
	char path[RF_MAX_PATH_BYTES];
	struct group g = {.count = 0};

	if (!rf_format(path, sizeof(path), FOLDER "/%s", name) ||
	    util_read(sys, out, FACT_T_THIN_POOL, name, path, RF_MAX_FILE_BYTES, &text) <= 0 ||
	    !text.len)
		return;
	lvm_conf_walk((char *)text.data, take, &g);
	for (size_t i = 0; i < g.count; i++) {
		if (strcmp(g.volumes[i].type, "thin-pool") == 0)
			put_pool(out, &g, &g.volumes[i], path);
		if (strcmp(g.volumes[i].type, "thin") == 0 && g.volumes[i].pool[0])
			put_volume(out, &g, &g.volumes[i], path);
	}
	if (g.failed)
		fact_gap(out, FACT_T_THIN_POOL, name, "", path,
			 "%s has more volumes than are looked at.", path);
	rf_free(g.volumes);
}

void thin_pools_put(struct sys *sys, struct fact_sink *out)
{
	SYS_AUTONAMES struct sys_names names = {0};
	int rc = sys_list(sys, FOLDER, &names, NULL);

	if (rc < 0 && rc != -ENOENT)
		util_gap(out, FACT_T_THIN_POOL, FOLDER, FOLDER, rc);
	for (size_t i = 0; i < names.count && i < MAX_GROUPS; i++)
		put_group(sys, out, names.names[i]);
}
