/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nft rule of the second layer. nft runs as a child (libnftables is GPL-2-only and not linked):
 * one JSON document in, one transaction. Source: libnftables-json(5).
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/internal.h"

#define NFT_SECONDS   10
#define NFT_MAX_BYTES (256u << 10)
#define NAMES_MAX     64u
#define TABLE	      "{\"family\":\"bridge\",\"name\":\"ringfence_guard\"}"
#define IN_TABLE      "\"family\":\"bridge\",\"table\":\"ringfence_guard\""
#define HOOK_PRIORITY "-300" /* before every other rule of the bridge */

static const char *nft_path(void)
{
	static const char *const PATHS[] = {"/usr/sbin/nft", "/sbin/nft"};

	for (size_t i = 0; i < RF_COUNT(PATHS); i++)
		if (access(PATHS[i], X_OK) == 0)
			return PATHS[i];
	return NULL;
}

/* Both ends, so that neither side waits for the other: input goes by a file without a name. */
static int input_file(const char *text)
{
	int fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	size_t len = strlen(text);

	if (fd < 0)
		fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) != 0) {
		close(fd);
		return -EIO;
	}
	return fd;
}

static int output_read(int fd, struct rf_buf *out)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	while (out->len < NFT_MAX_BYTES) {
		uint8_t *at = rf_buf_reserve(out, 4096);
		ssize_t n;

		if (!at)
			return -ENOMEM;
		if (poll(&wait, 1, NFT_SECONDS * 1000) <= 0)
			return RF_E_TIMEOUT;
		n = read(fd, at, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? 0 : -errno;
		out->len += (size_t)n;
		at[n] = '\0';
	}
	return RF_E_LIMIT;
}

static int child_start(const char *const *args, int in, int out[2], pid_t *pid)
{
	static char *const ENVIRONMENT[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
	posix_spawn_file_actions_t actions;
	int rc = posix_spawn_file_actions_init(&actions);

	if (rc)
		return -rc;
	rc = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO)
		     ?: posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO)
		     ?: posix_spawn_file_actions_adddup2(&actions, out[1], STDERR_FILENO);
	if (rc == 0)
		rc = posix_spawn(pid, args[0], &actions, NULL, (char *const *)(uintptr_t)args,
				 ENVIRONMENT);
	posix_spawn_file_actions_destroy(&actions);
	return -rc;
}

/* Runs nft; out has what it said. 0, or RF_E_PEER when it refused. */
static int nft_run(const char *const *args, const char *text, struct rf_buf *out)
{
	int ends[2], status = 0, rc, in = input_file(text);
	pid_t pid = 0;

	if (in < 0)
		return in;
	if (pipe2(ends, O_CLOEXEC) != 0) {
		rc = -errno;
		close(in);
		return rc;
	}
	rc = child_start(args, in, ends, &pid);
	close(in);
	close(ends[1]);
	if (rc == 0) {
		rc = output_read(ends[0], out);
		if (rc)
			kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		if (rc == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
			rc = RF_E_PEER;
	}
	close(ends[0]);
	return rc;
}

/* A link's name with at most a star at its end: nothing that could leave its JSON string. */
static bool name_is_plain(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= IFNAMSIZ || name[0] == '*')
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = name[i];
		bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';

		if (!word && !(c == '*' && i == len - 1))
			return false;
	}
	return true;
}

static void add_rule(struct rf_buf *json, const char *name, uint32_t secret)
{
	rf_buf_printf(json,
		      ",{\"add\":{\"rule\":{" IN_TABLE ",\"chain\":\"unguarded\",\"expr\":["
		      "{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"iifname\"}},"
		      "\"right\":\"%s\"}},"
		      "{\"match\":{\"op\":\"!=\",\"left\":{\"&\":[{\"meta\":{\"key\":\"mark\"}},"
		      "%u]},\"right\":%u}},{\"counter\":null},{\"drop\":null}]}}}",
		      name, GUARD_MARK_OURS, secret);
}

int guard_rule_set(struct guard *guard, const char *const *names, size_t count, struct rf_err *err)
{
	const char *const args[] = {nft_path(), "-j", "-f", "-", NULL};
	RF_AUTOBUF struct rf_buf json = {0}, said = {0};

	if (!args[0])
		return rf_fail(err, RF_E_UNSUPPORTED, "nft is not installed (package nftables)");
	if (count > NAMES_MAX)
		return rf_fail(err, RF_E_LIMIT, "at most %u names of links", NAMES_MAX);
	for (size_t i = 0; i < count; i++)
		if (!name_is_plain(names[i]))
			return rf_fail(err, RF_E_SYNTAX, "\"%s\" is no name of links", names[i]);
	/* Added before it is deleted, so that deleting never fails; all in one transaction. */
	rf_buf_add_text(&json, "{\"nftables\":[{\"add\":{\"table\":" TABLE "}},"
			       "{\"delete\":{\"table\":" TABLE "}}");
	if (count)
		rf_buf_add_text(&json,
				",{\"add\":{\"table\":" TABLE "}},{\"add\":{\"chain\":{" IN_TABLE
				",\"name\":\"unguarded\",\"type\":\"filter\","
				"\"hook\":\"prerouting\",\"prio\":" HOOK_PRIORITY
				",\"policy\":\"accept\"}}}");
	for (size_t i = 0; i < count; i++)
		add_rule(&json, names[i], guard->settings->secret);
	rf_buf_add_text(&json, "]}\n");
	if (json.failed)
		return -ENOMEM;

	int rc = nft_run(args, rf_buf_text(&json), &said);

	return rc ? rf_fail(err, rc, "nft: %s", said.len ? rf_buf_text(&said) : rf_code_text(rc))
		  : 0;
}

/* The number that a rule's second match compares the mark with; -1. nft 1.0 lists the mask as a
 * prefix. */
static json_int_t rule_mark(const json_t *item)
{
	const json_t *expr = json_object_get(json_object_get(item, "rule"), "expr");
	const json_t *match = json_object_get(json_array_get(expr, 1), "match");
	const json_t *right = json_object_get(match, "right");

	const json_t *prefix = json_object_get(right, "prefix");

	if (prefix)
		right = json_object_get(prefix, "addr");
	return json_is_integer(right) ? json_integer_value(right) : -1;
}

int guard_rule_get(struct guard *guard, size_t *out_count, struct rf_err *err)
{
	const char *const args[] = {nft_path(),	       "-j", "list", "table", "bridge",
				    "ringfence_guard", NULL};
	RF_AUTOBUF struct rf_buf said = {0};
	size_t count = 0, i;
	json_t *root, *item;

	if (!args[0])
		return rf_fail(err, RF_E_UNSUPPORTED, "nft is not installed (package nftables)");

	int rc = nft_run(args, "", &said);

	if (rc == RF_E_PEER && strstr(rf_buf_text(&said), "No such file")) {
		*out_count = 0;
		return 0;
	}
	if (rc)
		return rf_fail(err, rc, "nft: %s",
			       said.len ? rf_buf_text(&said) : rf_code_text(rc));
	root = json_loadb((const char *)said.data, said.len, JSON_REJECT_DUPLICATES, NULL);
	if (!root)
		return rf_fail(err, RF_E_SYNTAX, "nft: its answer is no JSON");
	json_array_foreach(json_object_get(root, "nftables"), i, item) count +=
		rule_mark(item) == (json_int_t)guard->settings->secret;
	json_decref(root);
	*out_count = count;
	return 0;
}
