/* SPDX-License-Identifier: Apache-2.0 */
/* Ephemeral secrets in libvirt. See virtsecret.h. */
#include "sys/virtsecret.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/virt_load.h"

/* By which ours are known again. */
#define MARK "held by the ringfence manager"

#define SECRET_SYMBOLS(X)                                                                          \
	X(virInitialize)                                                                           \
	X(virSetErrorFunc)                                                                         \
	X(virGetLastErrorMessage)                                                                  \
	X(virGetLastErrorCode)                                                                     \
	X(virConnectOpen)                                                                          \
	X(virConnectClose)                                                                         \
	X(virConnectListAllSecrets)                                                                \
	X(virSecretLookupByUUIDString)                                                             \
	X(virSecretGetXMLDesc)                                                                     \
	X(virSecretDefineXML)                                                                      \
	X(virSecretSetValue)                                                                       \
	X(virSecretUndefine)                                                                       \
	X(virSecretFree)

struct secret_api {
#define FIELD(name) __typeof__(&name) name;
	SECRET_SYMBOLS(FIELD)
#undef FIELD
	virConnectPtr conn;
};

static const struct virt_symbol symbols[] = {
#define SYMBOL(name) {#name, offsetof(struct secret_api, name), true},
	SECRET_SYMBOLS(SYMBOL)
#undef SYMBOL
};

bool virt_secret_uuid(const char *text)
{
	return strlen(text) == 36 && strspn(text, "0123456789abcdef-") == 36 && text[8] == '-' &&
	       text[13] == '-' && text[18] == '-' && text[23] == '-';
}

static void say_nothing(void *ctx, virErrorPtr error)
{
	(void)ctx;
	(void)error;
}

static int failed(struct secret_api *api, const char *what, struct rf_err *err)
{
	return rf_fail(err, RF_E_PEER, "%s: %s", what, api->virGetLastErrorMessage());
}

static int connect_to(const char *uri, struct secret_api *api, struct rf_err *err)
{
	int rc = virt_load("libvirt.so.0", symbols, RF_COUNT(symbols), api, err);

	if (rc)
		return rc;
	api->virSetErrorFunc(NULL, say_nothing);
	api->conn = api->virInitialize() < 0 ? NULL : api->virConnectOpen(uri);
	return api->conn ? 0 : failed(api, "libvirt", err);
}

/* Ours: by our words, and only in memory. */
static bool is_ours(struct secret_api *api, virSecretPtr secret)
{
	char *xml = api->virSecretGetXMLDesc(secret, 0);
	bool ours = xml && strstr(xml, "<description>" MARK "</description>") &&
		    strstr(xml, "ephemeral='yes'") && strstr(xml, "private='yes'");

	rf_free(xml);
	return ours;
}

static int forget(struct secret_api *api, virSecretPtr secret, struct rf_err *err)
{
	if (!is_ours(api, secret) || api->virSecretUndefine(secret) == 0 ||
	    api->virGetLastErrorCode() == VIR_ERR_NO_SECRET)
		return 0;
	return failed(api, "a secret cannot be taken away", err);
}

static int forget_all(struct secret_api *api, struct rf_err *err)
{
	virSecretPtr *all = NULL;
	int count =
		api->virConnectListAllSecrets(api->conn, &all, VIR_CONNECT_LIST_SECRETS_EPHEMERAL);
	int rc = count < 0 ? failed(api, "secrets cannot be listed", err) : 0;

	for (int i = 0; i < count; i++) {
		int one = forget(api, all[i], err);

		rc = rc ? rc : one;
		api->virSecretFree(all[i]);
	}
	rf_free(all);
	return rc;
}

int virt_secret_forget(const char *uri, const char *uuid, struct rf_err *err)
{
	struct secret_api api = {.conn = NULL};
	int rc = connect_to(uri, &api, err);

	if (rc)
		return rc;
	virSecretPtr secret = uuid ? api.virSecretLookupByUUIDString(api.conn, uuid) : NULL;

	if (!uuid)
		rc = forget_all(&api, err);
	else if (secret)
		rc = forget(&api, secret, err);
	else if (api.virGetLastErrorCode() != VIR_ERR_NO_SECRET)
		rc = failed(&api, "a secret cannot be looked up", err);
	if (secret)
		api.virSecretFree(secret);
	api.virConnectClose(api.conn);
	return rc;
}

static int set(struct secret_api *api, const char *uuid, struct rf_slice value, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf xml = {0};
	virSecretPtr secret = api->virSecretLookupByUUIDString(api->conn, uuid);
	bool others = secret && !is_ours(api, secret);

	if (secret)
		api->virSecretFree(secret);
	if (others)
		return rf_fail(err, RF_E_DUPLICATE,
			       "this host has a secret %s of its own: virsh secret-undefine", uuid);
	rf_buf_printf(&xml,
		      "<secret ephemeral='yes' private='yes'><uuid>%s</uuid>"
		      "<description>" MARK "</description></secret>",
		      uuid);
	secret = api->virSecretDefineXML(api->conn, rf_buf_text(&xml), 0);
	if (!secret)
		return failed(api, "the secret cannot be defined", err);
	int rc = api->virSecretSetValue(secret, value.data, value.len, 0) == 0
			 ? 0
			 : failed(api, "the secret cannot be set", err);

	if (rc)
		(void)api->virSecretUndefine(secret);
	api->virSecretFree(secret);
	return rc;
}

int virt_secret_set(const char *uri, const char *uuid, struct rf_slice value, struct rf_err *err)
{
	struct secret_api api = {.conn = NULL};

	if (!virt_secret_uuid(uuid))
		return rf_fail(err, RF_E_SYNTAX, "not the UUID of a secret");
	int rc = connect_to(uri, &api, err);

	if (!rc)
		rc = set(&api, uuid, value, err);
	if (api.conn)
		api.virConnectClose(api.conn);
	return rc;
}
