/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads QEMU's and swtpm's arguments; see qemu_cmdline.h. Sources: qemu-options.hx (option names,
 * commas doubled inside values, the implied first key), swtpm(8).
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/qemu_cmdline.h"

#define MAX_ARGS 8192u

struct args {
	const char *at[MAX_ARGS];
	size_t count;
	bool cut;
};

/* The buffer behind a slice of the seam always ends with a NUL; the last argument may lack its. */
static void split_args(struct rf_slice cmdline, struct args *out)
{
	const char *p = (const char *)cmdline.data, *end = p + cmdline.len;

	while (p < end) {
		if (out->count == MAX_ARGS) {
			out->cut = true;
			return;
		}
		out->at[out->count++] = p;
		p += strnlen(p, (size_t)(end - p)) + 1;
	}
}

/* Copies one component of "a=b,c=d" and undoubles commas. Returns what follows it, or NULL. */
static const char *component(const char *text, char *out, size_t size)
{
	size_t len = 0;

	for (; *text; text++) {
		if (*text == ',' && text[1] != ',')
			break;
		if (*text == ',')
			text++;
		if (len + 1 < size)
			out[len++] = *text;
	}
	out[len] = '\0';
	return *text ? text + 1 : NULL;
}

/* Value of key in an option list; the first component may leave its key out when it is implied. */
static bool option_value(const char *list, const char *key, const char *implied, char *out,
			 size_t size)
{
	char part[1280];
	size_t len = strlen(key);
	bool first = true, found = false;

	for (const char *p = list; p; first = false) {
		p = component(p, part, sizeof(part));
		if (strncmp(part, key, len) == 0 && part[len] == '=') {
			rf_copy(out, size, part + len + 1);
			found = true;
		} else if (first && implied && strcmp(implied, key) == 0 && !strchr(part, '=')) {
			rf_copy(out, size, part);
			found = true;
		}
	}
	return found;
}

/* The name of an option without its one or two dashes; NULL for a value. */
static const char *option_name(const char *arg)
{
	if (*arg != '-' || !arg[1])
		return NULL;
	return arg[1] == '-' ? arg + 2 : arg + 1;
}

static void note_monitor(struct qemu_cmdline *out, enum qemu_monitor kind, const char *path,
			 int64_t fd)
{
	if (kind <= out->monitor)
		return;
	out->monitor = kind;
	rf_copy(out->monitor_path, sizeof(out->monitor_path), path);
	out->monitor_fd = fd;
}

/* The chardev of that id among the arguments: its option list, or NULL. */
static const char *find_chardev(const struct args *args, const char *id)
{
	char have[256];

	for (size_t i = 0; i + 1 < args->count; i++) {
		const char *name = option_name(args->at[i]);

		if (name && strcmp(name, "chardev") == 0 &&
		    option_value(args->at[i + 1], "id", NULL, have, sizeof(have)) &&
		    strcmp(have, id) == 0)
			return args->at[i + 1];
	}
	return NULL;
}

static void monitor_on_chardev(const struct args *args, const char *id, struct qemu_cmdline *out)
{
	const char *list = find_chardev(args, id);
	char kind[64], value[1024], port[64] = "", address[1100];
	int64_t fd = -1;

	if (!list)
		return;
	component(list, kind, sizeof(kind));
	if (strcmp(kind, "stdio") == 0) {
		note_monitor(out, QEMU_MONITOR_STDIO, "", -1);
		return;
	}
	if (strcmp(kind, "udp") == 0) {
		note_monitor(out, QEMU_MONITOR_TCP, "udp", -1);
		return;
	}
	if (strcmp(kind, "socket") != 0)
		return;
	if (option_value(list, "path", NULL, value, sizeof(value))) {
		note_monitor(out, QEMU_MONITOR_UNIX, value, -1);
	} else if (option_value(list, "fd", NULL, value, sizeof(value))) {
		if (rf_num(value, 10, 0, INT32_MAX, &fd) < 0)
			fd = -1;
		note_monitor(out, QEMU_MONITOR_UNIX, "", fd);
	} else {
		(void)option_value(list, "port", NULL, port, sizeof(port));
		if (!option_value(list, "host", NULL, value, sizeof(value)))
			value[0] = '\0';
		(void)rf_format(address, sizeof(address), "%s:%s", value, port);
		note_monitor(out, QEMU_MONITOR_TCP, address, -1);
	}
}

/* A device as -monitor, -qmp, -gdb and -serial name it. */
static void monitor_on_device(const struct args *args, const char *device, struct qemu_cmdline *out)
{
	static const char *const network[] = {"tcp:", "telnet:", "websocket:", "udp:"};
	char part[1024];

	component(device, part, sizeof(part));
	if (strcmp(part, "stdio") == 0 || strcmp(part, "mon:stdio") == 0)
		note_monitor(out, QEMU_MONITOR_STDIO, "", -1);
	else if (rf_starts(part, "unix:"))
		note_monitor(out, QEMU_MONITOR_UNIX, part + 5, -1);
	else if (rf_starts(part, "chardev:"))
		monitor_on_chardev(args, part + 8, out);
	for (size_t i = 0; i < RF_COUNT(network); i++) {
		if (rf_starts(part, network[i]))
			note_monitor(out, QEMU_MONITOR_TCP, part + strlen(network[i]), -1);
	}
}

static void read_option(const struct args *args, const char *name, const char *value,
			struct qemu_cmdline *out)
{
	static const char *const devices[] = {"monitor", "qmp", "qmp-pretty", "gdb"};
	char id[256];

	if (strcmp(name, "name") == 0)
		(void)option_value(value, "guest", "guest", out->name, sizeof(out->name));
	else if (strcmp(name, "uuid") == 0)
		rf_copy(out->uuid, sizeof(out->uuid), value);
	else if (strcmp(name, "sandbox") == 0)
		rf_copy(out->sandbox, sizeof(out->sandbox), value);
	else if (strcmp(name, "mon") == 0 &&
		 option_value(value, "chardev", "chardev", id, sizeof(id)))
		monitor_on_chardev(args, id, out);
	else if (strcmp(name, "serial") == 0 && rf_starts(value, "mon:"))
		monitor_on_device(args, strcmp(value, "mon:stdio") == 0 ? value : value + 4, out);
	for (size_t i = 0; i < RF_COUNT(devices); i++) {
		if (strcmp(name, devices[i]) == 0)
			monitor_on_device(args, value, out);
	}
}

void qemu_cmdline_parse(struct rf_slice cmdline, struct qemu_cmdline *out)
{
	static const char *const session_paths[] = {"/.config/libvirt/qemu/",
						    "/.cache/libvirt/qemu/", "/run/user/",
						    "/.local/share/libvirt/"};
	struct args *args = rf_alloc(1, sizeof(*args));
	RF_AUTOBUF struct rf_buf text = {0};

	*out = (struct qemu_cmdline){.monitor_fd = -1};
	rf_buf_add(&text, cmdline.data, cmdline.len);
	if (!args || text.failed) {
		out->cut = true;
		rf_free(args);
		return;
	}
	split_args(rf_buf_slice(&text), args);
	out->cut = args->cut;
	for (size_t i = 1; i < args->count; i++) {
		const char *name = option_name(args->at[i]);
		const char *value = i + 1 < args->count ? args->at[i + 1] : "";

		for (size_t k = 0; k < RF_COUNT(session_paths); k++)
			out->session |= strstr(args->at[i], session_paths[k]) != NULL;
		if (!name)
			continue;
		if (strcmp(name, "s") == 0)
			note_monitor(out, QEMU_MONITOR_TCP, "gdb :1234", -1);
		else
			read_option(args, name, value, out);
	}
	rf_free(args);
}

/* --tpmstate dir=PATH[,...] or backend-uri=dir://PATH or file://PATH */
static void read_tpmstate(const char *value, struct swtpm_cmdline *out)
{
	char uri[1024];

	if (option_value(value, "dir", NULL, out->state_dir, sizeof(out->state_dir)) ||
	    !option_value(value, "backend-uri", NULL, uri, sizeof(uri)))
		return;
	const char *path = strstr(uri, "://");

	rf_copy(out->state_dir, sizeof(out->state_dir), path ? path + 3 : uri);
}

void swtpm_cmdline_parse(struct rf_slice cmdline, struct swtpm_cmdline *out)
{
	static const char *const keys[] = {"file", "pwdfile", "fd", "pwdfd"};
	struct args *args = rf_alloc(1, sizeof(*args));
	RF_AUTOBUF struct rf_buf text = {0};
	char unused[16];

	*out = (struct swtpm_cmdline){0};
	rf_buf_add(&text, cmdline.data, cmdline.len);
	if (args && !text.failed)
		split_args(rf_buf_slice(&text), args);
	for (size_t i = 1; args && i + 1 < args->count; i++) {
		const char *name = option_name(args->at[i]);

		if (!name)
			continue;
		if (strcmp(name, "tpmstate") == 0)
			read_tpmstate(args->at[i + 1], out);
		for (size_t k = 0; strcmp(name, "key") == 0 && k < RF_COUNT(keys); k++)
			out->encrypted |= option_value(args->at[i + 1], keys[k], NULL, unused,
						       sizeof(unused));
	}
	rf_free(args);
}

bool qemu_is_program(const char *name)
{
	const char *slash = strrchr(name, '/');

	if (slash)
		name = slash + 1;
	return rf_starts(name, "qemu-system-") || rf_starts(name, "qemu-kvm") ||
	       strcmp(name, "kvm") == 0;
}
