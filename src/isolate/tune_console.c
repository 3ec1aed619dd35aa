/* SPDX-License-Identifier: Apache-2.0 */
/* Screens of a running VM as tunables. See console.h for what can be had and what cannot. */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "change/apart.h"
#include "isolate/console.h"
#include "isolate/tune.h"
#include "isolate/viewers.h"

static int vnc_read(const struct tune_call *call, struct rf_buf *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf answer = {0};
	int rc = tune_monitor(call->vm, "query-vnc-servers", NULL, &answer, err);

	return rc ? rc : apart_run(console_vnc_work, NULL, rf_buf_slice(&answer), out, err);
}

static int vnc_put(const struct tune_call *call, const char *value, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf answer = {0};
	json_t *arguments = NULL;
	int rc = console_vnc_arguments(value, &arguments);

	if (rc < 0)
		return rf_fail(err, rc, "%.80s is no place to listen at", value);
	return tune_monitor(call->vm, "display-update", arguments, &answer, err);
}

/* Nobody comes in any more. Who is in and cannot be put out keeps nothing else from being done. */
static int vnc_after(const struct tune_call *call, const char *value, struct rf_err *err)
{
	return strcmp(value, CONSOLE_CLOSED) == 0 ? viewers_put_out(call->vm, err) : 0;
}

static const struct tune_way way_vnc = {vnc_read, vnc_put, .after = vnc_after};

static int spice_read(const struct tune_call *call, struct rf_buf *out, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf xml = {0};
	int rc = virt_xml_get(call->vm, VIRT_LIVE, true, &xml, err);

	if (rc < 0)
		return rc;
	rc = console_spice_read(rf_buf_slice(&xml), out);
	rf_wipe(xml.data, xml.len);
	return rc ? rf_fail(err, rc,
			    "its SPICE screen has no password that could expire: who reaches its "
			    "port reaches the VM")
		  : 0;
}

static int spice_put(const struct tune_call *call, const char *value, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf xml = {0}, screen = {0};
	int rc = virt_xml_get(call->vm, VIRT_LIVE, true, &xml, err);

	if (rc < 0)
		return rc;
	rc = console_spice_replace(rf_buf_slice(&xml), value, &screen);
	rc = rc ? rf_fail(err, rc, "console.spice cannot be %.80s", value)
		: virt_device_update(call->vm, rf_buf_text(&screen), VIRT_LIVE, err);
	rf_wipe(xml.data, xml.len);
	if (screen.data)
		rf_wipe(screen.data, screen.len);
	return rc;
}

static const struct tune_way way_spice = {spice_read, spice_put};

static const struct tune_row rows[] = {
	{.name = "console.vnc",
	 .summary = "where the VM's VNC screen can be reached; closing it puts viewers out",
	 .value = TUNE_WORD,
	 .words = CONSOLE_CLOSED,
	 .way = &way_vnc,
	 .risk = RISK_MEDIUM},
	{.name = "console.spice",
	 .summary = "whether the password of the VM's SPICE screen still holds",
	 .value = TUNE_WORD,
	 .words = CONSOLE_EXPIRED,
	 .way = &way_spice,
	 .risk = RISK_MEDIUM},
};

const struct tune_rows tune_console_rows = {rows, RF_COUNT(rows)};
