/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfence attest digests: a file of known contents for a baseline's `digest-sets`, from folders,
 * from what dpkg installed, from packages (.deb), or from files of sums. It hashes and writes; what
 * the set allows, rules of the baseline say.
 * Source: sha256sum(1); deb-md5sums(5).
 */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attest/digestset.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/baseline_file.h"
#include "cli/common.h"
#include "cli/file_digest.h"
#include "collect/dpkg.h"
#include "sys/deb.h"

#define FILE_BYTES_MAX (1024u << 20)
#define DEPTH_MAX      64u
#define INFO	       "/var/lib/dpkg/info"
#define INFO_MAX       (16u << 20)
#define TOLD_MAX       10u

struct job {
	struct sys *sys;
	struct rf_buf out;
	size_t files, left_out;
	/* Packages are hostile: they are opened first and read when the program is locked in. */
	struct deb {
		const char *path;
		int fd;
	} debs[CLI_MAX_WORDS];
	size_t debs_count;
};

/* A file that could not be taken: a set that lacks it alarms later, so it is told now. */
static void leave_out(struct job *job, const char *path, const char *why)
{
	if (job->left_out++ < TOLD_MAX)
		fprintf(stderr, "ringfence: %s: %s, left out\n", path, why);
}

static int digest(const EVP_MD *md, struct rf_slice bytes, struct rf_buf *hex)
{
	uint8_t value[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (EVP_Digest(bytes.data, bytes.len, value, &len, md, NULL) != 1)
		return RF_E_CRYPTO;
	rf_buf_add_hex(hex, value, len);
	return hex->failed ? -ENOMEM : 0;
}

/* One line of the set. A name that holds a line's end would be read as another line. */
static int add_line(struct job *job, const char *hex, const char *path, const char *label)
{
	if (strpbrk(path, "\n\r")) {
		leave_out(job, "a name with a line's end", "not written");
		return 0;
	}
	if (job->files == DIGESTSET_MAX)
		return RF_E_LIMIT;
	job->files++;
	return rf_buf_printf(&job->out, "sha256:%s %s%s%s\n", hex, path, label[0] ? " " : "",
			     label);
}

/* SHA-256, and MD5 where it is wanted (NULL: not). Asked for; read where nobody answers. */
static int sums_of(struct job *job, const char *path, struct rf_buf *md5, struct rf_buf *sha256)
{
	struct attest_digest digests[FILE_DIGESTS];
	size_t count = file_digest_ask(job->sys, path, digests);
	RF_AUTOBUF struct rf_buf bytes = {0};
	char sum[33] = "";

	for (size_t i = 0; i < count; i++) {
		if (digests[i].alg == ATTEST_SHA256)
			rf_buf_add_hex(sha256, digests[i].bytes, digests[i].len);
	}
	if (md5 && sha256->len)
		file_digest_ask_md5(job->sys, path, sum);
	if (md5)
		rf_buf_add_text(md5, sum);
	if (sha256->len && (!md5 || sum[0]))
		return sha256->failed || (md5 && md5->failed) ? -ENOMEM : 0;
	rf_buf_reset(sha256);
	int rc = file_digest_read(job->sys, path, FILE_BYTES_MAX, &bytes);

	if (rc == 0 && md5)
		rc = digest(EVP_md5(), rf_buf_slice(&bytes), md5);
	return rc == 0 ? digest(EVP_sha256(), rf_buf_slice(&bytes), sha256) : rc;
}

/* md5: what the package shipped, NULL where nobody knows. */
static int add_file(struct job *job, const char *path, const char *md5, const char *label)
{
	RF_AUTOBUF struct rf_buf hex = {0}, sum = {0};
	int rc = sums_of(job, path, md5 ? &sum : NULL, &hex);

	if (rc == -ENOMEM)
		return rc;
	if (rc < 0) {
		leave_out(job, path,
			  rc == RF_E_CHANGED ? "has what looks like a secret, which is not read"
					     : rf_code_text(rc));
		return 0;
	}
	if (md5 && strcmp(rf_buf_text(&sum), md5) != 0) {
		leave_out(job, path, "is not what its package brought");
		return 0;
	}
	return add_line(job, rf_buf_text(&hex), path, label);
}

/* ---- a folder ---- */

/* Depth is bounded, symbolic links are not followed, and what the kernel makes up is no file. */
static int walk(struct job *job, const char *dir, unsigned depth)
{
	static const char *const skipped[] = {"/proc", "/sys", "/dev", "/run"};
	SYS_AUTONAMES struct sys_names names = {0};
	int rc = 0;

	for (size_t i = 0; i < RF_COUNT(skipped); i++) {
		if (strcmp(dir, skipped[i]) == 0)
			return 0;
	}
	if (depth > DEPTH_MAX || sys_list(job->sys, dir[0] ? dir : "/", &names, NULL) < 0) {
		leave_out(job, dir, depth > DEPTH_MAX ? "too deep" : "cannot be listed");
		return 0;
	}
	for (size_t i = 0; rc == 0 && i < names.count; i++) {
		RF_AUTOFREE char *path = rf_asprintf("%s/%s", dir, names.names[i]);
		struct sys_stat st;

		if (!path)
			return -ENOMEM;
		if (sys_stat(job->sys, path, &st) < 0)
			continue;
		if (st.type == S_IFDIR)
			rc = walk(job, path, depth + 1);
		else if (st.type == S_IFREG)
			rc = add_file(job, path, NULL, "");
	}
	return rc;
}

static int add_folder(struct job *job, const char *path)
{
	char dir[RF_MAX_PATH_BYTES];

	if (!rf_copy(dir, sizeof(dir), path))
		return -ENAMETOOLONG;
	for (size_t len = strlen(dir); len > 0 && dir[len - 1] == '/'; len--)
		dir[len - 1] = '\0';
	return walk(job, dir, 0);
}

/* ---- what dpkg installed ---- */

/* Lines of 32 hexadecimal digits, two blanks and a path without its first slash. */
static int add_package(struct job *job, const struct dpkg_package *package)
{
	RF_AUTOBUF struct rf_buf text = {0};
	RF_AUTOFREE char *plain = rf_asprintf(INFO "/%s.md5sums", package->name);
	RF_AUTOFREE char *arch = rf_asprintf(INFO "/%s:%s.md5sums", package->name, package->arch);
	RF_AUTOFREE char *label = rf_asprintf("pkg:%s=%s", package->name, package->version);
	int rc = 0;

	if (!plain || !arch || !label)
		return -ENOMEM;
	/* A package without sums holds no programs. */
	if (sys_read(job->sys, plain, INFO_MAX, &text, NULL) < 0 &&
	    sys_read(job->sys, arch, INFO_MAX, &text, NULL) < 0)
		return 0;
	char *cursor = rf_buf_take_text(&text), *start = cursor, *line;

	while (rc == 0 && cursor && (line = rf_line_next(&cursor))) {
		if (strlen(line) < 35 || strspn(line, "0123456789abcdef") != 32)
			continue;
		line[32] = '\0';
		RF_AUTOFREE char *path = rf_asprintf("/%s", line + 33 + strspn(line + 33, " "));

		rc = path ? add_file(job, path, line, label) : -ENOMEM;
	}
	rf_free(start);
	return rc;
}

static int add_packages(struct job *job, const char *pattern, struct rf_err *err)
{
	DPKG_AUTOSTATUS struct dpkg_status status = {0};
	int rc = dpkg_status_read(job->sys, &status, err);
	size_t found = 0;

	for (size_t i = 0; rc == 0 && i < status.count; i++) {
		const struct dpkg_package *p = &status.packages[i];

		if (!p->state || strcmp(p->state, "installed") != 0 || !rf_glob(pattern, p->name))
			continue;
		found++;
		rc = add_package(job, p);
	}
	if (rc == 0 && found == 0)
		rc = rf_fail(err, RF_E_MISSING, "dpkg:%s: no such package is installed", pattern);
	return rc;
}

/* ---- a file of sums ---- */

/* Taken as it is, once all of it could be read as a set. */
static int add_sums(struct job *job, const char *path, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf text = {0};
	struct digestset *set = NULL;
	int rc = common_read_file(path, FILE_BYTES_MAX, &text, err);

	if (rc == 0)
		rc = digestset_load(rf_buf_slice(&text), &set, err);
	if (rc < 0)
		return rf_wrap(err, rc, "%s", path);
	job->files += digestset_count(set);
	digestset_free(set);
	rf_buf_add(&job->out, text.data, text.len);
	if (text.len && text.data[text.len - 1] != '\n')
		rf_buf_add_byte(&job->out, '\n');
	return job->out.failed ? -ENOMEM : 0;
}

/* ---- packages that are not installed ---- */

static int open_deb(struct job *job, const char *path, struct rf_err *err)
{
	int fd = deb_open(path, err);

	if (fd < 0)
		return fd;
	job->debs[job->debs_count++] = (struct deb){path, fd};
	return 0;
}

static int add_deb_file(void *arg, const struct deb_package *package, const char *path,
			const char *sha256)
{
	RF_AUTOFREE char *label = rf_asprintf("pkg:%s=%s", package->name, package->version);

	return label ? add_line(arg, sha256, path, label) : -ENOMEM;
}

static int add_debs(struct job *job, struct rf_err *err)
{
	for (size_t i = 0; i < job->debs_count; i++) {
		size_t before = job->files;
		int rc = deb_read(job->debs[i].fd, add_deb_file, job, err);

		if (rc < 0)
			return rf_wrap(err, rc, "%s", job->debs[i].path);
		if (job->files == before)
			leave_out(job, job->debs[i].path, "holds no file");
	}
	return 0;
}

static int add_source(struct job *job, const char *word, struct rf_err *err)
{
	struct sys_stat st;
	int rc;

	if (rf_ends(word, ".deb"))
		return open_deb(job, word, err);
	if (strcmp(word, "dpkg") == 0 || rf_starts(word, "dpkg:"))
		return add_packages(job, word[4] ? word + 5 : "*", err);
	if (word[0] == '/' && sys_stat(job->sys, word, &st) == 0 && st.type == S_IFDIR)
		rc = add_folder(job, word);
	else
		return add_sums(job, word, err);
	return rc < 0 ? rf_fail(err, rc, "%s: %s", word, rf_code_text(rc)) : 0;
}

/* ---- the command ---- */

static int run(const struct cli_args *args, struct job *job, struct rf_err *err)
{
	const char *path = cli_value(args, OPT_FILE);
	struct digestset *set = NULL;
	int rc = path ? common_open_source(args, &job->sys, err)
		      : rf_fail(err, RF_E_USAGE, "where to? -o FILE");

	for (size_t i = 0; rc == 0 && i < args->words_count; i++)
		rc = add_source(job, args->words[i], err);
	if (rc == 0)
		rc = baseline_file_lock_in(path, cli_has(args, OPT_QUIET), err);
	if (rc == 0)
		rc = add_debs(job, err);
	if (rc == 0 && job->files == 0)
		rc = rf_fail(err, RF_E_MISSING, "no file was found: nothing is written");
	/* What a baseline could not read must not be written. */
	if (rc == 0)
		rc = digestset_load(rf_buf_slice(&job->out), &set, err);
	if (rc == 0)
		rc = baseline_file_put(path, rf_buf_slice(&job->out), err);
	if (rc == 0)
		printf("%s: %zu digests of %zu files%s\n"
		       "To use it, write into the baseline beside it:\n"
		       "  digest-sets: {known: {file: %s}}\n"
		       "  ima: {digests: known}\n",
		       path, digestset_count(set), job->files,
		       job->left_out ? ", some were left out" : "",
		       strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
	if (rc == 0 && job->left_out)
		printf("%zu files were left out (on standard error)\n", job->left_out);
	if (set)
		digestset_free(set);
	return rc == 0 && job->left_out ? CLI_FINDINGS : rc;
}

int cmd_attest_digests(const struct cli_args *args, struct rf_err *err)
{
	struct job job = {0};
	int rc = run(args, &job, err);

	for (size_t i = 0; i < job.debs_count; i++)
		close(job.debs[i].fd);
	rf_buf_done(&job.out);
	sys_close(job.sys);
	return rc;
}
