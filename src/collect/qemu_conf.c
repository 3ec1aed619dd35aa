/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector qemu-conf: /etc/libvirt/qemu.conf with libvirt's own defaults where it is silent.
 * Source: qemu.conf.in and qemu_conf.c of libvirt 9.0. Not for what a running QEMU really got
 * (qemu_processes.c).
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/collect.h"
#include "collect/libvirt_host.h"
#include "collect/util.h"
#include "collect/virtconf.h"

#define CONF_PATH "/etc/libvirt/qemu.conf"

static const struct virtconf_default defaults[] = {
	{"auto_dump_path", "/var/lib/libvirt/qemu/dump"},
	{"backup_tls_x509_cert_dir", "/etc/pki/libvirt-backup"},
	{"capability_filters", ""},
	{"cgroup_controllers", "cpu,devices,memory,blkio,cpuset,cpuacct"},
	{"cgroup_device_acl",
	 "/dev/null,/dev/full,/dev/zero,/dev/random,/dev/urandom,/dev/ptmx,/dev/kvm"},
	{"chardev_tls", "0"},
	{"chardev_tls_x509_cert_dir", "/etc/pki/libvirt-chardev"},
	{"default_tls_x509_cert_dir", "/etc/pki/qemu"},
	{"deprecation_behavior", "none"},
	{"dump_guest_core", "0"},
	{"dynamic_ownership", "1"},
	{"keepalive_count", "5"},
	{"keepalive_interval", "5"},
	{"lock_manager", "nop"},
	{"log_timestamp", "1"},
	{"mac_filter", "0"},
	{"max_core", "0"},
	{"max_files", "0"},
	{"max_processes", "0"},
	{"max_queued", "0"},
	{"max_threads_per_process", "0"},
	{"memory_backing_dir", "/var/lib/libvirt/qemu/ram"},
	{"migrate_tls_force", "0"},
	{"migrate_tls_x509_cert_dir", "/etc/pki/libvirt-migrate"},
	{"migration_address", "::"}, /* every address, also where there is no IPv6 */
	{"migration_host", ""},
	{"migration_port_max", "49215"},
	{"migration_port_min", "49152"},
	{"namespaces", "mount"},
	{"nbd_tls", "0"},
	{"nographics_allow_host_audio", "0"},
	{"relaxed_acs_check", "0"},
	{"remember_owner", "1"},
	{"remote_display_port_max", "65535"},
	{"remote_display_port_min", "5900"},
	{"remote_websocket_port_max", "65535"},
	{"remote_websocket_port_min", "5700"},
	{"sched_core", "none"},
	{"seccomp_sandbox", "1"}, /* unset: on, wherever QEMU has -sandbox */
	{"security_default_confined", "1"},
	{"security_driver", ""}, /* whatever the host has */
	{"security_require_confined", "0"},
	{"set_process_name", "0"},
	{"spice_auto_unix_socket", "0"},
	{"spice_listen", "127.0.0.1"},
	{"spice_password", ""},
	{"spice_sasl", "0"},
	{"spice_tls", "0"},
	{"spice_tls_x509_cert_dir", "/etc/pki/libvirt-spice"},
	{"stdio_handler", "logd"},
	{"swtpm_group", "tss"},
	{"swtpm_user", "tss"},
	{"virtiofsd_debug", "0"},
	{"vnc_allow_host_audio", "0"},
	{"vnc_auto_unix_socket", "0"},
	{"vnc_listen", "127.0.0.1"},
	{"vnc_password", ""},
	{"vnc_sasl", "0"},
	{"vnc_tls", "0"},
	{"vnc_tls_x509_cert_dir", "/etc/pki/libvirt-vnc"},
	{"vxhs_tls", "0"},
};

/* Settings that take default_tls_x509_verify where it is set, and else their own default. */
static const struct virtconf_default verify_defaults[] = {
	{"vnc_tls_x509_verify", "0"},
	{"chardev_tls_x509_verify", "1"},
	{"migrate_tls_x509_verify", "1"},
	{"backup_tls_x509_verify", "1"},
};

static void put_verify_defaults(struct conf_options *set)
{
	const char *common = conf_get(set, "default_tls_x509_verify");

	for (size_t i = 0; i < RF_COUNT(verify_defaults); i++)
		conf_put_default(set, verify_defaults[i].key,
				 common ? common : verify_defaults[i].value);
	/* Unset it demands nothing of the services that have no default of their own. */
	conf_put_default(set, "default_tls_x509_verify", "0");
}

/* The account QEMU runs as was fixed when the distribution built libvirt; it is the one of these
 * names that exists. */
static void put_account_default(struct sys *sys, struct conf_options *set, struct fact_sink *out)
{
	static const char *const users[] = {"libvirt-qemu", "qemu"};
	static const char *const groups[] = {"libvirt-qemu", "qemu", "kvm"};
	UTIL_AUTOUSERS struct util_users accounts = {0};
	const char *user = NULL, *group = NULL;

	if (util_users_read(sys, &accounts, NULL) == 0) {
		for (size_t i = 0; i < RF_COUNT(users) && !user; i++)
			user = util_user_named(&accounts, users[i]) ? users[i] : NULL;
		for (size_t i = 0; i < RF_COUNT(groups) && !group; i++) {
			for (size_t k = 0; k < accounts.groups_count && !group; k++)
				group = strcmp(accounts.groups[k].name, groups[i]) == 0 ? groups[i]
											: NULL;
		}
	}
	if (user)
		conf_put_default(set, "user", user);
	else if (!conf_find(set, "user"))
		fact_gap(out, FACT_T_QEMU_OPTION, "user", "value", CONF_PATH,
			 "qemu.conf does not name the account QEMU runs as, and neither "
			 "libvirt-qemu nor qemu exists; set user");
	if (group)
		conf_put_default(set, "group", group);
	else if (!conf_find(set, "group"))
		fact_gap(out, FACT_T_QEMU_OPTION, "group", "value", CONF_PATH,
			 "qemu.conf does not name the group QEMU runs as, and none of "
			 "libvirt-qemu, qemu and kvm exists; set group");
}

/* That a password is set is a fact; the password is not. */
static void hide_passwords(struct conf_options *set)
{
	static const char *const keys[] = {"vnc_password", "spice_password"};

	for (size_t i = 0; i < RF_COUNT(keys); i++) {
		const struct conf_option *o = conf_find(set, keys[i]);

		if (!o)
			continue;
		RF_AUTOFREE char *source = rf_strdup(o->source);

		conf_put(set, keys[i], "set", source ? source : CONF_PATH);
	}
}

int collect_qemu_conf(struct sys *sys, const struct collect_request *req, struct fact_sink *out,
		      struct rf_err *err)
{
	struct conf_options set = {0};
	struct libvirt_host host;

	(void)req;
	libvirt_host_look(sys, &host);
	int rc = virtconf_read(sys, CONF_PATH, FACT_T_QEMU_OPTION, "", &set, out);

	/* Without libvirt there is no qemu.conf to have defaults; unread, none are known. */
	if (rc >= 0 && (rc == 1 || host.installed)) {
		hide_passwords(&set);
		for (size_t i = 0; i < RF_COUNT(defaults); i++)
			conf_put_default(&set, defaults[i].key, defaults[i].value);
		put_verify_defaults(&set);
		put_account_default(sys, &set, out);
		conf_emit(&set, FACT_T_QEMU_OPTION, "", out);
	}
	bool no_memory = set.failed || rc == -ENOMEM;

	conf_options_done(&set);
	return no_memory ? rf_fail(err, -ENOMEM, "qemu.conf: no memory") : 0;
}
