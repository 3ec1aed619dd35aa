/* SPDX-License-Identifier: Apache-2.0 */
/*
 * <pool> and <volume> to rows. Source: libvirt's formatstorage, storage_conf.c and
 * storagepool.rng of 9.0.
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/block.h"
#include "collect/network_xml.h"

/* Pools whose protocol knows credentials, and those whose target is a folder or block device. */
static const struct {
	const char *kind;
	bool has_auth, is_local;
} pool_kinds[] = {
	{"dir", false, true},	       {"fs", false, true},	   {"netfs", false, true},
	{"logical", false, true},      {"disk", false, true},	   {"iscsi", true, false},
	{"iscsi-direct", true, false}, {"scsi", false, false},	   {"mpath", false, false},
	{"rbd", true, false},	       {"sheepdog", false, false}, {"gluster", false, false},
	{"zfs", false, false},	       {"vstorage", false, true}};

static bool kind_flag(const char *kind, bool auth)
{
	for (size_t i = 0; i < RF_COUNT(pool_kinds); i++) {
		if (strcmp(pool_kinds[i].kind, kind) == 0)
			return auth ? pool_kinds[i].has_auth : pool_kinds[i].is_local;
	}
	return false;
}

static void remote_hosts(const struct xml_node *source, struct rf_buf *out)
{
	for (const struct xml_node *n = xml_child(source, "host"); n; n = xml_next(n, "host"))
		rf_buf_printf(out, "%s%s", out->len ? "," : "", xml_attr_text(n, "name"));
}

static struct fact_int xml_mode(const struct xml_node *target)
{
	int64_t mode;

	if (rf_num(xml_text(target, "permissions/mode"), 8, 0, 07777, &mode) < 0)
		return (struct fact_int){0};
	return FACT_INT(mode);
}

static struct fact_int bytes_of(const struct xml_node *at)
{
	int64_t bytes;

	if (!at || domain_size(at->text, xml_attr(at, "unit"), "bytes", &bytes) < 0)
		return (struct fact_int){0};
	return FACT_INT(bytes);
}

/* The owner as the host or, failing that, the definition says it. */
struct ownership {
	struct fact_int mode;
	char owner[128];
};

static void find_owner(struct images *images, const char *path, const struct xml_node *target,
		       struct ownership *o)
{
	const char *uid_text = xml_text(target, "permissions/owner");
	struct sys_stat st;
	int64_t uid;

	if (images && *path == '/' && sys_stat_follow(images->sys, path, &st) == 0) {
		o->mode = FACT_INT(st.mode);
		uid = st.uid;
	} else {
		o->mode = xml_mode(target);
		if (rf_num(uid_text, 10, 0, UINT32_MAX, &uid) < 0)
			return;
	}
	if (images) {
		char name[128];

		rf_copy(o->owner, sizeof(o->owner),
			util_user_name(&images->users, uid, name, sizeof(name)));
	} else {
		(void)rf_format(o->owner, sizeof(o->owner), "%lld", (long long)uid);
	}
}

/* A volume group has no file system of its own: its first volume says what lies below it. */
static int group_encrypted(struct images *images, const char *dir)
{
	SYS_AUTONAMES struct sys_names names = {0};
	char path[RF_MAX_PATH_BYTES];

	if (sys_list(images->sys, dir, &names, NULL) < 0 || names.count == 0 ||
	    !rf_format(path, sizeof(path), "%s/%s", dir, names.names[0]))
		return -1;
	return block_encrypted_path(images->sys, path);
}

static void look_at_target(struct images *images, const char *kind, struct fact_storage_pool *pool)
{
	char real[RF_MAX_PATH_BYTES];
	int encrypted = -1;

	if (!images || !images->mounts_known || *pool->path != '/')
		return;
	if (!kind_flag(kind, false)) {
		pool->on_root = FACT_INT(0);
		return;
	}
	if (strcmp(kind, "logical") == 0 || strcmp(kind, "disk") == 0) {
		pool->on_root = FACT_INT(0);
		encrypted = group_encrypted(images, pool->path);
	} else if (sys_exists(images->sys, pool->path)) {
		(void)mount_path_resolve(images->sys, pool->path, real, sizeof(real));
		const struct mount_entry *m = mount_table_find(&images->mounts, real);

		if (!m)
			return;
		pool->on_root = FACT_BOOL(strcmp(m->target, "/") == 0);
		/* A file system without a device below it (NFS, tmpfs) is not on dm-crypt. */
		encrypted = *m->device == '/'
				    ? block_encrypted_number(images->sys, m->major, m->minor)
				    : 0;
		if (encrypted < 0)
			encrypted = block_encrypted_path(images->sys, m->device);
	}
	if (encrypted >= 0)
		pool->encrypted = FACT_INT(encrypted);
}

static void put_pool_gaps(const struct fact_storage_pool *pool, struct fact_sink *out)
{
	const struct {
		const char *col;
		bool known;
	} cols[] = {{"active", pool->active.known},
		    {"autostart", pool->autostart.known},
		    {"mode", pool->mode.known},
		    {"other_read", pool->mode.known},
		    {"other_write", pool->mode.known},
		    {"owner", pool->owner},
		    {"capacity_bytes", pool->capacity_bytes.known},
		    {"free_bytes", pool->free_bytes.known},
		    {"free_pct", pool->free_pct.known},
		    {"on_root", pool->on_root.known},
		    {"encrypted", pool->encrypted.known}};

	for (size_t i = 0; i < RF_COUNT(cols); i++) {
		if (!cols[i].known)
			fact_gap(out, FACT_T_STORAGE_POOL, pool->pool, cols[i].col, pool->source,
				 "neither the definition nor the host's file systems tell; check "
				 "the host itself, with the pool started");
	}
}

static struct fact_int percent(struct fact_int part, struct fact_int whole)
{
	if (!part.known || !whole.known || whole.v <= 0 || part.v < 0)
		return (struct fact_int){0};
	/* Divided first: sizes near 2^63 must not overflow. */
	int64_t pct = whole.v >= 100 ? part.v / (whole.v / 100) : part.v * 100 / whole.v;

	return FACT_INT(pct > 100 ? 100 : pct);
}

bool pool_put(const struct xml_node *xml, const struct object_state *state, struct images *images,
	      struct fact_sink *out)
{
	const struct xml_node *source = xml_child(xml, "source"),
			      *target = xml_child(xml, "target");
	const char *kind = xml_attr_text(xml, "type");
	const struct xml_node *auth = xml_child(source, "auth");
	RF_AUTOBUF struct rf_buf remote = {0};
	struct ownership o = {0};
	struct fact_storage_pool pool = {.pool = xml_text(xml, "name"),
					 .kind = kind,
					 .path = xml_text(target, "path"),
					 .active = state->active,
					 .autostart = state->autostart,
					 .capacity_bytes = state->capacity_bytes,
					 .free_bytes = state->free_bytes,
					 .source = state->source};

	if (!xml_is(xml, "pool") || !*pool.pool)
		return false;
	remote_hosts(source, &remote);
	pool.remote = rf_buf_text(&remote);
	pool.auth = auth ? xml_attr_text(auth, "type") : kind_flag(kind, true) ? "none" : "";
	find_owner(images, pool.path, target, &o);
	pool.mode = o.mode;
	if (o.mode.known) {
		pool.other_read = FACT_BOOL(o.mode.v & 0004);
		pool.other_write = FACT_BOOL(o.mode.v & 0002);
	}
	pool.owner = *o.owner ? o.owner : NULL;
	struct sys_space space;

	if (!pool.capacity_bytes.known && images && *pool.path == '/' &&
	    sys_space(images->sys, pool.path, &space) == 0) {
		pool.capacity_bytes = FACT_INT(space.size_bytes);
		pool.free_bytes = FACT_INT(space.free_bytes);
	}
	pool.free_pct = percent(pool.free_bytes, pool.capacity_bytes);
	look_at_target(images, kind, &pool);
	fact_put_storage_pool(out, &pool);
	put_pool_gaps(&pool, out);
	return true;
}

bool volume_put(const struct xml_node *xml, const char *pool, const char *path, const char *source,
		struct images *images, struct fact_sink *out)
{
	static const char *const cols[] = {"mode", "other_read", "group_other_write", "owner"};
	const struct xml_node *target = xml_child(xml, "target");
	struct ownership o = {0};
	struct fact_volume v = {.pool = pool,
				.volume = xml_text(xml, "name"),
				.path = path ? path : xml_text(target, "path"),
				.kind = *xml_attr_text(xml, "type") ? xml_attr(xml, "type")
								    : "file",
				.format = xml_attr_text(xml_child(target, "format"), "type"),
				.capacity_bytes = bytes_of(xml_child(xml, "capacity")),
				.allocation_bytes = bytes_of(xml_child(xml, "allocation")),
				.backing = xml_text(xml, "backingStore/path"),
				.source = source};

	if (!xml_is(xml, "volume") || !*v.volume)
		return false;
	v.encrypted = FACT_BOOL(
		rf_starts(xml_attr_text(xml_child(target, "encryption"), "format"), "luks"));
	if (images && v.encrypted.v != 1)
		images_sample(images, v.path, &v.sampled_count, &v.blank_count);
	find_owner(images, v.path, target, &o);
	v.mode = o.mode;
	v.owner = *o.owner ? o.owner : NULL;
	if (o.mode.known) {
		v.other_read = FACT_BOOL(o.mode.v & 0004);
		v.group_other_write = FACT_BOOL(o.mode.v & 0022);
	}
	fact_put_volume(out, &v);
	RF_AUTOFREE char *key = rf_asprintf("%s/%s", pool, v.volume);

	for (size_t i = 0; i < RF_COUNT(cols); i++) {
		if (i == 3 ? !v.owner : !v.mode.known)
			fact_gap(out, FACT_T_VOLUME, key ? key : "", cols[i], source,
				 "neither the definition nor the host tells the volume's mode or "
				 "owner");
	}
	return true;
}
