/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roles that other folders have, with what the manager's configuration says: api and sign-in
 * (src/api), outbox (src/outbox). Nothing of what they do is here.
 */
#include <errno.h>
#include <unistd.h>

#include "api/api.h"
#include "base/limits.h"
#include "base/str.h"
#include "manager/query.h"
#include "manager/roles.h"
#include "manager/server.h"
#include "outbox/outbox.h"
#include "sys/state.h"

/* Where a file of the state folder lies. */
static int path_of(const struct config *config, const char *name, char out[RF_MAX_PATH_BYTES],
		   struct rf_err *err)
{
	if (!rf_format(out, RF_MAX_PATH_BYTES, "%s/%s", config->state, name))
		return rf_fail(err, -ENAMETOOLONG, "the state folder's path");
	return 0;
}

int role_api(const struct config *config, struct rf_err *err)
{
	char certificate[RF_MAX_PATH_BYTES], key[RF_MAX_PATH_BYTES], authority[RF_MAX_PATH_BYTES],
		folder[RF_MAX_PATH_BYTES];
	int query_fd = -1;
	RF_AUTOBUF struct rf_buf ticket = {0};
	/* Before anything secret is read. */
	int rc = query_start(config, &query_fd, err);

	if (!rc)
		rc = path_of(config, SERVER_PEM_NAME, certificate, err);

	if (!rc)
		rc = path_of(config, SERVER_KEY_NAME, key, err);
	if (!rc)
		rc = path_of(config, SERVER_AUTHORITY, authority, err);
	if (!rc)
		rc = server_store_folder(config, folder, sizeof(folder), err);
	if (!rc)
		rc = state_read(config->state, SERVER_TICKET_NAME, API_TICKET_BYTES, &ticket, err);
	if (rc)
		return rc;
	const struct api_options options = {
		.listen = config->listen,
		.metrics = rf_equal(config->metrics, "none") ? NULL : config->metrics,
		.store_url = config->store,
		.store_dir = folder[0] ? folder : NULL,
		.certificate = certificate,
		.key = key,
		.authority = authority,
		.agents_address = config->address,
		.ticket_keys = ticket.len == API_TICKET_BYTES ? ticket.data : NULL,
		.sign_in_fd = ROLE_FD_OTHER,
		.query_fd = query_fd,
		.stop_fd = ROLE_FD_STOP,
		.ready_fd = ROLE_FD_READY};

	return api_run(&options, err);
}

int role_sign_in(const struct config *config, struct rf_err *err)
{
	role_ready("sign-in", "", "");
	if (geteuid() != 0 && access(config->sign_in, F_OK) == 0)
		return api_sign_in_relay(ROLE_FD_OTHER, config->sign_in, err);
	return api_sign_in_run(ROLE_FD_OTHER, API_PAM_SERVICE, err);
}

int role_outbox(const struct config *config, struct rf_err *err)
{
	const struct outbox_options options = {.store_url = config->store,
					       .config = config->sinks,
					       .holder = config->name,
					       .stop_fd = ROLE_FD_STOP};
	int rc = outbox_config_check(config->sinks, err);

	if (rc)
		return rc;
	role_ready("outbox", "", "");
	return outbox_run(&options, err);
}
