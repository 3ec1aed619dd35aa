/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam between us and Linux. Everything a collector reads goes through here, so that a host can
 * be the live machine, a directory (tests), or an archive made by `ringfence capture`:
 *
 *   files    paths as on the host ("/etc/passwd"); in a directory host below that directory, with
 *            mode, owner and missing rights taken from DIR/.ringfence/meta where that file has a
 * line probes   answers that are not files (netlink dumps, sockets, libvirt); in a directory host
 * they are the files DIR/.ringfence/probe/NAME[/ARG]
 *
 * Every read is scrubbed (scrub.h): no password hash, key or token passes this line, so none can
 * enter a fact or a capture. A recording host copies what it reads into a directory host.
 */
#ifndef RF_SYS_SYS_H
#define RF_SYS_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct sys;

/* The machine we run on. */
int sys_open_live(struct sys **out, struct rf_err *err) RF_MUST_CHECK;

/* A directory that stands for a host. */
int sys_open_dir(const char *path, struct sys **out, struct rf_err *err) RF_MUST_CHECK;

/* The live machine, with everything read copied below path (an empty directory). */
int sys_open_recording(const char *path, struct sys **out, struct rf_err *err) RF_MUST_CHECK;

/* An archive that `ringfence capture` made (tar, also with gzip, zstd or xz): unpacked into a
 * private temporary directory, which sys_close removes. Links, devices, paths that leave it and
 * what is larger than the limits allow are refused. */
int sys_open_capture(const char *archive, struct sys **out, struct rf_err *err) RF_MUST_CHECK;

/* Packs a recording's directory (closed before) into an archive of mode 0600, compressed as its
 * name ends: .tar, .gz, .zst, .xz, else gzip. The same recording gives the same bytes; archive is
 * there whole or not at all. */
int sys_capture_write(const char *dir, const char *archive, struct rf_err *err) RF_MUST_CHECK;

/* Accepts NULL. */
void sys_close(struct sys *sys);

/* False for a directory host: then no fact may come from anywhere but this seam. */
bool sys_is_live(const struct sys *sys);

/* The host's name: uname's nodename, or for a directory host what its uname probe says, or the
 * directory's own name. Valid until sys_close. */
const char *sys_host_name(const struct sys *sys);

/*
 * Reads a whole regular file (or one of /proc and /sys) of at most max_bytes, scrubbed. Follows
 * symbolic links inside the host. A FIFO, device or directory is refused (-EINVAL) without waiting.
 * A file that changes size while it is read is read again, at last RF_E_CHANGED.
 * Returns 0, -ENOENT, -EACCES, RF_E_LIMIT, ...; err names the path.
 */
int sys_read(struct sys *sys, const char *path, size_t max_bytes, struct rf_buf *out,
	     struct rf_err *err) RF_MUST_CHECK;

/* Reads a short file of /proc or /sys (at most size - 1 bytes), trims blanks at both ends. */
int sys_read_line(struct sys *sys, const char *path, char *out, size_t size) RF_MUST_CHECK;

/* The word in field N (3: the state) of a line of /proc/PID/stat; "" and false where there is none.
 * A process' name may hold anything: what counts is behind its last bracket. */
bool sys_stat_field(const char *line, unsigned field, char *out, size_t size);

/* Reads such a file as a number. */
int sys_read_int(struct sys *sys, const char *path, int64_t *out) RF_MUST_CHECK;

/* Names in a directory, sorted, without . and .. */
struct sys_names {
	char **names;
	size_t count;
};
#define SYS_AUTONAMES __attribute__((cleanup(sys_names_done)))
int sys_list(struct sys *sys, const char *dir, struct sys_names *out,
	     struct rf_err *err) RF_MUST_CHECK;
void sys_names_done(struct sys_names *names);

struct sys_stat {
	uint32_t type; /* S_IFREG ... */
	uint32_t mode; /* 12 permission bits */
	uint32_t uid, gid;
	int64_t size_bytes;
	int64_t mtime_ms;    /* since 1970-01-01 UTC */
	uint64_t dev, inode; /* in a directory host numbers that tell files apart */
	bool has_acl;	     /* a POSIX ACL is attached */
};

/* Does not follow a symbolic link at the end of path. */
int sys_stat(struct sys *sys, const char *path, struct sys_stat *out) RF_MUST_CHECK;
/* Follows it. */
int sys_stat_follow(struct sys *sys, const char *path, struct sys_stat *out) RF_MUST_CHECK;
bool sys_exists(struct sys *sys, const char *path);
/* Target of a symbolic link (also /proc/PID/exe and fd/N). */
int sys_readlink(struct sys *sys, const char *path, char *out, size_t size) RF_MUST_CHECK;

struct sys_space {
	int64_t size_bytes;
	int64_t free_bytes; /* for ordinary users */
};
int sys_space(struct sys *sys, const char *path, struct sys_space *out) RF_MUST_CHECK;

/*
 * Answers that are not files. One row of the table in probe.c each; arg is "" where none is listed.
 * Netlink answers are the concatenated messages, headers included, without NLMSG_DONE.
 *
 *   uname            "nodename\nrelease\nversion\nmachine\n"
 *   identity         "euid N\nhas_caps 0|1\n": the rights facts are collected with
 *   clock            "now_ms\n"
 *   adjtimex         "status N\nmaxerror N\nesterror N\noffset N\nstate N\n"
 *   rtnl-link        RTM_GETLINK dump with RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS
 *   rtnl-bridge-vlan RTM_GETLINK dump of AF_BRIDGE with RTEXT_FILTER_BRVLAN
 *   rtnl-addr        RTM_GETADDR dump
 *   rtnl-route       RTM_GETROUTE dump, all tables
 *   netns            network namespaces, see netns.h
 *   rtnl-link-in     arg ID of netns: rtnl-link of that network namespace
 *   rtnl-addr-in     arg ID of netns: rtnl-addr of it
 *   rtnl-fdb         RTM_GETNEIGH dump of AF_BRIDGE
 *   rtnl-qdisc       RTM_GETQDISC dump
 *   rtnl-filter      RTM_GETTFILTER dump; arg "IFINDEX:PARENT" (decimal, hexadecimal)
 *   sock-diag        arg tcp4, tcp6, udp4, udp6: listening or unconnected sockets
 *   unix-diag        listening unix sockets
 *   nft              arg tables, chains, rules: nfnetlink dumps
 *                    arg elements/FAMILY/TABLE/SET: what one set holds, the family as a number
 *   bpf-prog         "name NAME\ntag HEX\n" of the BPF program with that id
 *   bpf-tcx          "ingress ID\n" and "egress ID\n" for each program that hangs on a link by
 *                    tcx, which tc dumps do not show; arg IFINDEX. Empty where the kernel has none
 *   audit            arg status, rules
 *   image-head       arg PATH: the first 4 KiB of a disk image or block device
 *   block-samples    arg PATH: whether a file or block device is blank, by samples; see image.h
 *   module-tail      arg PATH of a .ko file: its last 16 KiB, where a signature stands
 *   file-md5         arg PATH of a regular file: "HEX SIZE\n"
 *   file-digest      arg PATH of a regular file: "size N\nsha1 HEX\nsha256 HEX\nsha384 HEX\n"
 *   boot-image       arg PATH: a boot program (PE file) whole, for what firmware hashes of it
 *   tpm              what the TPM says of itself and the values of its PCRs, see tpm.h
 *   special-files    arg DIR: what is special in a tree of files, see special.h
 *   libvirt          arg URI: a JSON document, see virt.h
 *   libvirt-hypervisor  arg URI: what libvirt says of its hypervisor, see virt.h; may be slow
 */
int sys_probe(struct sys *sys, const char *name, const char *arg, struct rf_buf *out,
	      struct rf_err *err) RF_MUST_CHECK;

#endif
