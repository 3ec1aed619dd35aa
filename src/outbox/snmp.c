/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notifications of SNMPv3 by net-snmp: authenticated by SHA-256 and encrypted by AES (RFC 7860,
 * 3826), never less. An inform (the default) is answered; a trap is not, and counts as delivered
 * when it was sent. packaging/mib/RINGFENCE-MIB.txt says what is in them.
 */
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "outbox/parts.h"

#define TIMEOUT_US   4000000L
#define RETRIES	     2
#define TEXT_BYTES   1024 /* notifications are datagrams */
#define SHORT_BYTES  255
#define ENGINE_BYTES 32 /* RFC 3411 */
#define OIDS	     16
/* The minute from which boots are counted, so that each start is a later one, without a file. */
#define BOOTS_FROM_S 1577836800
#define TEXT_FORMAT  4

struct snmp {
	const struct outbox_sink *sink;
	netsnmp_session wanted, *session;
	char peer[320];
	uint8_t engine[ENGINE_BYTES];
	size_t engine_len;
	int64_t started_ms;
};

/* The objects of a notification, NAME.1.N of the MIB. */
enum object {
	AT_ID = 1,
	AT_SEVERITY,
	AT_TIME,
	AT_KIND,
	AT_HOST,
	AT_ABOUT,
	AT_OLD,
	AT_NEW,
	AT_TEXT
};

/* 1.3.6.1.4.1.ENTERPRISE.1.BRANCH.N; its length. */
static size_t oid_of(const struct outbox_sink *sink, oid branch, oid n, oid out[OIDS])
{
	const oid all[] = {1, 3, 6, 1, 4, 1, (oid)sink->enterprise, 1, branch, n};

	memcpy(out, all, sizeof(all));
	return RF_COUNT(all);
}

static bool add_bytes(netsnmp_pdu *pdu, const struct snmp *s, enum object object, const char *text,
		      size_t max)
{
	RF_AUTOBUF struct rf_buf visible = {0};
	oid name[OIDS];
	size_t len = oid_of(s->sink, 1, object, name);

	rf_buf_add_visible(&visible, text, outbox_cut(text, max));
	return !visible.failed &&
	       snmp_pdu_add_variable(pdu, name, len, ASN_OCTET_STR, rf_buf_text(&visible),
				     outbox_cut(rf_buf_text(&visible), max));
}

static bool add_head(netsnmp_pdu *pdu, const struct snmp *s, const struct outbox_kind *kind)
{
	static const oid uptime[] = {1, 3, 6, 1, 2, 1, 1, 3, 0};
	static const oid trap_oid[] = {1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0};
	u_long ticks = (u_long)((outbox_now_ms() - s->started_ms) / 10) & 0xffffffff;
	oid trap[OIDS];
	size_t len = oid_of(s->sink, 0, kind->trap, trap);

	return snmp_pdu_add_variable(pdu, uptime, RF_COUNT(uptime), ASN_TIMETICKS, &ticks,
				     sizeof(ticks)) &&
	       snmp_pdu_add_variable(pdu, trap_oid, RF_COUNT(trap_oid), ASN_OBJECT_ID, trap,
				     len * sizeof(oid));
}

static bool add_all(netsnmp_pdu *pdu, const struct snmp *s, const struct outbox_event *e)
{
	const struct outbox_kind *kind = outbox_kind_find(e->kind, e->new_state);
	struct counter64 id = {(u_long)((uint64_t)e->seq >> 32), (u_long)(e->seq & 0xffffffff)};
	long severity = kind->severity;
	char at[OUTBOX_TIME_BYTES];
	oid name[OIDS];
	size_t len = oid_of(s->sink, 1, AT_ID, name);

	outbox_time(e->at_ms, at);
	if (!add_head(pdu, s, kind) ||
	    !snmp_pdu_add_variable(pdu, name, len, ASN_COUNTER64, &id, sizeof(id)))
		return false;
	len = oid_of(s->sink, 1, AT_SEVERITY, name);
	return snmp_pdu_add_variable(pdu, name, len, ASN_INTEGER, &severity, sizeof(severity)) &&
	       add_bytes(pdu, s, AT_TIME, at, SHORT_BYTES) &&
	       add_bytes(pdu, s, AT_KIND, e->kind, SHORT_BYTES) &&
	       add_bytes(pdu, s, AT_HOST, e->host, SHORT_BYTES) &&
	       add_bytes(pdu, s, AT_ABOUT, e->about, SHORT_BYTES) &&
	       add_bytes(pdu, s, AT_OLD, e->old_state, SHORT_BYTES) &&
	       add_bytes(pdu, s, AT_NEW, e->new_state, SHORT_BYTES) &&
	       add_bytes(pdu, s, AT_TEXT, e->text, TEXT_BYTES);
}

static void snmp_end(void *state)
{
	struct snmp *s = state;

	if (!s)
		return;
	if (s->session)
		snmp_close(s->session);
	rf_wipe(s, sizeof(*s));
	rf_free(s);
}

/* A key from a passphrase (RFC 3414 A.2, with SHA-256). */
static int key_make(const char *file, u_char *key, size_t *len, struct rf_err *err)
{
	RF_AUTOBUF struct rf_buf secret = {0};
	int rc = outbox_secret_read(file, &secret, err);

	if (!rc &&
	    generate_Ku(usmHMAC192SHA256AuthProtocol, OID_LENGTH(usmHMAC192SHA256AuthProtocol),
			secret.data, secret.len, key, len) != SNMPERR_SUCCESS)
		rc = rf_fail(err, RF_E_CRYPTO, "%s: no key can be made of it", file);
	rf_wipe(secret.data, secret.len);
	return rc;
}

/* The engine of traps, which is ours (RFC 3411 section 5): the site's, or our number and name. */
static int engine_make(struct snmp *s, struct rf_err *err)
{
	uint32_t number = (uint32_t)s->sink->enterprise | 0x80000000u;
	char name[256] = "";

	if (s->sink->engine) {
		int rc = rf_hex_decode(s->sink->engine, s->engine, sizeof(s->engine),
				       &s->engine_len);

		return !rc && s->engine_len >= 5
			       ? 0
			       : rf_fail(err, RF_E_SYNTAX,
					 "engine: 5 to 32 bytes in hexadecimal are wanted");
	}
	(void)gethostname(name, sizeof(name) - 1);
	for (size_t i = 0; i < 4; i++)
		s->engine[i] = (uint8_t)(number >> (24 - 8 * i));
	s->engine[4] = TEXT_FORMAT;
	s->engine_len = 5 + strnlen(name, ENGINE_BYTES - 5);
	memcpy(s->engine + 5, name, s->engine_len - 5);
	return 0;
}

static void session_for_traps(struct snmp *s)
{
	netsnmp_session *w = &s->wanted;

	w->securityEngineID = w->contextEngineID = s->engine;
	w->securityEngineIDLen = w->contextEngineIDLen = s->engine_len;
	w->engineBoots = (u_int)((outbox_clock_s() - BOOTS_FROM_S) / 60) & 0x7fffffff;
	w->engineTime = 0;
	w->flags |= SNMP_FLAGS_DONT_PROBE;
}

static void library_init(void)
{
	static const int off[] = {NETSNMP_DS_LIB_DONT_READ_CONFIGS,
				  NETSNMP_DS_LIB_DONT_PERSIST_STATE,
				  NETSNMP_DS_LIB_DISABLE_PERSISTENT_LOAD,
				  NETSNMP_DS_LIB_DISABLE_PERSISTENT_SAVE,
				  NETSNMP_DS_LIB_DISABLE_V1,
				  NETSNMP_DS_LIB_DISABLE_V2c,
				  NETSNMP_DS_LIB_DONT_LOAD_HOST_FILES};

	for (size_t i = 0; i < RF_COUNT(off); i++)
		netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, off[i], 1);
	/* Numbers are all it needs: no file of a MIB is read. */
	(void)setenv("MIBS", "", 1);
	snmp_disable_log();
	init_snmp("ringfence");
}

static int snmp_begin(const struct outbox_sink *sink, void **out, struct rf_err *err)
{
	struct snmp *s = rf_alloc(1, sizeof(*s));
	netsnmp_session *w = s ? &s->wanted : NULL;

	if (!s)
		return rf_fail(err, -ENOMEM, "no memory");
	library_init();
	snmp_sess_init(w);
	s->sink = sink;
	s->started_ms = outbox_now_ms();
	(void)rf_format(s->peer, sizeof(s->peer), "%s%s",
			rf_starts(sink->address, "udp") ? "" : "udp:", sink->address);
	w->version = SNMP_VERSION_3;
	w->peername = s->peer;
	w->timeout = TIMEOUT_US;
	w->retries = RETRIES;
	w->securityName = (char *)(uintptr_t)sink->user;
	w->securityNameLen = strlen(sink->user);
	w->securityModel = SNMP_SEC_MODEL_USM;
	w->securityLevel = SNMP_SEC_LEVEL_AUTHPRIV;
	w->securityAuthProto = usmHMAC192SHA256AuthProtocol;
	w->securityAuthProtoLen = OID_LENGTH(usmHMAC192SHA256AuthProtocol);
	w->securityAuthKeyLen = USM_AUTH_KU_LEN;
	w->securityPrivProto = usmAESPrivProtocol;
	w->securityPrivProtoLen = OID_LENGTH(usmAESPrivProtocol);
	w->securityPrivKeyLen = USM_PRIV_KU_LEN;
	int rc = key_make(sink->auth_file, w->securityAuthKey, &w->securityAuthKeyLen, err);

	if (!rc)
		rc = key_make(sink->priv_file, w->securityPrivKey, &w->securityPrivKeyLen, err);
	if (!rc && !sink->inform)
		rc = engine_make(s, err);
	if (rc < 0) {
		snmp_end(s);
		return rc;
	}
	if (!sink->inform)
		session_for_traps(s);
	*out = s;
	return 0;
}

/* For informs this asks the receiver for its engine's id. */
static int session_open(struct snmp *s, struct rf_err *err)
{
	netsnmp_transport *transport = netsnmp_transport_open_client("snmptrap", s->peer);

	if (!transport)
		return rf_fail(err, RF_E_PEER, "%s: no such address", s->peer);
	/* From here on the transport is the session's, also when there is none. */
	s->session = snmp_add(&s->wanted, transport, NULL, NULL);
	return s->session
		       ? 0
		       : rf_fail(err, RF_E_PEER, "%s: %s", s->peer, snmp_api_errstring(snmp_errno));
}

static int inform(struct snmp *s, netsnmp_pdu *pdu, struct rf_err *err)
{
	netsnmp_pdu *answer = NULL;
	/* It frees pdu in any case. */
	int status = snmp_synch_response(s->session, pdu, &answer);
	int rc = 0;

	if (status == STAT_TIMEOUT)
		rc = rf_fail(err, RF_E_TIMEOUT, "%s does not answer", s->peer);
	else if (status != STAT_SUCCESS || !answer || answer->command != SNMP_MSG_RESPONSE)
		rc = rf_fail(err, RF_E_PEER, "%s: %s", s->peer,
			     snmp_api_errstring(s->session->s_snmp_errno));
	else if (answer->errstat != SNMP_ERR_NOERROR)
		rc = rf_fail(err, RF_E_DENIED, "%s: %s", s->peer,
			     snmp_errstring((int)answer->errstat));
	if (answer)
		snmp_free_pdu(answer);
	return rc;
}

static int snmp_notify(void *state, const struct outbox_event *event, int64_t *out_retry_s,
		       struct rf_err *err)
{
	struct snmp *s = state;
	int rc = s->session ? 0 : session_open(s, err);

	*out_retry_s = 0;
	if (rc < 0)
		return rc;
	netsnmp_pdu *pdu = snmp_pdu_create(s->sink->inform ? SNMP_MSG_INFORM : SNMP_MSG_TRAP2);

	if (!pdu || !add_all(pdu, s, event)) {
		snmp_free_pdu(pdu);
		return rf_fail(err, -ENOMEM, "no memory");
	}
	if (s->sink->inform)
		return inform(s, pdu, err);
	if (snmp_send(s->session, pdu) == 0) {
		rc = rf_fail(err, RF_E_PEER, "%s: %s", s->peer,
			     snmp_api_errstring(s->session->s_snmp_errno));
		snmp_free_pdu(pdu);
	}
	return rc;
}

const struct outbox_transport outbox_snmp = {"snmp", snmp_begin, snmp_notify, snmp_end};
