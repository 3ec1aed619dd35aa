/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel modules: those that are loaded, and those that configuration should keep out. Whether a
 * signature is valid is the kernel's business (taint E); here is told whether one is there.
 * Source: /proc/modules, modules.dep and modules.builtin of kmod, modprobe.d(5).
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "attest/modsig.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/ima_list.h"
#include "collect/kernel_modules.h"
#include "collect/util.h"

struct wanted {
	const char *name, *kind, *symbol;
};

/* CIS Debian 12 sections 1.1.1 and 3.2, and ways to plug a disk or a bus into the host. */
static const struct wanted wanted[] = {
	{"cramfs", "filesystem", "CONFIG_CRAMFS"},
	{"freevxfs", "filesystem", "CONFIG_VXFS_FS"},
	{"hfs", "filesystem", "CONFIG_HFS_FS"},
	{"hfsplus", "filesystem", "CONFIG_HFSPLUS_FS"},
	{"jffs2", "filesystem", "CONFIG_JFFS2_FS"},
	{"overlay", "filesystem", "CONFIG_OVERLAY_FS"},
	{"squashfs", "filesystem", "CONFIG_SQUASHFS"},
	{"udf", "filesystem", "CONFIG_UDF_FS"},
	{"atm", "protocol", "CONFIG_ATM"},
	{"can", "protocol", "CONFIG_CAN"},
	{"dccp", "protocol", "CONFIG_IP_DCCP"},
	{"rds", "protocol", "CONFIG_RDS"},
	{"sctp", "protocol", "CONFIG_IP_SCTP"},
	{"tipc", "protocol", "CONFIG_TIPC"},
	{"bluetooth", "device", "CONFIG_BT"},
	{"btusb", "device", "CONFIG_BT_HCIBTUSB"},
	{"firewire_core", "device", "CONFIG_FIREWIRE"},
	{"firewire_ohci", "device", "CONFIG_FIREWIRE_OHCI"},
	{"firewire_sbp2", "device", "CONFIG_FIREWIRE_SBP2"},
	{"floppy", "device", "CONFIG_BLK_DEV_FD"},
	{"thunderbolt", "device", "CONFIG_USB4"},
	{"uas", "device", "CONFIG_USB_UAS"},
	{"usb_storage", "device", "CONFIG_USB_STORAGE"},
};

/* What stands in modprobe.d and on the command line of each row of wanted. */
struct blocks {
	bool blocked[RF_COUNT(wanted)], blacklisted[RF_COUNT(wanted)];
	char where[RF_COUNT(wanted)][UTIL_WHERE_BYTES];
};

/* The module files of the running kernel. */
struct module_files {
	char dir[300];		    /* /lib/modules/RELEASE; "" when the release is not known */
	bool has_dir;		    /* that folder is there */
	bool has_dep, has_builtin;  /* so are its lists */
	struct rf_buf dep, builtin; /* which the paths in the maps point into */
	struct rf_map paths;	    /* module name to its path below dir */
	struct rf_map built_in;	    /* the same for what is part of the kernel */
	struct rf_map loaded;	    /* names in /proc/modules */
	bool has_loader;	    /* the kernel can load modules at all: /proc/modules is there */
};

/* "kernel/fs/x-y.ko.xz" is the module x_y; in out, "" when it is none. */
static void name_of_path(const char *path, char *out, size_t size)
{
	const char *base = strrchr(path, '/');
	const char *ko;

	base = base ? base + 1 : path;
	ko = strstr(base, ".ko");
	out[0] = '\0';
	if (!ko || (size_t)(ko - base) >= size)
		return;
	memcpy(out, base, (size_t)(ko - base));
	out[ko - base] = '\0';
	for (char *p = out; (p = strchr(p, '-'));)
		*p = '_';
}

/* Reads modules.dep or modules.builtin into a map of names. */
static bool read_list(struct sys *sys, const char *dir, const char *file, struct rf_buf *buf,
		      struct rf_map *map)
{
	char path[RF_MAX_PATH_BYTES], name[128];

	if (!rf_format(path, sizeof(path), "%s/%s", dir, file) ||
	    sys_read(sys, path, RF_MAX_FILE_BYTES, buf, NULL) < 0)
		return false;
	char *cursor = buf->len ? (char *)buf->data : NULL;

	for (char *line; (line = rf_line_next(&cursor));) {
		line[strcspn(line, ":")] = '\0';
		name_of_path(line, name, sizeof(name));
		if (name[0] && !rf_map_has(map, name) && rf_map_set(map, name, line) < 0)
			return false;
	}
	return true;
}

static void files_read(struct sys *sys, struct module_files *files)
{
	char release[256];

	if (!kernel_uname(sys, 1, release, sizeof(release)) || strchr(release, '/'))
		return;
	rf_format(files->dir, sizeof(files->dir), "/lib/modules/%s", release);
	files->has_dir = sys_exists(sys, files->dir);
	files->has_dep = read_list(sys, files->dir, "modules.dep", &files->dep, &files->paths);
	files->has_builtin =
		read_list(sys, files->dir, "modules.builtin", &files->builtin, &files->built_in);
}

static void files_done(struct module_files *files)
{
	rf_buf_done(&files->dep);
	rf_buf_done(&files->builtin);
	rf_map_done(&files->paths);
	rf_map_done(&files->built_in);
	rf_map_done(&files->loaded);
}

/* What the file tells of its signature: 1 it has one, 0 none; -1 when it was not read (why is
 * written as a gap). */
static int file_signature(struct sys *sys, struct fact_sink *out, const char *name,
			  const char *path, struct modsig *sig)
{
	RF_AUTOBUF struct rf_buf tail = {0};
	struct rf_err err = {0};
	int rc = sys_probe(sys, "module-tail", path, &tail, &err);

	if (rc < 0) {
		fact_gap(out, FACT_T_MODULE, name, "has_signature", path,
			 "The module's file cannot be read: %s.", rf_err_text(&err));
		return -1;
	}
	rc = modsig_parse(rf_buf_slice(&tail), sig, NULL);
	if (rc < 0)
		fact_gap(out, FACT_T_MODULE, name, "has_signature", path,
			 "The bytes behind the module are marked as a signature but cannot be "
			 "read as one; install the kernel package again.");
	return rc < 0 ? -1 : rc;
}

/*
 * A compressed file is not unpacked, and a module may come from anywhere. What the kernel did then
 * tells: one that checks signatures marks a module it could not verify with E.
 */
static int kernel_signature(const struct kconfig *config, struct fact_sink *out, const char *name,
			    const char *path, const char *taint)
{
	if (taint && kconfig_get(config, "CONFIG_MODULE_SIG") == 'y' && !strchr(taint, 'E'))
		return 1;
	fact_gap(out, FACT_T_MODULE, name, "has_signature", path,
		 "Its file is compressed or not below the kernel's module folder, and the kernel "
		 "does not vouch for it; modinfo shows whether it is signed.");
	return -1;
}

struct module_context {
	struct sys *sys;
	const struct kconfig *config;
	struct fact_sink *out;
	struct module_files *files;
	struct ima_index ima;
	int ima_rc;
};

/*
 * The kernel's own verdict, the only one there is: which certificates it has built in cannot be
 * read from outside. It marks with E what it could not verify, if it checks at all.
 */
static const char *signature_state(const struct module_context *c, const char *name,
				   const char *taint)
{
	char checks = kconfig_get(c->config, "CONFIG_MODULE_SIG");

	if (taint && strchr(taint, 'E'))
		return "unverified";
	if (taint && checks)
		return checks == 'y' ? "verified" : "unchecked";
	fact_gap(c->out, FACT_T_MODULE, name, "signature_state", "/proc/config.gz",
		 "Whether this kernel checks signatures (CONFIG_MODULE_SIG) is not known: its "
		 "configuration is neither in /proc nor in /boot.");
	return NULL;
}

/* A line of the probe file-digest for that algorithm; NULL when there is none. */
static const char *digest_line(char *answer, uint16_t alg)
{
	char name[16];
	size_t len = strlen(attest_alg_name(alg, name));

	for (char *cursor = answer, *line; (line = rf_line_next(&cursor));) {
		if (strncmp(line, name, len) == 0 && line[len] == ' ')
			return line + len + 1;
	}
	return NULL;
}

/* IMA names a file by where it really is: on most hosts /lib is a link to /usr/lib. */
static const struct attest_digest *measured_of(const struct module_context *c, const char *path)
{
	char real[RF_MAX_PATH_BYTES];
	const struct attest_digest *found = path[0] ? ima_index_find(&c->ima, path) : NULL;

	if (!found && rf_starts(path, "/lib/") && rf_format(real, sizeof(real), "/usr%s", path))
		found = ima_index_find(&c->ima, real);
	return found;
}

/* Is the file on disk the one that was measured when the module was loaded? */
static const char *on_disk(const struct module_context *c, const char *name, const char *path)
{
	const struct attest_digest *measured = measured_of(c, path);
	RF_AUTOBUF struct rf_buf answer = {0}, hex = {0};

	if (c->ima_rc < 0 && c->ima_rc != -ENOENT) {
		fact_gap(c->out, FACT_T_MODULE, name, "on_disk", c->ima.file.path,
			 "IMA's list cannot be read (%s); run as root.", rf_code_text(c->ima_rc));
		return NULL;
	}
	if (!measured)
		return "not measured";
	int rc = sys_probe(c->sys, "file-digest", path, &answer, NULL);
	const char *now =
		rc == 0 && answer.len ? digest_line((char *)answer.data, measured->alg) : NULL;

	if (rc == -ENOENT)
		return "missing";
	if (!now || !measured->alg) {
		fact_gap(
			c->out, FACT_T_MODULE, name, "on_disk", path,
			"The file, or what was measured of it, is not known, so that they cannot be "
			"compared.");
		return NULL;
	}
	rf_buf_add_hex(&hex, measured->bytes, measured->len);
	return strcmp(rf_buf_text(&hex), now) == 0 ? "same" : "changed";
}

/* Where its file is; "" when no list tells. depmod writes absolute paths for modules outside. */
static void module_path(const struct module_context *c, const char *name, char *out, size_t size)
{
	const char *below = rf_map_get(&c->files->paths, name);

	out[0] = '\0';
	if (below)
		rf_format(out, size, "%s%s%s", below[0] == '/' ? "" : c->files->dir,
			  below[0] == '/' ? "" : "/", below);
}

/* Fills in what the signature says, where the file could be read. */
static void fill_signature(struct module_context *c, struct fact_module *row, struct modsig *sig)
{
	bool plain = rf_ends(row->path, ".ko");
	int has = plain ? file_signature(c->sys, c->out, row->name, row->path, sig)
			: kernel_signature(c->config, c->out, row->name, row->path, row->taint);

	row->has_signature = (struct fact_int){has >= 0, has};
	row->signature_state = signature_state(c, row->name, row->taint);
	if (plain) {
		row->signer = sig->signer[0] ? sig->signer : sig->key_id;
		row->signature_hash = sig->hash;
		return;
	}
	static const char *const columns[] = {"signer", "signature_hash"};

	for (size_t i = 0; i < RF_COUNT(columns); i++)
		fact_gap(c->out, FACT_T_MODULE, row->name, columns[i], row->path,
			 "It stands in the module's file, which was not read because it is "
			 "compressed or not below the kernel's module folder; modinfo shows it.");
}

/* One line of /proc/modules: name size uses deps state address (taints). */
static void put_module(struct module_context *c, char *line)
{
	char *cursor = line, path[RF_MAX_PATH_BYTES], file[256], taint[32];
	const char *name = rf_word_next(&cursor), *size = rf_word_next(&cursor);
	struct modsig sig = {0};
	int64_t bytes;

	if (!size || rf_num(size, 10, 0, INT64_MAX, &bytes) < 0 || strchr(name, '/'))
		return;
	module_path(c, name, path, sizeof(path));
	rf_format(file, sizeof(file), "/sys/module/%s/taint", name);
	bool has_taint = sys_read_line(c->sys, file, taint, sizeof(taint)) == 0;

	if (!has_taint)
		fact_gap(c->out, FACT_T_MODULE, name, "taint", file,
			 "The kernel does not tell what the module taints.");
	struct fact_module row = {.name = name,
				  .size_bytes = FACT_INT(bytes),
				  .taint = has_taint ? taint : NULL,
				  .path = path,
				  .source = "/proc/modules"};

	fill_signature(c, &row, &sig);
	row.on_disk = on_disk(c, name, path);
	fact_put_module(c->out, &row);
	if (rf_map_set(&c->files->loaded, name, c) < 0)
		rf_fail(&c->out->err, -ENOMEM, "modules");
}

static void put_modules(struct sys *sys, const struct kconfig *config, struct fact_sink *out,
			struct module_files *files)
{
	RF_AUTOBUF struct rf_buf buf = {0};
	struct module_context c = {.sys = sys, .config = config, .out = out, .files = files};
	/* No such file: a kernel without loadable modules, which therefore has none loaded. */
	int rc = util_read(sys, out, FACT_T_MODULE, "", "/proc/modules", RF_MAX_PROC_BYTES, &buf);

	files->has_loader = rc != 0;
	if (rc == 0 && !sys_exists(sys, "/proc/version")) {
		files->has_loader = true;
		fact_gap(out, FACT_T_MODULE, "", "", "/proc/modules",
			 "There is no /proc: it is not mounted, or was not captured.");
	}
	char *cursor = rc > 0 && buf.len ? (char *)buf.data : NULL;

	c.ima_rc = cursor ? ima_index_read(sys, ".ko", &c.ima) : 0;
	for (char *line; (line = rf_line_next(&cursor));)
		put_module(&c, line);
	ima_index_done(&c.ima);
}

/* Lines that end with a backslash go on in the next one; joins them in place. */
static void join_lines(char *text)
{
	for (char *p = text; (p = strstr(p, "\\\n"));) {
		p[0] = ' ';
		p[1] = '\v'; /* counts as a blank, and still as a line for the counter */
	}
}

void modprobe_walk(char *text, const char *path,
		   void (*each)(void *ctx, const struct modprobe_line *line), void *ctx)
{
	unsigned int number = 0;

	join_lines(text);
	for (char *cursor = text, *line; (line = rf_line_next(&cursor));) {
		char *word = line;
		struct modprobe_line found = {.path = path, .line = ++number};

		for (const char *p = line; (p = strchr(p, '\v')); p++)
			number++;
		const char *verb = rf_word_next(&word);

		if (!verb || verb[0] == '#' || !(found.name = rf_word_next(&word)))
			continue;
		found.is_blacklist = strcmp(verb, "blacklist") == 0;
		if (strcmp(verb, "install") == 0) {
			const char *command = rf_word_next(&word);
			const char *slash = command ? strrchr(command, '/') : NULL;

			command = slash ? slash + 1 : command;
			found.install_blocks =
				rf_equal(command, "true") || rf_equal(command, "false");
		}
		if (found.is_blacklist || found.install_blocks)
			each(ctx, &found);
	}
}

/* modprobe takes - and _ for the same. */
static bool same_module(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	}
	return *a == *b;
}

static void note_line(void *ctx, const struct modprobe_line *line)
{
	struct blocks *blocks = ctx;

	for (size_t i = 0; i < RF_COUNT(wanted); i++) {
		if (!same_module(line->name, wanted[i].name))
			continue;
		bool news = line->install_blocks ? !blocks->blocked[i]
						 : !blocks->blocked[i] && !blocks->blacklisted[i];

		blocks->blocked[i] |= line->install_blocks;
		blocks->blacklisted[i] |= line->is_blacklist;
		if (news)
			util_where(blocks->where[i], line->path, line->line);
	}
}

/* module_blacklist=a,b keeps the kernel itself from loading; modprobe.blacklist= only udev. */
static void note_cmdline(struct sys *sys, struct blocks *blocks)
{
	static const struct {
		const char *word;
		bool blocks;
	} words[] = {{"module_blacklist", true}, {"modprobe.blacklist", false}};
	char value[4096], *names[64];

	for (size_t w = 0; w < RF_COUNT(words); w++) {
		if (!kernel_cmdline_value(sys, words[w].word, value, sizeof(value)))
			continue;
		size_t count = util_split(value, ',', names, RF_COUNT(names));

		for (size_t i = 0; i < count; i++)
			note_line(blocks,
				  &(struct modprobe_line){.path = "/proc/cmdline",
							  .line = 1,
							  .name = names[i],
							  .is_blacklist = !words[w].blocks,
							  .install_blocks = words[w].blocks});
	}
}

static void read_modprobe(struct sys *sys, struct fact_sink *out, struct blocks *blocks)
{
	static const char *const dirs[] = {"/etc/modprobe.d", "/run/modprobe.d",
					   "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d",
					   "/lib/modprobe.d"};
	UTIL_AUTOPATHS struct util_paths files = {0};
	int rc = util_dropins(sys, dirs, RF_COUNT(dirs), ".conf", &files);

	if (rc < 0)
		util_gap(out, FACT_T_MODULE_BLOCK, "", "/etc/modprobe.d", rc);
	for (size_t i = 0; i < files.count && i < RF_MAX_INCLUDE_FILES; i++) {
		RF_AUTOBUF struct rf_buf buf = {0};

		if (util_read(sys, out, FACT_T_MODULE_BLOCK, files.paths[i], files.paths[i],
			      RF_MAX_FILE_BYTES, &buf) > 0 &&
		    buf.len)
			modprobe_walk((char *)buf.data, files.paths[i], note_line, blocks);
	}
	note_cmdline(sys, blocks);
}

/* 1 when the module is part of the kernel, 0 when not, -1 when nothing tells. */
static int is_built_in(struct sys *sys, const struct kconfig *config, struct module_files *files,
		       const struct wanted *w)
{
	char path[256];
	char built = kconfig_get(config, w->symbol);

	if (rf_map_has(&files->loaded, w->name))
		return 0;
	rf_format(path, sizeof(path), "/sys/module/%s", w->name);
	if (built == 'y' || rf_map_has(&files->built_in, w->name) || sys_exists(sys, path))
		return 1;
	return built || files->has_builtin ? 0 : -1;
}

static void put_block(struct sys *sys, const struct kconfig *config, struct fact_sink *out,
		      struct module_files *files, const struct blocks *blocks, size_t i)
{
	const struct wanted *w = &wanted[i];
	int built_in = is_built_in(sys, config, files, w);
	bool loaded = rf_map_has(&files->loaded, w->name);
	bool has_file = rf_map_has(&files->paths, w->name);
	/* Without the folder there is no file that could be loaded, whatever the kernel can do. */
	bool files_known =
		files->has_dep || (files->dir[0] && !files->has_dir) || !files->has_loader;
	bool is_there = loaded || has_file || built_in > 0;
	bool known = is_there || (files_known && built_in >= 0);

	if (!known)
		fact_gap(out, FACT_T_MODULE_BLOCK, w->name, "available", files->dir,
			 "Neither the kernel's configuration nor %s/modules.dep could be read, so "
			 "it is not known whether the kernel has it.",
			 files->dir[0] ? files->dir : "/lib/modules/RELEASE");
	if (!loaded && built_in < 0)
		fact_gap(
			out, FACT_T_MODULE_BLOCK, w->name, "loaded", files->dir,
			"It is not a loaded module; whether it is part of the kernel is not known, "
			"because neither its configuration nor modules.builtin could be read.");
	fact_put_module_block(
		out, &(struct fact_module_block){
			     .name = w->name,
			     .kind = w->kind,
			     .available = {known, is_there},
			     .loaded = {loaded || built_in >= 0, loaded || built_in > 0},
			     .blocked = FACT_BOOL(blocks->blocked[i]),
			     .blacklisted = FACT_BOOL(blocks->blacklisted[i]),
			     .source = blocks->where[i][0] ? blocks->where[i] : files->dir});
}

void kernel_modules_collect(struct sys *sys, const struct kconfig *config, struct fact_sink *out)
{
	struct module_files files = {0};
	struct blocks blocks = {0};

	files_read(sys, &files);
	put_modules(sys, config, out, &files);
	read_modprobe(sys, out, &blocks);
	for (size_t i = 0; i < RF_COUNT(wanted); i++)
		put_block(sys, config, out, &files, &blocks, i);
	files_done(&files);
}
