/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks, CD-ROM and floppy drives of a definition: <disk>. Only what the XML says; what the host
 * knows of the images is images.c. Source: libvirt's formatdomain of 9.0.
 */
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "collect/domain.h"

/* libvirt and QEMU stop following a chain long before; so do we. */
#define MAX_LIMITS  2048u
#define MAX_BACKING 200u

/* protocol://host/name; every host of a cluster is named. */
static const char *network_path(struct domain_facts *f, const struct xml_node *source)
{
	const char *hosts = "";

	for (const struct xml_node *n = xml_child(source, "host"); n; n = xml_next(n, "host")) {
		const char *name = xml_attr_text(n, "name");

		hosts = domain_join(f, hosts, *name ? name : xml_attr_text(n, "socket"));
	}
	return domain_text(f, "%s://%s/%s", xml_attr_text(source, "protocol"), hosts,
			   xml_attr_text(source, "name"));
}

static const char *nvme_path(struct domain_facts *f, const struct xml_node *source)
{
	const struct xml_node *a = xml_child(source, "address");

	return domain_text(f, "nvme://%s:%s:%s.%s/%s", xml_attr_text(a, "domain"),
			   xml_attr_text(a, "bus"), xml_attr_text(a, "slot"),
			   xml_attr_text(a, "function"), xml_attr_text(source, "namespace"));
}

/* Path of a <source> whose disk or backingStore has that type; "" without medium. */
static const char *source_path(struct domain_facts *f, const char *type,
			       const struct xml_node *source)
{
	static const struct {
		const char *type, *attr;
	} plain[] = {{"file", "file"},	   {"block", "dev"},	  {"dir", "dir"},
		     {"volume", "volume"}, {"vhostuser", "path"}, {"vhostvdpa", "dev"}};

	if (!source)
		return "";
	if (strcmp(type, "network") == 0)
		return xml_attr(source, "protocol") ? network_path(f, source) : "";
	if (strcmp(type, "nvme") == 0)
		return xml_child(source, "address") ? nvme_path(f, source) : "";
	for (size_t i = 0; i < RF_COUNT(plain); i++) {
		if (strcmp(type, plain[i].type) == 0)
			return xml_attr_text(source, plain[i].attr);
	}
	return "";
}

/* Only LUKS hides the content; the old qcow encryption does not. */
static bool is_encrypted(const struct xml_node *disk, const struct xml_node *source)
{
	const struct xml_node *at[] = {xml_child(disk, "encryption"),
				       xml_child(source, "encryption")};

	for (size_t i = 0; i < RF_COUNT(at); i++) {
		if (rf_starts(xml_attr_text(at[i], "format"), "luks"))
			return true;
	}
	return false;
}

static bool is_limited(const struct xml_node *disk)
{
	for (const struct xml_node *n = xml_child(xml_child(disk, "iotune"), NULL); n;
	     n = n->next) {
		if (*n->text && strcmp(n->text, "0") != 0)
			return true;
	}
	return false;
}

/* "total_iops_sec=500 ...": in the order of the definition, which is libvirt's own. */
static const char *read_limits(struct domain_facts *f, const struct xml_node *disk)
{
	RF_AUTOBUF struct rf_buf text = {0};

	for (const struct xml_node *n = xml_child(xml_child(disk, "iotune"), NULL); n; n = n->next)
		if (*n->text && strcmp(n->text, "0") != 0 && text.len < MAX_LIMITS)
			rf_buf_printf(&text, "%s%s=%s", text.len ? " " : "", n->name, n->text);
	return domain_text(f, "%s", rf_buf_text(&text));
}

/* The chain as the definition writes it: a live one ends with an empty <backingStore/>. */
static void read_backing(struct domain_facts *f, struct fact_vm_disk *disk,
			 const struct xml_node *at)
{
	const struct xml_node *hop = xml_child(at, "backingStore");
	bool remote = false, stated = true, ends = false;
	int64_t depth = 0;

	if (!hop)
		return;
	while (hop && depth < MAX_BACKING) {
		const char *type = xml_attr_text(hop, "type");
		const struct xml_node *source = xml_child(hop, "source");

		ends = !source;
		if (ends)
			break;
		depth++;
		remote |= strcmp(type, "network") == 0;
		stated &= *xml_attr_text(xml_child(hop, "format"), "type") != '\0';
		domain_add_option(f, hop,
				  domain_text(f, "backing/%s/%lld", disk->disk, (long long)depth),
				  source_path(f, type, source));
		hop = xml_child(hop, "backingStore");
	}
	/* A chain that just stops may go on in the last image's own header. */
	if (ends || depth > 0)
		disk->backing_depth = FACT_INT(depth);
	if (ends || remote)
		disk->backing_remote = FACT_BOOL(remote);
	if (ends || depth > 0)
		disk->backing_format_stated = FACT_BOOL(stated);
}

/* Names that mean the same device after the next boot; sdb may be another disk by then. */
static bool is_stable_name(const char *path)
{
	static const char *const fleeting[] = {"disk/", "block/", "char/", "bus/",
					       "shm/",	"pts/",	  "fd/",   "vfio/"};

	if (rf_starts(path, "/dev/disk/by-") || rf_starts(path, "/dev/mapper/"))
		return true;
	if (!rf_starts(path, "/dev/") || !strchr(path + 5, '/'))
		return false;
	for (size_t i = 0; i < RF_COUNT(fleeting); i++) {
		if (rf_starts(path + 5, fleeting[i]))
			return false;
	}
	return true; /* /dev/VG/LV, /dev/zvol/..., /dev/rbd/POOL/IMAGE */
}

static void read_source(struct domain_facts *f, struct fact_vm_disk *disk,
			const struct xml_node *at)
{
	const struct xml_node *source = xml_child(at, "source");
	const char *type = xml_attr_text(at, "type");
	const char *protocol = xml_attr_text(source, "protocol");

	if (!*type)
		type = "file";
	disk->path = source_path(f, type, source);
	disk->pool = strcmp(type, "volume") == 0 ? xml_attr_text(source, "pool") : "";
	disk->medium = FACT_BOOL(*disk->path);
	disk->kind = *disk->path ? type : "none";
	disk->encrypted = FACT_BOOL(is_encrypted(at, source));
	disk->auth = FACT_BOOL(xml_child(at, "auth") || xml_child(source, "auth"));
	disk->tls = FACT_BOOL(xml_attr_is(source, "tls", "yes") || strcmp(protocol, "https") == 0 ||
			      strcmp(protocol, "ftps") == 0);
	disk->reservations = FACT_BOOL(xml_child(source, "reservations"));
	disk->stable_name =
		FACT_BOOL(strcmp(disk->kind, "block") == 0 && is_stable_name(disk->path));
}

static bool is_drive(const char *device)
{
	return strcmp(device, "cdrom") == 0 || strcmp(device, "floppy") == 0;
}

/* The bus libvirt guesses from the target's name (virDiskNameToBusDeviceIndex). */
static const char *bus_of(const struct xml_node *target, const char *dev)
{
	static const struct {
		const char *prefix, *bus;
	} guesses[] = {{"hd", "ide"},  {"sd", "scsi"}, {"vd", "virtio"},
		       {"xvd", "xen"}, {"fd", "fdc"},  {"ubd", "uml"}};

	if (xml_attr(target, "bus"))
		return xml_attr(target, "bus");
	for (size_t i = 0; i < RF_COUNT(guesses); i++) {
		if (rf_starts(dev, guesses[i].prefix))
			return guesses[i].bus;
	}
	return "";
}

void domain_read_disk(struct domain_facts *f, const struct xml_node *at)
{
	size_t index = f->disks.count;
	struct fact_vm_disk *disk = domain_add_disk(f, at);
	const struct xml_node *driver = xml_child(at, "driver");
	const struct xml_node *target = xml_child(at, "target");

	if (!disk)
		return;
	disk->disk = xml_attr_text(target, "dev");
	disk->bus = bus_of(target, disk->disk);
	/* Without a target libvirt refuses the VM; the facts are still worth having. */
	if (!*disk->disk)
		disk->disk = domain_text(f, "disk%zu", index);
	disk->device = *xml_attr_text(at, "device") ? xml_attr_text(at, "device") : "disk";
	read_source(f, disk, at);
	disk->format = xml_attr_text(driver, "type");
	disk->format_stated = FACT_BOOL(*disk->format);
	/* A CD-ROM drive is read-only whether or not the definition says so. */
	disk->readonly = FACT_BOOL(xml_child(at, "readonly") || strcmp(disk->device, "cdrom") == 0);
	disk->shareable = FACT_BOOL(xml_child(at, "shareable"));
	disk->transient = FACT_BOOL(xml_child(at, "transient"));
	disk->mode = "";
	disk->cache = xml_attr_text(driver, "cache");
	disk->discard = xml_attr_text(driver, "discard");
	disk->error_policy = xml_attr_text(driver, "error_policy");
	disk->rawio = FACT_BOOL(xml_attr_is(at, "rawio", "yes"));
	disk->sgio = xml_attr_text(at, "sgio");
	disk->limited = FACT_BOOL(is_limited(at));
	disk->limits = read_limits(f, at);
	disk->connected = FACT_INT(1);
	read_backing(f, disk, at);
	/* Raw data has nothing below it, and neither has an empty drive. */
	if (!disk->backing_depth.known &&
	    (strcmp(disk->format, "raw") == 0 || !*disk->path || is_drive(disk->device))) {
		disk->backing_depth = FACT_INT(0);
		disk->backing_remote = FACT_INT(0);
		disk->backing_format_stated = FACT_INT(1);
	}
}
