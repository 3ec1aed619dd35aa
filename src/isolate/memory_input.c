/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of the memory of VMs and the host: out of the facts (vm, vm_process, host), and of
 * cgroups and KSM through the seam. See memory.h. Nothing is changed.
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "isolate/memory.h"
#include "isolate/vm_now.h"
#include "isolate/vm_scope.h"

/* A running VM is what runs; what it starts with comes from its definition. A definition that was
 * read from a file is nobody's to set through libvirt. */
static const char question[] =
	"SELECT coalesce(nullif(v.name, ''), v.vm), coalesce(v.uuid, ''), coalesce(v.class, ''),"
	" coalesce(v.memory_bytes, 0), v.layer = 'live', EXISTS (SELECT 1 FROM vm d WHERE"
	" d.host = v.host AND d.vm = v.vm AND d.layer = 'persistent' AND coalesce(d.path, '') = ''),"
	" coalesce(v.balloon, '') NOT IN ('', 'none'), coalesce((SELECT d.page_sharing FROM vm d"
	" WHERE d.host = v.host AND d.vm = v.vm AND d.layer = 'persistent'), v.page_sharing, 1),"
	" coalesce((SELECT max(p.pid) FROM vm_process p WHERE p.host = v.host AND p.vm = v.vm), 0)"
	" FROM vm v WHERE " VM_NOW " ORDER BY 1, v.vm";

void memory_input_done(struct memory_input *input)
{
	rf_free(input->vms);
	rf_free(input->groups);
	rf_arena_done(&input->texts);
	memset(input, 0, sizeof(*input));
}

static const char *column(struct memory_input *in, sqlite3_stmt *stmt, int i)
{
	const char *text = (const char *)sqlite3_column_text(stmt, i);

	return rf_arena_copy(&in->texts, text ? text : "");
}

static int vm_take(void *arg, sqlite3_stmt *stmt)
{
	struct memory_input *in = arg;

	if (rf_grow((void **)&in->vms, &in->capacity, in->count + 1, sizeof(*in->vms)) < 0)
		return -ENOMEM;
	in->vms[in->count++] = (struct memory_vm){.vm = column(in, stmt, 0),
						  .uuid = column(in, stmt, 1),
						  .class = column(in, stmt, 2),
						  .bytes = sqlite3_column_int64(stmt, 3),
						  .running = sqlite3_column_int(stmt, 4),
						  .defined = sqlite3_column_int(stmt, 5),
						  .balloon = sqlite3_column_int(stmt, 6),
						  .shares_defined = sqlite3_column_int(stmt, 7),
						  .pid = sqlite3_column_int64(stmt, 8),
						  .group = ""};
	return in->texts.failed ? -ENOMEM : 0;
}

static int host_load(struct fact_store *store, struct memory_input *in)
{
	sqlite3_stmt *stmt = NULL;
	int step = SQLITE_ERROR;

	if (sqlite3_prepare_v2(fact_store_db(store), "SELECT max(memory_bytes) FROM host", -1,
			       &stmt, NULL) == SQLITE_OK)
		step = sqlite3_step(stmt);
	if (step == SQLITE_ROW)
		in->host_bytes = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return step == SQLITE_ROW ? 0 : RF_E_DATABASE;
}

/* A VM that was not seen would be told to be as wanted. */
static int vms_known(struct fact_store *store, struct rf_err *err)
{
	static const char asked[] =
		"SELECT collector, state FROM collector_run WHERE state IN ('timeout', 'crashed')"
		" AND ',' || coalesce(tables, '') || ',' LIKE '%,vm,%'";
	sqlite3_stmt *stmt = NULL;
	int rc = 0;

	if (sqlite3_prepare_v2(fact_store_db(store), asked, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		rc = rf_fail(err, RF_E_MISSING,
			     "which VMs this host has is not known: the collector %s did not end "
			     "(%s); try again when the host is less busy",
			     (const char *)sqlite3_column_text(stmt, 0),
			     (const char *)sqlite3_column_text(stmt, 1));
	sqlite3_finalize(stmt);
	return rc;
}

/* ---- KSM ---- */

static void ksm_load(struct sys *sys, struct memory_ksm *ksm)
{
	const struct {
		const char *path;
		int64_t *out;
	} rows[] = {
		{MEMORY_KSM_DIR "/run", &ksm->run},
		{MEMORY_KSM_DIR "/pages_shared", &ksm->pages_shared},
		{MEMORY_KSM_DIR "/pages_sharing", &ksm->pages_sharing},
		{MEMORY_KSM_DIR "/pages_to_scan", &ksm->pages_to_scan},
		{MEMORY_KSM_DIR "/sleep_millisecs", &ksm->sleep_ms},
		{MEMORY_KSM_DIR "/max_page_sharing", &ksm->max_page_sharing},
		{MEMORY_KSM_DIR "/merge_across_nodes", &ksm->across_nodes},
	};
	char text[64], *open, *close;

	for (size_t i = 0; i < RF_COUNT(rows); i++) {
		if (sys_read_int(sys, rows[i].path, rows[i].out) < 0)
			*rows[i].out = -1;
	}
	/* "[none] scan-time" */
	if (sys_read_line(sys, MEMORY_KSM_DIR "/advisor_mode", text, sizeof(text)) < 0)
		return;
	open = strchr(text, '[');
	close = open ? strchr(open, ']') : NULL;
	if (!close)
		return;
	*close = '\0';
	rf_copy(ksm->advisor, sizeof(ksm->advisor), open + 1);
}

/* ---- cgroups ---- */

/* "max" is more than any number; -1: there is no such value. */
static int64_t bytes_of(struct sys *sys, const char *folder, const char *file)
{
	char path[600], text[64];
	int64_t n;

	if (!rf_format(path, sizeof(path), "%s/%s", folder, file) ||
	    sys_read_line(sys, path, text, sizeof(text)) < 0)
		return -1;
	if (strcmp(text, "max") == 0)
		return INT64_MAX;
	return rf_num(text, 10, 0, INT64_MAX, &n) < 0 ? -1 : n;
}

/* The number of a group in the input; it is read once. */
static int group_find(struct memory_input *in, struct sys *sys, const char *path, size_t *out)
{
	for (size_t i = 0; i < in->groups_count; i++) {
		if (strcmp(in->groups[i].path, path) == 0) {
			*out = i;
			return 0;
		}
	}
	if (rf_grow((void **)&in->groups, &in->groups_capacity, in->groups_count + 1,
		    sizeof(*in->groups)) < 0)
		return -ENOMEM;
	*out = in->groups_count++;
	in->groups[*out] = (struct memory_group){.path = rf_arena_copy(&in->texts, path),
						 .min_bytes = bytes_of(sys, path, "memory.min"),
						 .low_bytes = bytes_of(sys, path, "memory.low")};
	return in->texts.failed ? -ENOMEM : 0;
}

/* From the VM's own cgroup up to the one below the root, which has none of these values. */
static int chain_load(struct memory_input *in, struct sys *sys, struct memory_vm *vm,
		      const char *scope)
{
	char path[400];
	int rc = 0;

	rf_copy(path, sizeof(path), scope);
	for (char *slash; rc == 0 && (slash = strrchr(path, '/')) && slash != path;) {
		*slash = '\0';
		if (vm->groups_count == MEMORY_LEVELS || bytes_of(sys, path, "memory.min") < 0)
			break;
		rc = group_find(in, sys, path, &vm->groups[vm->groups_count++]);
	}
	return rc || in->texts.failed ? -ENOMEM : 0;
}

/* A VM whose cgroup cannot be found gets no reservation; memory_resolve says so. */
static int vm_group_load(struct memory_input *in, struct sys *sys, struct memory_vm *vm,
			 const char *mounts)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct vm_scope scope;
	char path[64];

	if (!vm->running || vm->pid <= 0)
		return 0;
	rf_format(path, sizeof(path), "/proc/%lld/cgroup", (long long)vm->pid);
	if (sys_read(sys, path, RF_MAX_PROC_BYTES, &text, NULL) < 0 ||
	    vm_scope_parse(rf_buf_text(&text), mounts, "memory", &scope, NULL) < 0)
		return 0;
	vm->version = scope.version;
	vm->group = rf_arena_copy(&in->texts, scope.path);
	if (in->texts.failed)
		return -ENOMEM;
	return scope.version == 2 ? chain_load(in, sys, vm, scope.path) : 0;
}

int memory_input_load(struct fact_store *store, struct sys *sys, struct memory_input *out,
		      struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf mounts = {0};
	struct memory_input in = {0};
	int rc = vms_known(store, err);

	if (rc < 0)
		return rc;
	rc = fact_store_each(store, question, vm_take, &in);
	if (!rc)
		rc = host_load(store, &in);
	ksm_load(sys, &in.ksm);
	/* Where it cannot be read no cgroup is found. */
	if (!rc && sys_read(sys, "/proc/self/mountinfo", RF_MAX_PROC_BYTES, &mounts, NULL) < 0)
		rf_buf_reset(&mounts);
	for (size_t i = 0; rc == 0 && i < in.count; i++)
		rc = vm_group_load(&in, sys, &in.vms[i], rf_buf_text(&mounts));
	if (rc < 0) {
		memory_input_done(&in);
		return rf_fail(err, rc, "the facts about the memory of VMs cannot be read: %s",
			       rf_code_text(rc));
	}
	*out = in;
	return 0;
}
