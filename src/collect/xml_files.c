/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector xml_files: libvirt's XML without a daemon, from files that a person names or all *.xml
 * below a folder. Symbolic links are followed last, so that /etc/libvirt/qemu/autostart does not
 * give a VM a second name; nothing is read twice. What cannot be read is a gap.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/definitions.h"
#include "collect/network_xml.h"
#include "collect/nwfilter_xml.h"

#define MAX_FILES 200000u

struct walk {
	struct sys *sys;
	struct fact_sink *out;
	struct definitions *definitions;
	struct images *images; /* NULL: the files are not this host's */
	struct nwfilter_set filters;
	struct rf_map seen; /* "device:inode" of files and folders */
	size_t files_count;
	bool is_complete; /* no limit cut the walk */
	int rc;		  /* no memory: ends the run */
};

static void gap(struct walk *w, const char *path, const char *why)
{
	fact_gap(w->out, FACT_T_VM, path, "", path, "%s", why);
}

/* True the first time that a file or folder is met. */
static bool is_new(struct walk *w, const struct sys_stat *st)
{
	char id[64];

	(void)rf_format(id, sizeof(id), "%llu:%llu", (unsigned long long)st->dev,
			(unsigned long long)st->inode);
	if (rf_map_has(&w->seen, id))
		return false;
	int rc = rf_map_set(&w->seen, id, w);

	if (rc < 0)
		w->rc = rc;
	return rc == 0;
}

/* 1 or 0 when libvirt's folder beside the file has a link of its name, unknown elsewhere. */
static struct fact_int autostart_of(struct walk *w, const char *path)
{
	static const char *const dirs[] = {"/etc/libvirt/qemu/", "/etc/libvirt/qemu/networks/",
					   "/etc/libvirt/storage/"};
	char link[RF_MAX_PATH_BYTES];
	struct sys_stat st;

	for (size_t i = 0; i < RF_COUNT(dirs); i++) {
		if (!rf_starts(path, dirs[i]) || strchr(path + strlen(dirs[i]), '/'))
			continue;
		if (!rf_format(link, sizeof(link), "%sautostart/%s", dirs[i],
			       path + strlen(dirs[i])))
			break;
		return FACT_BOOL(sys_stat(w->sys, link, &st) == 0);
	}
	return (struct fact_int){0};
}

static const char *join_taints(const struct xml_node *status, struct rf_buf *out)
{
	for (const struct xml_node *n = xml_child(status, "taint"); n; n = xml_next(n, "taint"))
		rf_buf_printf(out, "%s%s", out->len ? "," : "", xml_attr_text(n, "flag"));
	return rf_buf_text(out);
}

static void put_domain(struct walk *w, const struct xml_node *root, const char *path)
{
	const struct xml_node *domain = domain_find(root);
	RF_AUTOBUF struct rf_buf taints = {0};
	bool is_status = xml_is(root, "domstatus") || xml_is(root, "domainstatus");
	bool is_live = is_status || xml_attr(domain, "id");
	struct domain_source src = {.vm = path,
				    .layer = is_live ? "live" : "persistent",
				    .path = path,
				    .state = is_status ? xml_attr_text(root, "state") : "",
				    .source = path,
				    .autostart = autostart_of(w, path)};
	struct definition_pair pair = {.persistent = is_live ? NULL : domain,
				       .live = is_live ? domain : NULL,
				       .persistent_src = src,
				       .live_src = src};

	if (is_status)
		pair.live_src.taints = join_taints(root, &taints);
	int rc = definitions_put(w->definitions, &pair);

	if (rc < 0)
		w->rc = rc;
}

static void put_network(struct walk *w, const struct xml_node *root, const char *path)
{
	bool is_status = xml_is(root, "networkstatus");
	const struct xml_node *network = is_status ? xml_child(root, "network") : root;
	struct object_state state = {.layer = is_status ? "live" : "persistent",
				     .source = path,
				     .active = is_status ? FACT_INT(1) : (struct fact_int){0},
				     .autostart = autostart_of(w, path)};

	if (!network_put(network, &state, w->out))
		fact_gap(w->out, FACT_T_NETWORK, path, "", path,
			 "the network has no name; it is no network definition of libvirt");
}

static void put_filter(struct walk *w, const struct xml_node *root, const char *path)
{
	struct rf_err err = {0};
	int rc = nwfilter_add(&w->filters, root, path, &err);

	if (rc == -ENOMEM)
		w->rc = rc;
	else if (rc < 0)
		fact_gap(w->out, FACT_T_NETWORK_FILTER, path, "", path, "%s", rf_err_text(&err));
}

static void put_pool(struct walk *w, const struct xml_node *root, const char *path)
{
	struct object_state state = {.source = path, .autostart = autostart_of(w, path)};

	if (!pool_put(root, &state, w->images, w->out))
		fact_gap(w->out, FACT_T_STORAGE_POOL, path, "", path,
			 "the pool has no name; it is no pool definition of libvirt");
}

/* A volume's XML does not name its pool: its folder stands for it. */
static void put_volume(struct walk *w, const struct xml_node *root, const char *path)
{
	char dir[RF_MAX_PATH_BYTES];
	const char *target = xml_text(root, "target/path");

	(void)rf_copy(dir, sizeof(dir), *target ? target : path);
	char *slash = strrchr(dir, '/');

	if (slash)
		*slash = '\0';
	if (!volume_put(root, dir, NULL, path, w->images, w->out))
		fact_gap(w->out, FACT_T_VOLUME, path, "", path, "the volume has no name");
}

static void put_secret(struct walk *w, const struct xml_node *root, const char *path)
{
	if (!secret_put(root, path, w->out))
		fact_gap(w->out, FACT_T_SECRET, path, "", path, "the secret has no UUID");
}

static void one_file(struct walk *w, const char *path)
{
	static const struct {
		const char *root;
		void (*put)(struct walk *w, const struct xml_node *root, const char *path);
	} kinds[] = {{"domain", put_domain},	   {"domstatus", put_domain},
		     {"domainstatus", put_domain}, {"domainsnapshot", put_domain},
		     {"network", put_network},	   {"networkstatus", put_network},
		     {"filter", put_filter},	   {"pool", put_pool},
		     {"volume", put_volume},	   {"secret", put_secret}};
	XML_AUTODOC struct xml_doc doc = {0};
	struct rf_err err = {0};

	w->files_count++;
	if (!collect_heartbeat(w->out, path))
		return;
	int rc = definitions_load(w->sys, path, &doc, &err);

	if (rc == -ENOMEM)
		w->rc = rc;
	if (rc < 0)
		return gap(w, path, rf_err_text(&err));
	for (size_t i = 0; i < RF_COUNT(kinds); i++) {
		if (!xml_is(doc.root, kinds[i].root))
			continue;
		/* A snapshot without a definition inside has nothing to judge. */
		if (kinds[i].put == put_domain && !domain_find(doc.root))
			break;
		return kinds[i].put(w, doc.root, path);
	}
	char why[160];

	(void)rf_format(why, sizeof(why), "it is not a libvirt definition: its root is <%.60s>",
			doc.root->name);
	gap(w, path, why);
}

static void walk_folder(struct walk *w, const char *dir, unsigned int depth);

/* Files first, then folders, then links: what is itself there is named by its own path. */
enum pass { PASS_FILES, PASS_FOLDERS, PASS_LINKS, PASSES };

static enum pass pass_of(const struct sys_stat *st)
{
	if (S_ISLNK(st->type))
		return PASS_LINKS;
	return S_ISDIR(st->type) ? PASS_FOLDERS : PASS_FILES;
}

static void one_name(struct walk *w, const char *dir, const char *name, unsigned int depth,
		     enum pass pass)
{
	char path[RF_MAX_PATH_BYTES];
	bool is_xml = rf_ends(name, ".xml");
	struct sys_stat st;

	if (!rf_format(path, sizeof(path), "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name))
		return gap(w, dir, "a path in it is longer than 4,095 bytes");
	if (sys_stat(w->sys, path, &st) < 0)
		return;
	if (pass_of(&st) != pass)
		return;
	if (pass == PASS_LINKS && sys_stat_follow(w->sys, path, &st) < 0) {
		if (is_xml)
			gap(w, path, "it is a symbolic link to nothing that can be read");
		return;
	}
	if (S_ISDIR(st.type)) {
		if (depth >= RF_MAX_DIR_DEPTH)
			gap(w, path, "folders are nested more than 32 deep; name this one itself");
		else if (is_new(w, &st))
			walk_folder(w, path, depth + 1);
		return;
	}
	if (!is_xml)
		return;
	if (!S_ISREG(st.type))
		return gap(w, path, "it is a FIFO, socket or device, so it was not opened");
	if (is_new(w, &st))
		one_file(w, path);
}

/* Recursion is bounded by RF_MAX_DIR_DEPTH, and no folder is entered twice. */
static void walk_folder(struct walk *w, const char *dir, unsigned int depth)
{
	SYS_AUTONAMES struct sys_names names = {0};
	struct rf_err err = {0};

	if (sys_list(w->sys, dir, &names, &err) < 0)
		return gap(w, dir, rf_err_text(&err));
	for (int pass = 0; pass < PASSES; pass++) {
		for (size_t i = 0; i < names.count && w->rc == 0; i++) {
			if (w->files_count >= MAX_FILES) {
				if (w->is_complete)
					gap(w, dir,
					    "over 200,000 files were read; the rest was "
					    "left out");
				w->is_complete = false;
				return;
			}
			one_name(w, dir, names.names[i], depth, (enum pass)pass);
		}
	}
}

static int one_path(struct walk *w, const char *path)
{
	struct sys_stat st;
	int rc = sys_stat_follow(w->sys, path, &st);

	if (rc < 0) {
		gap(w, path,
		    rc == -ENOENT ? "there is no such file or folder" : "it may not be looked at");
		return rc;
	}
	if (S_ISDIR(st.type)) {
		size_t before = w->files_count;

		if (is_new(w, &st))
			walk_folder(w, path, 0);
		if (w->files_count == before && w->rc == 0)
			gap(w, path, "no .xml file that was not read before is in or below it");
		return 0;
	}
	if (!S_ISREG(st.type)) {
		gap(w, path, "it is a FIFO, socket or device, so it was not opened");
		return -EINVAL;
	}
	if (is_new(w, &st))
		one_file(w, path);
	return 0;
}

/* Columns that no file tells, said once for all of them. */
static void put_file_gaps(struct walk *w, const char *source)
{
	static const char *const cols[] = {"autostart", "managed_save", "snapshots_count",
					   "snapshot_oldest_ms", "taints"};

	for (size_t i = 0; i < RF_COUNT(cols); i++)
		fact_gap(w->out, FACT_T_VM, "", cols[i], source,
			 "a definition in a file does not tell; ask libvirt (--connect) to have "
			 "this");
	if (!w->images)
		images_not_looked(w->out, source);
}

static bool in_libvirt_folder(const char *path)
{
	return rf_starts(path, "/etc/libvirt/") || rf_starts(path, "/run/libvirt/") ||
	       rf_starts(path, "/var/lib/libvirt/");
}

int collect_xml_files(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		      struct rf_err *err)
{
	IMAGES_AUTO struct images images = {0};
	DEFINITIONS_AUTO struct definitions definitions = {0};
	size_t unreadable = 0;

	/* With a connection, approved definitions belong to its VMs. */
	bool lone_approved = req->approved_dir && !req->uri;

	if (req->xml_count == 0 && !lone_approved)
		return 0;
	struct walk w = {.sys = sys, .out = out, .definitions = &definitions, .is_complete = true};

	/* Images are looked at only where the files are the definitions of this very host. */
	if (req->host || (req->xml_count > 0 && in_libvirt_folder(req->xml[0]))) {
		images_open(&images, sys);
		w.images = &images;
	}
	w.rc = definitions_open(&definitions, sys, out, w.images, req->approved_dir);
	for (size_t i = 0; i < req->xml_count && w.rc == 0; i++)
		unreadable += one_path(&w, req->xml[i]) < 0;
	if (w.rc == 0 && !req->uri)
		w.rc = definitions_put_unused(&definitions);
	/* Files may be any part of what libvirt has: a filter that is missing may exist. */
	nwfilter_put(&w.filters, false, out);
	put_file_gaps(&w, req->xml_count > 0 ? req->xml[0] : req->approved_dir);
	nwfilter_set_done(&w.filters);
	rf_map_done(&w.seen);
	if (w.rc < 0)
		return rf_fail(err, w.rc, "XML files: %s", rf_code_text(w.rc));
	if (unreadable > 0 && unreadable == req->xml_count)
		return rf_fail(err, -ENOENT, "none of the %zu XML paths could be read", unreadable);
	return 0;
}
