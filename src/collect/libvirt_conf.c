/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector libvirt-conf: the configuration files of libvirt's daemons and of its client library,
 * with the daemons' defaults. Keys FILE/NAME; libvirtd/NAME is the daemon in use. Sources:
 * libvirtd.conf.in, virtlogd.conf and remote_daemon_config.c of libvirt 9.0.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/libvirt_host.h"
#include "collect/util.h"
#include "collect/virtconf.h"

#define CONF_DIR "/etc/libvirt/"

static const struct virtconf_default daemon_defaults[] = {
	{"access_drivers", "nop"},
	{"admin_keepalive_count", "5"},
	{"admin_keepalive_interval", "5"},
	{"admin_max_clients", "5"},
	{"audit_level", "1"},
	{"audit_logging", "0"},
	{"auth_tcp", "sasl"},
	{"auth_tls", "none"},
	{"auth_unix_ro", "polkit"},
	{"auth_unix_rw", "polkit"},
	{"ca_file", "/etc/pki/CA/cacert.pem"},
	{"cert_file", "/etc/pki/libvirt/servercert.pem"},
	{"crl_file", "/etc/pki/CA/crl.pem"},
	{"host_uuid", ""},
	{"host_uuid_source", "smbios"},
	{"keepalive_count", "5"},
	{"keepalive_interval", "5"},
	{"keepalive_required", "0"},
	{"key_file", "/etc/pki/libvirt/private/serverkey.pem"},
	{"listen_addr", ""},
	{"listen_tcp", "0"},
	{"listen_tls", "1"},
	{"log_filters", ""},
	{"log_level", "3"},
	{"log_outputs", ""},
	{"max_anonymous_clients", "20"},
	{"max_client_requests", "5"},
	{"max_clients", "5000"},
	{"max_queued_clients", "1000"},
	{"max_workers", "20"},
	{"min_workers", "5"},
	{"prio_workers", "5"},
	{"sasl_allowed_username_list", ""},
	{"tcp_min_ssf", "112"},
	{"tcp_port", "16509"},
	{"tls_allowed_dn_list", ""},
	{"tls_no_sanity_certificate", "0"},
	{"tls_no_verify_certificate", "0"},
	{"tls_port", "16514"},
	{"tls_priority", "NORMAL"},
	{"unix_sock_admin_perms", "0700"},
	{"unix_sock_dir", "/run/libvirt"},
	{"unix_sock_group", "root"},
	{"unix_sock_ro_perms", "0777"},
	{"unix_sock_rw_perms", "0777"},
};

static const struct virtconf_default logd_defaults[] = {
	{"admin_max_clients", "5"}, {"log_filters", ""},     {"log_level", "3"},
	{"log_outputs", ""},	    {"max_age_days", "0"},   {"max_backups", "3"},
	{"max_clients", "1024"},    {"max_size", "2097152"},
};

static const struct virtconf_default lockd_defaults[] = {
	{"admin_max_clients", "5"}, {"log_filters", ""},     {"log_level", "3"},
	{"log_outputs", ""},	    {"max_clients", "1024"},
};

static const struct virtconf_default client_defaults[] = {{"uri_aliases", ""}, {"uri_default", ""}};

/* Settings of a modular installation that the proxy daemon has, and not virtqemud. */
static bool is_network_setting(const char *key)
{
	static const char *const prefixes[] = {"listen_",  "tls_",    "tcp_",	  "auth_tcp",
					       "auth_tls", "sasl_",   "key_file", "cert_file",
					       "ca_file",  "crl_file"};

	for (size_t i = 0; i < RF_COUNT(prefixes); i++) {
		if (rf_starts(key, prefixes[i]))
			return true;
	}
	return false;
}

static void fill(struct conf_options *set, const struct virtconf_default *defaults, size_t count)
{
	for (size_t i = 0; i < count; i++)
		conf_put_default(set, defaults[i].key, defaults[i].value);
}

/* Reads CONF_DIR NAME.conf; a negative code means that it is there and was not read. */
static int read_conf(struct sys *sys, const char *name, const char *prefix,
		     struct conf_options *set, struct fact_sink *out)
{
	char path[128];

	(void)rf_format(path, sizeof(path), CONF_DIR "%s.conf", name);
	return virtconf_read(sys, path, FACT_T_LIBVIRT_OPTION, prefix, set, out);
}

/*
 * Under systemd's socket activation the settings unix_sock_* mean nothing: the socket unit decides.
 * The socket that is there tells what holds.
 */
static void look_at_sockets(struct sys *sys, bool modular, struct conf_options *set)
{
	static const struct {
		const char *key, *monolithic, *modular;
	} sockets[] = {
		{"unix_sock_rw_perms", "/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock"},
		{"unix_sock_ro_perms", "/run/libvirt/libvirt-sock-ro",
		 "/run/libvirt/virtqemud-sock-ro"},
		{"unix_sock_admin_perms", "/run/libvirt/libvirt-admin-sock",
		 "/run/libvirt/virtqemud-admin-sock"}};
	struct sys_stat st;
	char mode[16];

	for (size_t i = 0; i < RF_COUNT(sockets); i++) {
		const char *path = modular ? sockets[i].modular : sockets[i].monolithic;

		if (sys_stat_follow(sys, path, &st) < 0 || !S_ISSOCK(st.type))
			continue;
		(void)rf_format(mode, sizeof(mode), "%04o", st.mode);
		conf_put(set, sockets[i].key, mode, path);
	}
}

/* Takes the network settings of virtproxyd.conf into those of the daemon in use. */
static int merge_proxy(struct sys *sys, struct conf_options *daemon, struct fact_sink *out)
{
	struct conf_options proxy = {0};
	int rc = read_conf(sys, "virtproxyd", "virtproxyd/", &proxy, out);

	if (rc >= 0)
		fill(&proxy, daemon_defaults, RF_COUNT(daemon_defaults));
	for (size_t i = 0; rc >= 0 && i < proxy.count; i++) {
		if (is_network_setting(proxy.items[i].key))
			conf_put(daemon, proxy.items[i].key, proxy.items[i].value,
				 proxy.items[i].source);
	}
	if (rc >= 0)
		conf_emit(&proxy, FACT_T_LIBVIRT_OPTION, "virtproxyd/", out);
	rc = proxy.failed ? -ENOMEM : 0;
	conf_options_done(&proxy);
	return rc;
}

static int put_daemon(struct sys *sys, bool modular, struct fact_sink *out)
{
	struct conf_options set = {0};
	int rc = read_conf(sys, modular ? "virtqemud" : "libvirtd", "libvirtd/", &set, out);

	if (rc >= 0) {
		fill(&set, daemon_defaults, RF_COUNT(daemon_defaults));
		if (modular)
			conf_emit(&set, FACT_T_LIBVIRT_OPTION, "virtqemud/", out);
		rc = modular ? merge_proxy(sys, &set, out) : 0;
		look_at_sockets(sys, modular, &set);
		conf_emit(&set, FACT_T_LIBVIRT_OPTION, "libvirtd/", out);
	}
	bool failed = set.failed || rc == -ENOMEM;

	conf_options_done(&set);
	return failed ? -ENOMEM : 0;
}

static int put_helpers(struct sys *sys, struct fact_sink *out)
{
	static const struct {
		const char *name;
		const struct virtconf_default *defaults;
		size_t count;
		const char *program; /* NULL: part of the client library */
	} files[] = {{"virtlogd", logd_defaults, RF_COUNT(logd_defaults), "virtlogd"},
		     {"virtlockd", lockd_defaults, RF_COUNT(lockd_defaults), "virtlockd"},
		     {"libvirt", client_defaults, RF_COUNT(client_defaults), NULL}};
	bool failed = false;

	for (size_t i = 0; i < RF_COUNT(files); i++) {
		struct conf_options set = {0};
		char prefix[32];

		(void)rf_format(prefix, sizeof(prefix), "%s/", files[i].name);
		int rc = read_conf(sys, files[i].name, prefix, &set, out);

		if (rc == 1 ||
		    (rc == 0 && (!files[i].program || libvirt_host_has(sys, files[i].program)))) {
			fill(&set, files[i].defaults, files[i].count);
			conf_emit(&set, FACT_T_LIBVIRT_OPTION, prefix, out);
		}
		failed |= set.failed || rc == -ENOMEM;
		conf_options_done(&set);
	}
	return failed ? -ENOMEM : 0;
}

/* The row that stands for libvirt when no connection was asked for. */
static void put_row(const struct libvirt_host *host, struct fact_sink *out)
{

	fact_put_libvirt(out, &(struct fact_libvirt){.uri = "files",
						     .connected = FACT_INT(0),
						     .daemon = host->daemon,
						     .tcp_socket = host->tcp_socket,
						     .session_daemons = host->session_daemons,
						     .source = CONF_DIR});
	fact_gap(out, FACT_T_LIBVIRT, "files", "version", CONF_DIR,
		 "no connection to libvirt was asked for; give --connect to have this");
	fact_gap(out, FACT_T_LIBVIRT_HYPERVISOR, "", "", CONF_DIR,
		 "no connection to libvirt was asked for; give --connect to have this");
	if (!host->tcp_socket.known)
		fact_gap(out, FACT_T_LIBVIRT, "files", "tcp_socket", CONF_DIR,
			 "/proc/net/tcp could not be read");
	if (!host->session_daemons.known)
		fact_gap(out, FACT_T_LIBVIRT, "files", "session_daemons", CONF_DIR,
			 "/proc could not be read");
}

int collect_libvirt_conf(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
			 struct rf_err *err)
{
	struct libvirt_host host;

	libvirt_host_look(sys, &host);
	if (!host.installed)
		return 0;
	if (!req->uri)
		put_row(&host, out);
	int rc = put_daemon(sys, strcmp(host.daemon, "modular") == 0, out);

	if (rc == 0)
		rc = put_helpers(sys, out);
	return rc < 0 ? rf_fail(err, rc, "libvirt's configuration: no memory") : 0;
}
