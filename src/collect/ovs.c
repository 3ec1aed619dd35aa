/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector ovs: which interface belongs to which bridge of Open vSwitch, by its database. Its
 * flows are not read: within a bridge they may join any of its ports, between bridges patches alone
 * do.
 */
#include <errno.h>

#include "base/limits.h"
#include "collect/collect.h"
#include "collect/ovsdb.h"
#include "collect/util.h"

struct ovs {
	struct fact_sink *out;
	const char *path;
};

static void put_port(void *ctx, const struct ovsdb_port *port)
{
	const struct ovs *ovs = ctx;

	fact_put_ovs_port(ovs->out, &(struct fact_ovs_port){.name = port->name,
							    .bridge = port->bridge,
							    .type = port->type,
							    .peer = port->peer,
							    .source = ovs->path});
}

int collect_ovs(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		struct rf_err *err)
{
	(void)req;
	(void)err;
	for (size_t i = 0; ovsdb_files[i]; i++) {
		RF_AUTOBUF struct rf_buf text = {0};
		struct ovs ovs = {.out = out, .path = ovsdb_files[i]};

		if (util_read(sys, out, FACT_T_OVS_PORT, "", ovs.path, RF_MAX_DPKG_BYTES, &text) <=
		    0)
			continue;
		int rc = ovsdb_ports(rf_buf_text(&text), put_port, &ovs);

		if (rc < 0)
			fact_gap(out, FACT_T_OVS_PORT, "", "", ovs.path,
				 "the switch's database cannot be read (%s): its bridges count as "
				 "one; ovs-vsctl show tells them apart",
				 rf_code_text(rc));
		break;
	}
	return 0;
}
