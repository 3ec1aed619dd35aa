/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector vmx_files: .vmx files that a person names, or all below a folder. It reads each one and
 * its folder's siblings; meanings are in vmx_facts.c. It follows symbolic links but visits no
 * folder twice. What cannot be read is a gap, and the next file follows.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/vmx_facts.h"
#include "collect/vmx_folder.h"

/* One run; storage that is used again for every file. */
struct walk {
	struct sys *sys;
	struct fact_sink *out;
	struct vmx vmx, vmsd;
	struct rf_buf text;
	char encoding[64]; /* that the text declares */
	enum vmx_encoding encoding_result;
	struct rf_map visited; /* "device:inode" of folders */
	struct util_users users;
	size_t files_count;
	int rc; /* the first failure that ends the run: no memory */
};

static void gap_vm(struct walk *w, const char *path, const char *why)
{
	char key[RF_MAX_PATH_BYTES + 32];

	rf_format(key, sizeof(key), "%s/" VMX_LAYER, path);
	fact_gap(w->out, FACT_T_VM, key, "", path, "%s", why);
}

static void gap_read(struct walk *w, const char *path, int rc, const struct rf_err *err)
{
	char why[256];

	if (rc == RF_E_LIMIT)
		rf_format(why, sizeof(why), "%.150s; a .vmx has at most %u bytes and %u keys",
			  rf_err_text(err), RF_MAX_VMX_BYTES, RF_MAX_VMX_KEYS);
	else if (rc == -EINVAL)
		rf_format(why, sizeof(why), "it is not a regular file, so it was not read");
	else if (rc == -EACCES || rc == -EPERM)
		rf_format(why, sizeof(why),
			  "no right to read it; run as root or give it read access");
	else
		rf_format(why, sizeof(why), "it could not be read: %s", rf_err_text(err));
	gap_vm(w, path, why);
}

/* Says what the text's encoding and its lines did not give. */
static void gap_lines(struct walk *w, const char *path)
{
	const char *encoding = w->encoding;
	enum vmx_encoding result = w->encoding_result;
	char key[RF_MAX_PATH_BYTES + 64], where[RF_MAX_PATH_BYTES + 16];
	const struct vmx *vmx = &w->vmx;

	rf_format(key, sizeof(key), "%s/" VMX_LAYER "/.encoding", path);
	if (result == VMX_ENC_UNKNOWN)
		fact_gap(w->out, FACT_T_VM_OPTION, key, "", path,
			 "the encoding \"%.40s\" is not known, so bytes beyond ASCII are shown as "
			 "\\xNN; save the file as UTF-8",
			 encoding);
	if (result == VMX_ENC_BROKEN)
		fact_gap(
			w->out, FACT_T_VM_OPTION, key, "", path,
			"some bytes are not valid %s, so they are shown as \\xNN; save the file as "
			"UTF-8",
			*encoding ? encoding : "UTF-8");
	for (size_t i = 0; i < vmx->problems_count && i < VMX_MAX_PROBLEMS; i++) {
		const struct vmx_problem *p = &vmx->problems[i];

		rf_format(key, sizeof(key), "%s/" VMX_LAYER "/line %u", path, p->line);
		rf_format(where, sizeof(where), "%s:%u", path, p->line);
		fact_gap(w->out, FACT_T_VM_OPTION, key, "", where,
			 "line %u is not understood: %s; correct or remove it", p->line, p->what);
	}
	if (vmx->problems_count > VMX_MAX_PROBLEMS) {
		rf_format(key, sizeof(key), "%s/" VMX_LAYER "/lines", path);
		fact_gap(w->out, FACT_T_VM_OPTION, key, "", path,
			 "%zu lines are not understood; the first %d are listed",
			 vmx->problems_count, VMX_MAX_PROBLEMS);
	}
}

/* Reads and parses a file into vmx. 0, or what failed with err filled. */
static int load(struct walk *w, const char *path, struct vmx *vmx, struct rf_err *err)
{
	rf_buf_reset(&w->text);
	int rc = sys_read(w->sys, path, RF_MAX_VMX_BYTES, &w->text, err);

	if (rc)
		return rc;
	/* An empty file may leave the buffer without storage; the parser wants a NUL. */
	if (!rf_buf_reserve(&w->text, 1) ||
	    vmx_to_utf8(&w->text, w->encoding, sizeof(w->encoding), &w->encoding_result) == -ENOMEM)
		return rf_fail(err, -ENOMEM, "%s: no memory", path);
	w->text.data[w->text.len] = '\0';
	return vmx_parse(vmx, (char *)w->text.data, w->text.len, err);
}

static void read_snapshots(struct walk *w, const struct vmx_folder *folder, const char *path,
			   struct vmx_snapshots *out)
{
	char vmsd[RF_MAX_PATH_BYTES];
	struct rf_err err = {0};

	*out = (struct vmx_snapshots){.count = FACT_INT(0), .oldest_ms = FACT_INT(0)};
	if (!folder->listed) {
		*out = (struct vmx_snapshots){0};
		return;
	}
	if (!vmx_folder_vmsd(folder, path, vmsd, sizeof(vmsd)))
		return;
	int rc = load(w, vmsd, &w->vmsd, &err);

	if (rc == 0) {
		vmx_snapshots_read(&w->vmsd, out);
		return;
	}
	char key[RF_MAX_PATH_BYTES + 32];

	*out = (struct vmx_snapshots){0};
	rf_format(key, sizeof(key), "%s/" VMX_LAYER, path);
	fact_gap(w->out, FACT_T_VM, key, "snapshots_count", vmsd,
		 "the list of snapshots could not be read: %s", rf_err_text(&err));
}

static int walk_folder(struct walk *w, const char *dir, unsigned depth);

static void one_file(struct walk *w, struct vmx_folder *folder, const char *path)
{
	struct rf_err err = {0};
	struct vmx_snapshots snapshots;
	struct vmx_vm vm;

	if (strlen(path) >= RF_MAX_PATH_BYTES) {
		gap_vm(w, path, "the path is longer than 4,095 bytes");
		return;
	}
	w->files_count++;
	if (!collect_heartbeat(w->out, path))
		return;
	vmx_folder_facts(folder, w->out, path, &w->users);
	/* The list of snapshots first, because the text's buffer is used for both. */
	read_snapshots(w, folder, path, &snapshots);
	int rc = load(w, path, &w->vmx, &err);

	if (rc == -ENOMEM)
		w->rc = rc;
	if (rc) {
		gap_read(w, path, rc, &err);
		return;
	}
	gap_lines(w, path);
	if (w->vmx.count == 0) {
		gap_vm(w, path, "no line of it is KEY = \"VALUE\", so it is not a .vmx");
		return;
	}
	vmx_vm_init(&vm, w->out, &w->vmx, path);
	vmx_facts(&vm, &snapshots);
}

/* True the first time that a folder is seen; false for a loop of symbolic links. */
static bool is_new_folder(struct walk *w, const struct sys_stat *st)
{
	char id[64];

	rf_format(id, sizeof(id), "%llu:%llu", (unsigned long long)st->dev,
		  (unsigned long long)st->inode);
	if (rf_map_has(&w->visited, id))
		return false;
	int rc = rf_map_set(&w->visited, id, w);

	if (rc)
		w->rc = rc;
	return rc == 0;
}

static void one_name(struct walk *w, struct vmx_folder *folder, const char *name, unsigned depth)
{
	char path[RF_MAX_PATH_BYTES];
	struct sys_stat st;
	size_t len = strlen(name);
	bool is_vmx = len > 4 && rf_equal_nocase(name + len - 4, ".vmx");

	if (!vmx_folder_join(path, sizeof(path), folder->dir, name)) {
		gap_vm(w, name, "its path is longer than 4,095 bytes");
		return;
	}
	if (sys_stat_follow(w->sys, path, &st) < 0) {
		if (is_vmx)
			gap_vm(w, path,
			       "it is a symbolic link to nothing, or its folder may not be "
			       "searched");
		return;
	}
	if (st.type == S_IFDIR) {
		if (depth >= RF_MAX_DIR_DEPTH)
			gap_vm(w, path,
			       "folders are nested more than 32 deep; name this one itself");
		else if (is_new_folder(w, &st))
			walk_folder(w, path, depth + 1);
		return;
	}
	if (!is_vmx)
		return;
	if (st.type == S_IFREG)
		one_file(w, folder, path);
	else
		gap_vm(w, path, "it is a FIFO, socket or device, so it was not opened");
}

static int walk_folder(struct walk *w, const char *dir, unsigned depth)
{
	VMX_AUTOFOLDER struct vmx_folder folder = {0};
	struct rf_err err = {0};
	int rc = vmx_folder_open(&folder, w->sys, dir, &err);

	if (rc) {
		gap_vm(w, dir, rf_err_text(&err));
		return rc;
	}
	for (size_t i = 0; i < folder.names.count && !w->rc; i++)
		one_name(w, &folder, folder.names.names[i], depth);
	return 0;
}

/* A path that the person gave: a folder, or a file of any name. */
static int one_path(struct walk *w, const char *path, struct rf_err *err)
{
	struct sys_stat st;
	int rc = sys_stat_follow(w->sys, path, &st);

	if (rc) {
		gap_vm(w, path,
		       rc == -ENOENT ? "there is no such file or folder"
				     : "it may not be looked at");
		return rf_fail(err, rc, "%s: %s", path, rf_code_text(rc));
	}
	if (st.type == S_IFDIR) {
		size_t before = w->files_count;

		/* The same folder given twice is read once. */
		rc = is_new_folder(w, &st) ? walk_folder(w, path, 0) : 0;
		if (!rc && w->files_count == before && !w->rc)
			gap_vm(w, path, "no .vmx file is in or below it");
		return rc ? rf_fail(err, rc, "%s: %s", path, rf_code_text(rc)) : 0;
	}
	if (st.type != S_IFREG) {
		gap_vm(w, path, "it is a FIFO, socket or device, so it was not opened");
		return rf_fail(err, -EINVAL, "%s: not a regular file", path);
	}
	VMX_AUTOFOLDER struct vmx_folder folder = {0};
	char dir[RF_MAX_PATH_BYTES];
	struct rf_err ignored = {0};

	/* A folder that may not be listed costs vm_file its rows, not the file itself. */
	if (vmx_folder_of(path, dir, sizeof(dir)) &&
	    vmx_folder_open(&folder, w->sys, dir, &ignored) < 0)
		fact_gap(w->out, FACT_T_VM_FILE, path, "", dir,
			 "the folder could not be listed: %s", rf_err_text(&ignored));
	one_file(w, &folder, path);
	return 0;
}

int collect_vmx_files(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		      struct rf_err *err)
{
	struct walk w = {.sys = sys, .out = out};
	struct rf_err why = {0};
	int rc = 0;

	/* Without names of users and groups their numbers are written. */
	if (util_users_read(sys, &w.users, NULL) < 0)
		util_users_done(&w.users);
	for (size_t i = 0; i < req->vmx_count && !w.rc; i++)
		rc = one_path(&w, req->vmx[i], &why) < 0 ? why.code : rc;
	if (w.rc)
		rc = rf_fail(err, w.rc, "no memory");
	else if (rc && w.files_count == 0)
		rc = rf_fail(err, rc, "%s", rf_err_text(&why));
	else
		rc = 0;
	vmx_done(&w.vmx);
	vmx_done(&w.vmsd);
	rf_buf_done(&w.text);
	rf_map_done(&w.visited);
	util_users_done(&w.users);
	return rc;
}
