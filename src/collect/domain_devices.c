/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything else below <devices>: one row of the table `kinds` for each element that becomes a
 * vm_device row. Source: libvirt's formatdomain of 9.0 and domaincommon.rng.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/domain.h"

const char *domain_chardev_path(struct domain_facts *f, const struct xml_node *at)
{
	const struct xml_node *source = xml_child(at, "source");
	const char *type = xml_attr_text(at, "type");

	/* A UDP device has two sources; the one it listens on matters. */
	for (const struct xml_node *n = source; n; n = xml_next(n, "source")) {
		if (xml_attr_is(n, "mode", "bind"))
			source = n;
	}
	if (strcmp(type, "tcp") == 0 || strcmp(type, "udp") == 0)
		return domain_text(f, "%s:%s", xml_attr_text(source, "host"),
				   xml_attr_text(source, "service"));
	if (strcmp(type, "spiceport") == 0 || strcmp(type, "dbus") == 0)
		return xml_attr_text(source, "channel");
	if (strcmp(type, "nmdm") == 0)
		return xml_attr_text(source, "master");
	return xml_attr_text(source, "path");
}

static void read_chardev(struct domain_facts *f, struct fact_vm_device *d,
			 const struct xml_node *at)
{
	const struct xml_node *source = xml_child(at, "source");
	const char *protocol = xml_attr_text(xml_child(at, "protocol"), "type");

	d->backend = xml_attr_text(at, "type");
	d->path = domain_chardev_path(f, at);
	d->model = xml_attr_text(xml_child(at, "target"), "type");
	d->log_path = xml_attr_text(xml_child(at, "log"), "file");
	if (strcmp(d->backend, "tcp") == 0)
		d->detail = domain_text(f, "%s, %s%s", xml_attr_text(source, "mode"),
					*protocol ? protocol : "raw",
					xml_attr_is(source, "tls", "yes") ? ", TLS" : "");
	if (xml_is(at, "redirdev"))
		d->model = xml_attr_text(at, "bus");
	if (xml_is(at, "smartcard")) {
		d->model = "";
		d->backend = xml_attr_text(at, "mode");
		d->detail = xml_attr_text(at, "type");
	}
}

static const char *pci_text(struct domain_facts *f, const struct xml_node *a)
{
	int64_t part[4] = {0};
	static const char *const names[] = {"domain", "bus", "slot", "function"};

	for (size_t i = 0; i < RF_COUNT(names); i++) {
		if (rf_num(xml_attr_text(a, names[i]), 0, 0, 0xffff, &part[i]) < 0)
			part[i] = 0;
	}
	return domain_text(f, "%04x:%02x:%02x.%x", (unsigned int)part[0], (unsigned int)part[1],
			   (unsigned int)part[2], (unsigned int)part[3]);
}

static const char *scsi_text(struct domain_facts *f, const struct xml_node *source)
{
	const struct xml_node *a = xml_child(source, "address");

	if (xml_attr(source, "protocol"))
		return domain_text(f, "%s://%s/%s", xml_attr_text(source, "protocol"),
				   xml_attr_text(xml_child(source, "host"), "name"),
				   xml_attr_text(source, "name"));
	if (xml_attr(source, "wwpn"))
		return xml_attr(source, "wwpn");
	return domain_text(f, "%s:%s:%s:%s", xml_attr_text(xml_child(source, "adapter"), "name"),
			   xml_attr_text(a, "bus"), xml_attr_text(a, "target"),
			   xml_attr_text(a, "unit"));
}

static const char *usb_text(struct domain_facts *f, const struct xml_node *source)
{
	const struct xml_node *vendor = xml_child(source, "vendor"),
			      *a = xml_child(source, "address");

	if (vendor)
		return domain_text(f, "%s:%s", xml_attr_text(vendor, "id"),
				   xml_attr_text(xml_child(source, "product"), "id"));
	return domain_text(f, "bus %s device %s", xml_attr_text(a, "bus"),
			   xml_attr_text(a, "device"));
}

static void read_hostdev(struct domain_facts *f, struct fact_vm_device *d,
			 const struct xml_node *at)
{
	const struct xml_node *source = xml_child(at, "source");
	const struct xml_node *address = xml_child(source, "address");

	d->backend = xml_attr_text(at, "type");
	d->model = xml_attr_text(at, "model");
	d->readonly = FACT_BOOL(xml_child(at, "readonly"));
	if (xml_attr_is(at, "mode", "capabilities"))
		d->path = source && source->child ? source->child->text : "";
	else if (strcmp(d->backend, "pci") == 0)
		d->path = pci_text(f, address);
	else if (strcmp(d->backend, "usb") == 0)
		d->path = usb_text(f, source);
	else if (strcmp(d->backend, "mdev") == 0)
		d->path = xml_attr_text(address, "uuid");
	else
		d->path = scsi_text(f, source);
	d->detail = domain_text(f, "mode %s, managed %s%s", xml_attr_text(at, "mode"),
				xml_attr_is(at, "managed", "yes") ? "yes" : "no",
				xml_attr_is(at, "rawio", "yes") ? ", rawio" : "");
}

static void read_filesystem(struct domain_facts *f, struct fact_vm_device *d,
			    const struct xml_node *at)
{
	static const char *const attrs[] = {"dir", "file", "dev", "name", "socket", "pool"};
	const struct xml_node *source = xml_child(at, "source");
	const char *driver = xml_attr_text(xml_child(at, "driver"), "type");
	const char *type = xml_attr_text(at, "type");

	d->model = xml_attr_text(at, "model");
	d->backend = strcmp(driver, "virtiofs") == 0 ? driver : *type ? type : "mount";
	for (size_t i = 0; i < RF_COUNT(attrs) && !*d->path; i++)
		d->path = xml_attr_text(source, attrs[i]);
	d->readonly = FACT_BOOL(xml_child(at, "readonly"));
	d->access_mode = xml_attr_text(at, "accessmode");
	if (!*d->access_mode)
		d->access_mode = "passthrough";
	d->detail = domain_text(f, "seen as %s", xml_attr_text(xml_child(at, "target"), "dir"));
}

/* A hub, a sound card, a video adapter ... whose kind of model stands in an attribute. */
static void read_plain(struct domain_facts *f, struct fact_vm_device *d, const struct xml_node *at)
{
	d->model = xml_attr_text(at, "model");
	if (!*d->model)
		d->model = xml_attr_text(at, "type");
	if (xml_attr(at, "action"))
		d->detail = domain_text(f, "action %s", xml_attr_text(at, "action"));
}

static void read_audio(struct domain_facts *f, struct fact_vm_device *d, const struct xml_node *at)
{
	(void)f;
	d->backend = xml_attr_text(at, "type");
	d->path = xml_attr_text(at, "serverName");
	if (!*d->path)
		d->path = xml_attr_text(at, "path");
}

static void read_shmem(struct domain_facts *f, struct fact_vm_device *d, const struct xml_node *at)
{
	const struct xml_node *server = xml_child(at, "server");

	f->vm.shmem_count.v++;
	d->model = xml_attr_text(xml_child(at, "model"), "type");
	d->backend = server ? "server" : "";
	d->path = xml_attr_text(server, "path");
	if (!*d->path)
		d->path = xml_attr_text(at, "name");
	d->access_mode = xml_attr_text(at, "role");
}

static void read_vsock(struct domain_facts *f, struct fact_vm_device *d, const struct xml_node *at)
{
	const struct xml_node *cid = xml_child(at, "cid");

	f->vm.vsock = FACT_INT(1);
	d->model = xml_attr_text(at, "model");
	d->detail = xml_attr_is(cid, "auto", "yes")
			    ? "address chosen at start"
			    : domain_text(f, "address %s", xml_attr_text(cid, "address"));
}

static void read_input(struct domain_facts *f, struct fact_vm_device *d, const struct xml_node *at)
{
	const struct xml_node *source = xml_child(at, "source");

	(void)f;
	d->model = xml_attr_text(at, "type");
	d->backend = strcmp(d->model, "passthrough") == 0 || strcmp(d->model, "evdev") == 0
			     ? d->model
			     : xml_attr_text(at, "bus");
	d->path = xml_attr_text(source, "evdev");
	if (!*d->path)
		d->path = xml_attr_text(source, "dev");
}

static void read_video(struct domain_facts *f, struct fact_vm_device *d, const struct xml_node *at)
{
	const struct xml_node *model = xml_child(at, "model");
	const struct xml_node *accel = xml_child(model, "acceleration");
	const char *render = xml_attr_text(accel, "rendernode");

	d->model = xml_attr_text(model, "type");
	d->accel3d = FACT_BOOL(xml_attr_is(accel, "accel3d", "yes"));
	d->backend = xml_attr_text(xml_child(at, "driver"), "name");
	if (!*render)
		render = xml_attr_text(xml_child(at, "driver"), "rendernode");
	d->path = render;
	if (*xml_attr_text(model, "heads"))
		d->detail = domain_text(f, "heads %s", xml_attr_text(model, "heads"));
}

static void read_rng(struct domain_facts *f, struct fact_vm_device *d, const struct xml_node *at)
{
	const struct xml_node *backend = xml_child(at, "backend"), *rate = xml_child(at, "rate");
	bool bounded = rate && *xml_attr_text(rate, "bytes");

	if (!bounded)
		f->vm.rng_unbounded = FACT_INT(1);
	d->model = xml_attr_text(at, "model");
	d->backend = xml_attr_text(backend, "model");
	d->path = *xml_text(backend, "") ? backend->text : domain_chardev_path(f, backend);
	d->detail = bounded ? domain_text(f, "%s bytes per %s ms", xml_attr_text(rate, "bytes"),
					  *xml_attr_text(rate, "period") ? xml_attr(rate, "period")
									 : "1000")
			    : "no rate limit";
}

static void read_tpm_device(struct domain_facts *f, struct fact_vm_device *d,
			    const struct xml_node *at)
{
	const struct xml_node *backend = xml_child(at, "backend");

	(void)f;
	d->model = xml_attr_text(at, "model");
	d->backend = xml_attr_text(backend, "type");
	d->path = xml_attr_text(xml_child(backend, "device"), "path");
	if (!*d->path)
		d->path = xml_attr_text(xml_child(backend, "source"), "path");
}

static void read_memory_device(struct domain_facts *f, struct fact_vm_device *d,
			       const struct xml_node *at)
{
	const struct xml_node *size = xml_child(xml_child(at, "target"), "size");

	d->model = xml_attr_text(at, "model");
	d->path = xml_text(at, "source/path");
	d->access_mode = xml_attr_text(at, "access");
	if (size)
		d->detail =
			domain_text(f, "%s %s", size->text,
				    *xml_attr_text(size, "unit") ? xml_attr(size, "unit") : "KiB");
}

static void read_root_port(struct domain_facts *f, struct fact_vm_device *d,
			   const struct xml_node *at)
{
	d->model = xml_attr_text(xml_child(at, "model"), "name");
	d->hotplug = FACT_BOOL(!xml_attr_is(xml_child(at, "target"), "hotplug", "off"));
	d->detail = domain_text(f, "bus %s", xml_attr_text(at, "index"));
}

static const struct device_kind {
	const char *element,
		*type; /* type: the attribute `type` (controller) or `model`; NULL: any */
	const char *type_attr;
	const char *kind, *prefix;
	void (*read)(struct domain_facts *f, struct fact_vm_device *d, const struct xml_node *at);
} kinds[] = {
	{"serial", NULL, NULL, "serial", "serial", read_chardev},
	{"console", NULL, NULL, "console", "console", read_chardev},
	{"parallel", NULL, NULL, "parallel", "parallel", read_chardev},
	{"redirdev", NULL, NULL, "redirdev", "redir", read_chardev},
	{"smartcard", NULL, NULL, "smartcard", "smartcard", read_chardev},
	{"hostdev", NULL, NULL, "hostdev", "hostdev", read_hostdev},
	{"controller", "usb", "type", "usb_controller", "usb", read_plain},
	{"controller", "pcie-root-port", "model", "pci_root_port", "rootport", read_root_port},
	{"hub", NULL, NULL, "hub", "hub", read_plain},
	{"sound", NULL, NULL, "sound", "sound", read_plain},
	{"audio", NULL, NULL, "audio", "audio", read_audio},
	{"shmem", NULL, NULL, "shmem", "shmem", read_shmem},
	{"filesystem", NULL, NULL, "filesystem", "fs", read_filesystem},
	{"vsock", NULL, NULL, "vsock", "vsock", read_vsock},
	{"input", NULL, NULL, "input", "input", read_input},
	{"video", NULL, NULL, "video", "video", read_video},
	{"watchdog", NULL, NULL, "watchdog", "watchdog", read_plain},
	{"rng", NULL, NULL, "rng", "rng", read_rng},
	{"tpm", NULL, NULL, "tpm", "tpm", read_tpm_device},
	{"memory", NULL, NULL, "memory", "memory", read_memory_device},
	{"panic", NULL, NULL, "panic", "panic", read_plain},
	{"iommu", NULL, NULL, "iommu", "iommu", read_plain},
};

static const struct device_kind *kind_of(const struct xml_node *at)
{
	for (size_t i = 0; i < RF_COUNT(kinds); i++) {
		if (strcmp(at->name, kinds[i].element) == 0 &&
		    (!kinds[i].type || xml_attr_is(at, kinds[i].type_attr, kinds[i].type)))
			return &kinds[i];
	}
	return NULL;
}

void domain_read_device(struct domain_facts *f, const struct xml_node *at)
{
	const struct device_kind *kind = kind_of(at);
	size_t index = 0;

	if (!kind)
		return;
	for (size_t i = 0; i < f->devices.count; i++)
		index += f->devices.rows[i].kind == kind->kind;
	struct fact_vm_device *d = domain_add_device(f, at);

	if (!d)
		return;
	d->device = domain_text(f, "%s%zu", kind->prefix, index);
	d->kind = kind->kind;
	d->model = d->backend = d->path = d->access_mode = d->log_path = d->detail = "";
	d->connected = FACT_INT(1);
	kind->read(f, d, at);
}
