/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manager's configuration: one row for each key (config.c), all with a default, so that on one
 * host there is nothing to configure. docs/howto/run-a-manager.md tells it to people.
 */
#ifndef RF_MANAGER_CONFIG_H
#define RF_MANAGER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/yaml.h"

#define CONFIG_STATE	 "/var/lib/ringfence-manager"
#define CONFIG_MAX_NAMES 16u

struct config {
	const char *state;		     /* --state: keys, and SQLite's file */
	const char *owner;		     /* --owner: who makes PostgreSQL's schema; no key */
	const char *name;		     /* of this manager among others; the host's */
	const char *store;		     /* sqlite:STATE/store/manager.db */
	const char *listen;		     /* HTTP: 127.0.0.1:8443 */
	const char *metrics;		     /* 127.0.0.1:9443; "none" */
	const char *agents;		     /* frames: [::]:8444 */
	const char *address;		     /* HOST:PORT that agents are told */
	const char *names[CONFIG_MAX_NAMES]; /* of this manager in its certificate */
	size_t names_count;
	const char *ek_roots;  /* folder of certificates of TPM makers; STATE/ek-roots */
	const char *sinks;     /* file of who is told events; STATE/sinks.yaml */
	const char *secrets;   /* folder of secrets of VMs; STATE/secrets */
	const char *profile;   /* whose controls judge the facts of hosts: kvm-base */
	const char *site;      /* folder of the site's own controls, profiles, waivers; none */
	const char *sign_in;   /* socket of the unit that asks PAM; /run/ringfence-sign-in */
	const char *untrusted; /* VMs for trusted hosts on one that turns UNTRUSTED: "none", or the
				  level of the quarantine that they get */
	int64_t workers;       /* of verify; 0: as many as processors */
	int64_t evidence_s, facts_s, idle_s;
	int64_t certificate_days; /* of a host */
	/* How long verdicts with their evidence, changes of states, and events are kept. */
	int64_t evidence_days, changes_days, events_days;
	int64_t connections_max;
	int64_t joins_max; /* that are in hand at once */
	bool without_tpm;  /* hosts without a TPM may join, as NO_TPM */
	/* swtpm's authority counts only where the site put it among its ek_roots */
	bool unproven_tpm; /* a TPM without a certificate of a known maker may join */
	bool approve;  /* hosts wait for somebody's approval; false: the first evidence counts */
	bool programs; /* an approval is of the programs that ran, too (IMA); false: they are not
			  judged, and that is said */

	struct yaml_doc doc;   /* what the texts above are of */
	struct rf_buf kept[8]; /* texts that are made */
};

/* Reads the file (NULL: /etc/ringfence/manager.yaml where there is one, else the defaults) and
 * fills in what it does not say. state: NULL for the default. Errors name line and key. */
int config_load(const char *path, const char *state, struct config *out,
		struct rf_err *err) RF_MUST_CHECK;
void config_done(struct config *config);

#endif
