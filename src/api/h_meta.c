/* SPDX-License-Identifier: Apache-2.0 */
/* Version, health, the OpenAPI document and the authority. */
#include <errno.h>

#include "api/handlers.h"
#include "base/mem.h"
#include "base/str.h"

int h_version(struct api_call *call, struct rf_err *err)
{
	(void)err;
	return call_one(call,
			json_pack("{s:s, s:i}", "version", RF_VERSION, "store", store_version()));
}

int h_health(struct api_call *call, struct rf_err *err)
{
	int64_t now = 0;
	int rc = store_now(call->api->store, &now, err);

	return rc ? rc
		  : call_one(call, json_pack("{s:s, s:b}", "status", "ok", "passwords",
					     call->api->settings.has_passwords));
}

int h_openapi(struct api_call *call, struct rf_err *err)
{
	struct rf_buf *document = &call->api->openapi;

	if (!document->len) {
		API_AUTOJSON json_t *json = route_openapi();
		RF_AUTOFREE char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;

		if (!text || rf_buf_add_text(document, text))
			return rf_fail(err, -ENOMEM, "no memory for the document");
	}
	call->reply->type = "application/json";
	return rf_buf_add(&call->reply->body, document->data, document->len);
}

int h_authority(struct api_call *call, struct rf_err *err)
{
	if (!call->api->settings.authority)
		return rf_fail(err, RF_E_UNKNOWN, "this manager tells no authority");
	call->reply->type = "application/x-pem-file";
	return rf_buf_add_text(&call->reply->body, call->api->settings.authority);
}
