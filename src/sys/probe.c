/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probes: one row for each answer that is not a file. sys.h says what each gives. Sources:
 * uname(2), capabilities(7), clock_gettime(2), adjtimex(2); netlink in netlink.c, libvirt in
 * virt.c.
 */
#include <cap-ng.h>
#include <errno.h>
#include <string.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/digest.h"
#include "sys/image.h"
#include "sys/bpf.h"
#include "sys/internal.h"
#include "sys/netlink.h"
#include "sys/netns.h"
#include "sys/special.h"
#include "sys/tpm.h"
#include "sys/virt.h"

#define MAX_NAME_PART 200u /* a file's name has at most 255 bytes */

struct probe {
	const char *name;
	int (*run)(const struct probe *probe, const char *arg, struct rf_buf *out,
		   struct rf_err *why);
	bool has_arg;
};

static int run_uname(const struct probe *probe, const char *arg, struct rf_buf *out,
		     struct rf_err *why)
{
	struct utsname u;

	(void)probe;
	(void)arg;
	(void)why;
	if (uname(&u) < 0)
		return -errno;
	return rf_buf_printf(out, "%s\n%s\n%s\n%s\n", u.nodename, u.release, u.version, u.machine);
}

/* The capabilities without which something on a host stays unseen: files of others, processes of
 * others, and the firewall's rules. */
static bool has_caps(void)
{
	if (capng_get_caps_process() < 0)
		return false;
	bool files = capng_have_capability(CAPNG_EFFECTIVE, CAP_DAC_READ_SEARCH) ||
		     capng_have_capability(CAPNG_EFFECTIVE, CAP_DAC_OVERRIDE);

	return files && capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_PTRACE) &&
	       capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN);
}

int probe_identity(char *out, size_t size)
{
	return rf_format(out, size, "euid %u\nhas_caps %d\n", (unsigned)geteuid(), has_caps())
		       ? 0
		       : -ENAMETOOLONG;
}

static int run_clock(const struct probe *probe, const char *arg, struct rf_buf *out,
		     struct rf_err *why)
{
	struct timespec now;

	(void)probe;
	(void)arg;
	(void)why;
	if (clock_gettime(CLOCK_REALTIME, &now) < 0)
		return -errno;
	return rf_buf_printf(out, "%lld\n", (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

static int run_adjtimex(const struct probe *probe, const char *arg, struct rf_buf *out,
			struct rf_err *why)
{
	struct timex t = {.modes = 0};
	int state = adjtimex(&t);

	(void)probe;
	(void)arg;
	(void)why;
	if (state < 0)
		return -errno;
	return rf_buf_printf(out, "status %d\nmaxerror %ld\nesterror %ld\noffset %ld\nstate %d\n",
			     t.status, t.maxerror, t.esterror, t.offset, state);
}

static int run_netlink(const struct probe *probe, const char *arg, struct rf_buf *out,
		       struct rf_err *why)
{
	return netlink_ask(probe->name, arg, out, why);
}

static int run_netns(const struct probe *probe, const char *arg, struct rf_buf *out,
		     struct rf_err *why)
{
	(void)probe;
	(void)arg;
	return netns_list(out, why);
}

static int run_bpf_prog(const struct probe *probe, const char *arg, struct rf_buf *out,
			struct rf_err *why)
{
	(void)probe;
	return bpf_program(arg, out, why);
}

static int run_bpf_tcx(const struct probe *probe, const char *arg, struct rf_buf *out,
		       struct rf_err *why)
{
	(void)probe;
	return bpf_tcx(arg, out, why);
}

static int run_image_head(const struct probe *probe, const char *arg, struct rf_buf *out,
			  struct rf_err *why)
{
	(void)probe;
	return image_head(arg, out, why);
}

static int run_block_samples(const struct probe *probe, const char *arg, struct rf_buf *out,
			     struct rf_err *why)
{
	(void)probe;
	return image_samples(arg, out, why);
}

static int run_module_tail(const struct probe *probe, const char *arg, struct rf_buf *out,
			   struct rf_err *why)
{
	(void)probe;
	return image_module_tail(arg, out, why);
}

static int run_file_md5(const struct probe *probe, const char *arg, struct rf_buf *out,
			struct rf_err *why)
{
	(void)probe;
	return digest_md5(arg, out, why);
}

static int run_file_digest(const struct probe *probe, const char *arg, struct rf_buf *out,
			   struct rf_err *why)
{
	(void)probe;
	return digest_file(arg, out, why);
}

static int run_boot_image(const struct probe *probe, const char *arg, struct rf_buf *out,
			  struct rf_err *why)
{
	(void)probe;
	return image_boot(arg, out, why);
}

static int run_tpm(const struct probe *probe, const char *arg, struct rf_buf *out,
		   struct rf_err *why)
{
	(void)probe;
	(void)arg;
	return tpm_describe(NULL, out, why);
}

static int run_special_files(const struct probe *probe, const char *arg, struct rf_buf *out,
			     struct rf_err *why)
{
	(void)probe;
	return special_scan(arg, SPECIAL_MAX_ENTRIES, SPECIAL_MAX_MS, out, why);
}

static int run_libvirt(const struct probe *probe, const char *arg, struct rf_buf *out,
		       struct rf_err *why)
{
	(void)probe;
	return virt_inventory(arg, out, why);
}

static int run_libvirt_hypervisor(const struct probe *probe, const char *arg, struct rf_buf *out,
				  struct rf_err *why)
{
	(void)probe;
	return virt_hypervisor(arg, out, why);
}

static const struct probe probes[] = {
	{"uname", run_uname, false},
	{"identity", NULL, false},
	{"clock", run_clock, false},
	{"adjtimex", run_adjtimex, false},
	{"rtnl-link", run_netlink, false},
	{"rtnl-bridge-vlan", run_netlink, false},
	{"rtnl-addr", run_netlink, false},
	{"rtnl-route", run_netlink, false},
	{"rtnl-link-in", run_netlink, true},
	{"rtnl-addr-in", run_netlink, true},
	{"netns", run_netns, false},
	{"rtnl-fdb", run_netlink, false},
	{"rtnl-qdisc", run_netlink, false},
	{"rtnl-filter", run_netlink, true},
	{"sock-diag", run_netlink, true},
	{"unix-diag", run_netlink, false},
	{"nft", run_netlink, true},
	{"audit", run_netlink, true},
	{"bpf-prog", run_bpf_prog, true},
	{"bpf-tcx", run_bpf_tcx, true},
	{"image-head", run_image_head, true},
	{"block-samples", run_block_samples, true},
	{"module-tail", run_module_tail, true},
	{"file-md5", run_file_md5, true},
	{"file-digest", run_file_digest, true},
	{"boot-image", run_boot_image, true},
	{"tpm", run_tpm, false},
	{"special-files", run_special_files, true},
	{"libvirt", run_libvirt, true},
	{"libvirt-hypervisor", run_libvirt_hypervisor, true},
};

static const struct probe *find_probe(const char *name)
{
	for (size_t i = 0; i < RF_COUNT(probes); i++) {
		if (strcmp(probes[i].name, name) == 0)
			return &probes[i];
	}
	return NULL;
}

bool probe_known(const char *name)
{
	return find_probe(name) != NULL;
}

int probe_live(struct sys *sys, const char *name, const char *arg, struct rf_buf *out)
{
	const struct probe *probe = find_probe(name);

	if (!probe)
		return RF_E_UNKNOWN;
	if (probe->has_arg != (*arg != '\0'))
		return rf_fail(&sys->why, -EINVAL,
			       probe->has_arg ? "an argument is needed" : "no argument is taken");
	/* What the host was opened with: a sandbox may have taken rights since. */
	if (!probe->run)
		return rf_buf_add_text(out, sys->identity);
	return probe->run(probe, arg, out, &sys->why);
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("._:+-", c);
}

int probe_path(const char *name, const char *arg, char out[RF_MAX_PATH_BYTES])
{
	RF_AUTOBUF struct rf_buf path = {0};
	size_t part = 0;

	rf_buf_printf(&path, "/.ringfence/probe/%s%s", name, *arg ? "/" : "");
	/* A first dot too, so that no argument is "." or "..". */
	for (; *arg; arg++) {
		if (part >= MAX_NAME_PART) {
			rf_buf_add_text(&path, "~/");
			part = 0;
		}
		size_t before = path.len;

		if (is_plain(*arg) && (*arg != '.' || part > 0))
			rf_buf_add_byte(&path, (uint8_t)*arg);
		else
			rf_buf_printf(&path, "%%%02X", (unsigned char)*arg);
		part += path.len - before;
	}
	if (path.failed)
		return -ENOMEM;
	return rf_copy(out, RF_MAX_PATH_BYTES, rf_buf_text(&path)) ? 0 : -ENAMETOOLONG;
}
