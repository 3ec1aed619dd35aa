/* SPDX-License-Identifier: Apache-2.0 */
/* The account of hostile VMs for `isolate watch`. See watch_hostile.h. */
#include "cli/watch_hostile.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/sandbox.h"
#include "sys/state.h"

#define ACCOUNT_MAX_BYTES (4u << 20)
#define ANSWER_MS	  1000

/* A byte asks; the length of the account and the account come. */
static void serve(int socket, const char *folder)
{
	char byte, missing[SANDBOX_MISSING_BYTES];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sandbox_enter(SANDBOX_COLLECT_FILES, NULL, 0, missing, NULL) < 0)
		return;
	while (read(socket, &byte, 1) == 1) {
		RF_AUTOBUF struct rf_buf text = {0};
		uint32_t bytes;

		if (state_read(folder, APART_STATUS, ACCOUNT_MAX_BYTES, &text, NULL) < 0)
			rf_buf_reset(&text);
		bytes = (uint32_t)text.len;
		if (rf_write_all(socket, (struct rf_slice){(uint8_t *)&bytes, sizeof(bytes)}) < 0 ||
		    rf_write_all(socket, rf_buf_slice(&text)) < 0)
			return;
	}
}

int watch_hostile_open(const struct cli_args *args, int *out_socket, struct rf_err *err)
{
	char folder[RF_MAX_PATH_BYTES];
	int pair[2];
	int rc = state_folder(cli_value(args, OPT_STATE_DIR), APART_DIR, folder, sizeof(folder),
			      err);

	if (rc < 0)
		return rc;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return rf_fail(err, -errno, "no socket: %s", rf_code_text(-errno));
	pid_t pid = fork();

	if (pid == 0) {
		close(pair[0]);
		serve(pair[1], folder);
		_exit(0);
	}
	close(pair[1]);
	*out_socket = pair[0];
	return pid > 0 ? 0 : rf_fail(err, -EAGAIN, "no process");
}

static bool take(int socket, void *out, size_t size)
{
	struct pollfd wait = {.fd = socket, .events = POLLIN};

	for (size_t at = 0; at < size;) {
		if (poll(&wait, 1, ANSWER_MS) != 1)
			return false;
		ssize_t n = recv(socket, (char *)out + at, size - at, 0);

		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

bool watch_hostile_read(int socket, int64_t now_s, struct watched *out)
{
	RF_AUTOBUF struct rf_buf text = {0};
	uint32_t bytes = 0;
	uint8_t *at;

	if (send(socket, "?", 1, MSG_NOSIGNAL) != 1 || !take(socket, &bytes, sizeof(bytes)) ||
	    bytes == 0 || bytes > ACCOUNT_MAX_BYTES || !(at = rf_buf_reserve(&text, bytes)) ||
	    !take(socket, at, bytes))
		return false;
	text.len = bytes;
	if (watched_read(rf_buf_slice(&text), out, NULL) < 0)
		return false;
	if (now_s - out->at_s <= WATCHED_STALE_S)
		return true;
	watched_done(out);
	return false;
}

void watch_hostile_print(const struct watched *w)
{
	if (w->count)
		printf("%-24s %-8s %-13s %-5s %-6s %s\n", "VM", "HOSTILE", "STATE", "APART",
		       "TIMES", "COUNTERS");
	for (size_t i = 0; i < w->count; i++) {
		const struct watched_vm *vm = &w->items[i];
		RF_AUTOBUF struct rf_buf name = {0};

		rf_buf_add_visible(&name, vm->vm, strlen(vm->vm));
		printf("%-24s %-8s %-13s %-5s %-6u %s\n", rf_buf_text(&name), vm->watch, vm->state,
		       vm->apart ? "yes" : "-", vm->times, vm->rates);
	}
	if (w->count && w->missing[0])
		printf("not counted on this host: %s\n", w->missing);
}
