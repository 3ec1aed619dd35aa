/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libvirt's domain XML as facts. A definition is read in three steps, so that two of them can be
 * compared before they are written:
 *
 *	domain_read    the tree becomes rows in memory; nothing but the document is looked at
 *	domain_look    what the host knows of the files it names (images.h)
 *	domain_put     the rows go to the sink
 *
 * domain_differ says what changed between two layers of one VM. No step judges.
 */
#ifndef RF_COLLECT_DOMAIN_H
#define RF_COLLECT_DOMAIN_H

#include "base/arena.h"
#include "collect/xml.h"
#include "model/fact.h"

/* Where a definition comes from, and what is known of the VM beside its XML. */
struct domain_source {
	const char *vm;	    /* key: the domain's name, or the path of the file */
	const char *layer;  /* persistent, live, approved */
	const char *path;   /* the file; "" when a daemon gave the XML */
	const char *state;  /* running ...; "" for a file */
	const char *source; /* what a person reads: the path, or the URI and the name */
	const char *taints; /* joined by ','; NULL when not known */
	struct fact_int autostart, managed_save, snapshots_count, snapshot_oldest_ms;
	/* libvirt's API leaves passwords out of the XML. with_secrets is the same definition from
	 * libvirt's own file, which has them; NULL when it could not be read. */
	bool without_secrets;
	const struct xml_node *with_secrets;
};

#define DOMAIN_LIST(type)                                                                          \
	struct {                                                                                   \
		struct type *rows;                                                                 \
		size_t count, capacity;                                                            \
	}

/* The rows of one definition. Texts live in the arena. */
struct domain_facts {
	struct rf_arena arena;
	struct fact_sink *out; /* for gaps */
	const struct domain_source *src;
	const struct xml_node *xml;
	struct fact_vm vm;
	DOMAIN_LIST(fact_vm_nic) nics;
	DOMAIN_LIST(fact_vm_disk) disks;
	DOMAIN_LIST(fact_vm_device) devices;
	DOMAIN_LIST(fact_vm_console) consoles;
	DOMAIN_LIST(fact_vm_channel) channels;
	DOMAIN_LIST(fact_vm_option) options;
	bool failed;   /* no memory */
	bool overfull; /* rows were left out, and a gap says so */
};

/* Namespaces of libvirt's extensions, and of our tags below <metadata>. */
#define DOMAIN_NS_QEMU	"http://libvirt.org/schemas/domain/qemu/1.0"
#define DOMAIN_NS_TAGS	"urn:ringfence:tags:1"
#define DOMAIN_NS_TRUST "https://ringfence.example/vm/1" /* <trusted>: agent/hook.h asks by it */

/*
 * Reads the element <domain>. src and xml must outlive facts. Values that are not understood become
 * NULL and a gap in out. Returns 0, RF_E_SYNTAX when xml is no domain, or -ENOMEM. Free with
 * domain_done.
 */
int domain_read(const struct xml_node *xml, const struct domain_source *src, struct fact_sink *out,
		struct domain_facts *facts, struct rf_err *err) RF_MUST_CHECK;
void domain_done(struct domain_facts *facts);

/* Writes every row. */
void domain_put(const struct domain_facts *facts, struct fact_sink *out);

/* Writes vm_difference rows for what changed from a to b, and returns how many; parts that only a
 * running VM has, and defaults that libvirt adds, are no differences. */
size_t domain_differ(const struct domain_facts *a, const struct domain_facts *b,
		     struct fact_sink *out);

/* The element <domain> in a document: its root, or inside <domstatus> or <domainsnapshot>; NULL. */
const struct xml_node *domain_find(const struct xml_node *root);

/* SHA-256 of the definition without its runtime-only parts, 64 hexadecimal digits. */
int domain_digest(const struct xml_node *domain, char out[65]) RF_MUST_CHECK;

/* --- for the parts that read a definition (domain_*.c) --- */

/* A list's next row, zeroed, with vm, layer and source set; NULL when memory is short. */
struct fact_vm_nic *domain_add_nic(struct domain_facts *f, const struct xml_node *at);
struct fact_vm_disk *domain_add_disk(struct domain_facts *f, const struct xml_node *at);
struct fact_vm_device *domain_add_device(struct domain_facts *f, const struct xml_node *at);
struct fact_vm_console *domain_add_console(struct domain_facts *f, const struct xml_node *at);
struct fact_vm_channel *domain_add_channel(struct domain_facts *f, const struct xml_node *at);
void domain_add_option(struct domain_facts *f, const struct xml_node *at, const char *key,
		       const char *value);

/* printf into the arena; "" when memory is short (f->failed is then set). */
const char *domain_text(struct domain_facts *f, const char *fmt, ...) RF_PRINTF(2, 3);

/* Adds item to a list of texts joined by ','. */
const char *domain_join(struct domain_facts *f, const char *list, const char *item);

/* A gap of one column of the row whose key is vm/layer[/item]. */
void domain_gap(struct domain_facts *f, enum fact_table_id table, const char *item, const char *col,
		const char *fmt, ...) RF_PRINTF(5, 6);

/* A number of the document. Text that is no number in [min, max] is a gap and stays unknown; an
 * empty text is absent. */
struct fact_int domain_number(struct domain_facts *f, const char *text, int64_t absent,
			      const char *col);

/* A size with libvirt's unit attribute (b, bytes, KB, k, KiB ... EiB; default as given) in bytes.
 * Returns 0, RF_E_SYNTAX or RF_E_LIMIT. */
int domain_size(const char *number, const char *unit, const char *default_unit,
		int64_t *out_bytes) RF_MUST_CHECK;

/* A text of host CPUs "0-3,^2,8" as a set. RF_E_SYNTAX, RF_E_LIMIT. */
#define DOMAIN_MAX_CPUS 16384u
struct domain_cpuset {
	uint64_t bits[DOMAIN_MAX_CPUS / 64];
};
int domain_cpuset_add(struct domain_cpuset *set, const char *text) RF_MUST_CHECK;
/* As a list "0-1,3,8"; "" for the empty set. */
const char *domain_cpuset_text(struct domain_facts *f, const struct domain_cpuset *set);

/* Sections of a definition, each filling its part of facts. */
void domain_read_cpu(struct domain_facts *f);
void domain_read_memory(struct domain_facts *f);
void domain_read_boot(struct domain_facts *f);
void domain_read_labels(struct domain_facts *f);
void domain_read_options(struct domain_facts *f);
void domain_read_nic(struct domain_facts *f, const struct xml_node *at);
void domain_read_disk(struct domain_facts *f, const struct xml_node *at);
void domain_read_console(struct domain_facts *f, const struct xml_node *at);
void domain_read_channel(struct domain_facts *f, const struct xml_node *at);
/* Any other child of <devices>; index counts those of its element name. */
void domain_read_device(struct domain_facts *f, const struct xml_node *at);

/* The host side of a character device: path, "host:port" or "". */
const char *domain_chardev_path(struct domain_facts *f, const struct xml_node *at);

#endif
