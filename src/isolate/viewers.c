/* SPDX-License-Identifier: Apache-2.0 */
/* Putting the viewers of a VNC screen out. See viewers.h. Source: RFC 6143; QEMU's ui/vnc.c. */
#include "isolate/viewers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "change/apart.h"
#include "isolate/console.h"
#include "isolate/tune.h"
#include "isolate/xmltext.h"
#include "sys/qmp.h"

#define VERSION	     "RFB 003.008\n"
#define VERSION_HEAD "RFB 003."
#define TYPE_NONE    1u
/* QEMU keeps 32 that have not said yet which kind they are: one more puts the oldest out. */
#define SILENT	      34
#define LOOKS	      80
#define LOOK_NS	      50000000
#define LOOKS_A_ROUND 20

/* ---- RFB ---- */

static int hear(int fd, void *out, size_t size, struct rf_err *err)
{
	for (size_t at = 0; at < size;) {
		ssize_t n = read(fd, (char *)out + at, size - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return rf_fail(err, RF_E_PEER, "QEMU's VNC server does not talk to us");
		at += (size_t)n;
	}
	return 0;
}

static int say(int fd, const void *bytes, size_t size)
{
	return rf_write_all(fd, (struct rf_slice){bytes, size});
}

int viewers_alone(int fd, struct rf_err *err)
{
	static const uint8_t none = TYPE_NONE, alone = 0;
	uint8_t version[sizeof(VERSION) - 1], count = 0, types[255], result[4], screen[24];
	int rc = hear(fd, version, sizeof(version), err);

	if (!rc && memcmp(version, VERSION_HEAD, strlen(VERSION_HEAD)) != 0)
		return rf_fail(err, RF_E_SYNTAX, "QEMU's VNC server does not speak RFB 3");
	if (!rc)
		rc = say(fd, VERSION, sizeof(version));
	if (!rc)
		rc = hear(fd, &count, sizeof(count), err);
	if (!rc)
		rc = hear(fd, types, count, err);
	if (!rc && !memchr(types, TYPE_NONE, count))
		return rf_fail(err, RF_E_SYNTAX, "QEMU's VNC server wants a password of us");
	if (!rc)
		rc = say(fd, &none, sizeof(none));
	if (!rc)
		rc = hear(fd, result, sizeof(result), err);
	if (!rc && memcmp(result, (uint8_t[4]){0}, sizeof(result)) != 0)
		return rf_fail(err, RF_E_SYNTAX, "QEMU's VNC server refuses us");
	if (!rc)
		rc = say(fd, &alone, sizeof(alone));
	/* The screen's size: by then the others are out. */
	return rc ? rc : hear(fd, screen, sizeof(screen), err);
}

/* ---- libvirt ---- */

int viewers_screen(struct rf_slice domain_xml, unsigned *out_index)
{
	struct rf_slice policy, screen = console_screen(domain_xml, "vnc", out_index);

	if (!screen.len)
		return RF_E_MISSING;
	return !xmltext_attribute(screen, "sharePolicy", &policy) ||
			       rf_slice_equal(policy, rf_slice_text("allow-exclusive"))
		       ? 0
		       : RF_E_UNSUPPORTED;
}

struct order {
	char uuid[37];
	unsigned screen, silent;
};

/* A child's, which has an end: libvirt waits for a QEMU that hangs. What stays open ends with it.
 */
static int put_out_work(void *arg, struct rf_slice in, struct rf_buf *out, struct rf_err *err)
{
	const struct order *order = arg;
	VIRT_AUTOVM struct virt_vm *vm = NULL;
	int fd = -1, rc = virt_vm_open(TUNE_URI, order->uuid, &vm, err);

	(void)in;
	(void)out;
	for (unsigned i = 0; rc == 0 && i < order->silent; i++)
		rc = virt_graphics_open(vm, order->screen, &fd, err);
	if (!rc)
		rc = virt_graphics_open(vm, order->screen, &fd, err);
	return rc ? rc : viewers_alone(fd, err);
}

int viewers_count_work(void *arg, struct rf_slice answer, struct rf_buf *out, struct rf_err *err)
{
	QMP_AUTOMESSAGE struct qmp_message m = {0};
	size_t i, count = 0;
	json_t *display;
	int rc = qmp_message_read(answer, &m, err);

	(void)arg;
	if (rc < 0)
		return rc;
	if (m.kind == QMP_ERROR)
		return rf_fail(err, RF_E_PEER, "QEMU: %s", m.text);
	if (m.kind != QMP_RETURN || !json_is_array(m.value))
		return rf_fail(err, RF_E_SYNTAX, "QEMU's list of VNC screens is none");
	json_array_foreach(m.value, i, display)
	{
		const json_t *clients = json_object_get(display, "clients");

		if (!json_is_array(clients))
			return rf_fail(err, RF_E_SYNTAX, "QEMU does not say who is connected");
		count += json_array_size(clients);
	}
	return rf_buf_printf(out, "%zu", count);
}

static int count(struct virt_vm *vm, int64_t *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf answer = {0}, text = {0};
	int rc = tune_monitor(vm, "query-vnc-servers", NULL, &answer, err);

	if (!rc)
		rc = apart_run(viewers_count_work, NULL, rf_buf_slice(&answer), &text, err);
	if (!rc && rf_num(rf_buf_text(&text), 10, 0, INT64_MAX, out) < 0)
		rc = rf_fail(err, RF_E_SYNTAX, "no number of viewers");
	return rc;
}

int viewers_put_out(struct virt_vm *vm, struct rf_err *err)
{
	const struct timespec look = {.tv_nsec = LOOK_NS};
	RF_AUTOBUF struct rf_buf xml = {0}, nothing = {0};
	struct order order = {.screen = 0};
	int64_t left = 0;
	int rc = virt_xml_get(vm, VIRT_LIVE, false, &xml, err);

	if (!rc)
		rc = viewers_screen(rf_buf_slice(&xml), &order.screen);
	if (rc < 0)
		return rc == RF_E_MISSING || rc == RF_E_UNSUPPORTED ? 0 : rc;
	virt_vm_uuid(vm, order.uuid);
	rc = count(vm, &left, err);
	/* Whoever was about to say which kind it is comes in behind ours: once more. QEMU strikes
	 * those that are out off its list when it looks at the screen next. */
	for (unsigned i = 0; rc == 0 && left && i < LOOKS; i++) {
		order.silent = i ? SILENT : 0;
		if (i % LOOKS_A_ROUND == 0)
			rc = apart_ask(put_out_work, &order, QMP_WAIT_MS, &nothing, err);
		if (!rc && i)
			nanosleep(&look, NULL);
		if (!rc)
			rc = count(vm, &left, err);
	}
	return rc || !left ? rc
			   : rf_fail(err, RF_E_PEER, "%lld viewer(s) of its VNC screen stay",
				     (long long)left);
}
