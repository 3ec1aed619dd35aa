/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways into a VM from outside its network: graphical consoles (<graphics>) and channels
 * (<channel>). Source: libvirt's formatdomain of 9.0.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "collect/domain.h"

/* Worst last: of several <listen> elements the widest one counts. */
static const char *const listen_ranks[] = {"none",    "socket",	 "loopback",  "default",
					   "network", "address", "everywhere"};

static size_t rank(const char *kind)
{
	size_t i = 0;

	while (i + 1 < RF_COUNT(listen_ranks) && strcmp(listen_ranks[i], kind) != 0)
		i++;
	return i;
}

static const char *address_kind(const char *address)
{
	static const char *const everywhere[] = {"0.0.0.0", "::", "*", "[::]", "0"};

	for (size_t i = 0; i < RF_COUNT(everywhere); i++) {
		if (strcmp(address, everywhere[i]) == 0)
			return "everywhere";
	}
	if (rf_starts(address, "127.") || strcmp(address, "::1") == 0 ||
	    strcmp(address, "[::1]") == 0 || rf_starts(address, "::ffff:127.") ||
	    rf_equal_nocase(address, "localhost"))
		return "loopback";
	return *address ? "address" : "default";
}

struct listening {
	const char *text, *kind;
};

static struct listening listen_of(struct domain_facts *f, const struct xml_node *at)
{
	const char *type = xml_attr_text(at, "type");
	const char *address = xml_attr_text(at, "address");

	if (strcmp(type, "none") == 0)
		return (struct listening){"none", "none"};
	if (strcmp(type, "socket") == 0)
		return (struct listening){xml_attr_text(at, "socket"), "socket"};
	if (strcmp(type, "network") == 0 && !*address)
		return (struct listening){
			domain_text(f, "network:%s", xml_attr_text(at, "network")), "network"};
	return (struct listening){address, address_kind(address)};
}

static void read_listen(struct domain_facts *f, struct fact_vm_console *c,
			const struct xml_node *at)
{
	static const char *const local[] = {"sdl", "desktop", "egl-headless", "dbus"};
	const char *address = xml_attr_text(at, "listen");
	const struct xml_node *n = xml_child(at, "listen");

	c->listen = address;
	c->listen_kind = address_kind(address);
	for (size_t i = 0; i < RF_COUNT(local); i++) {
		if (strcmp(c->kind, local[i]) == 0)
			c->listen = c->listen_kind = "none";
	}
	if (xml_attr(at, "socket")) {
		c->listen = xml_attr(at, "socket");
		c->listen_kind = "socket";
	}
	for (bool first = true; n; n = xml_next(n, "listen"), first = false) {
		struct listening l = listen_of(f, n);

		if (first || rank(l.kind) > rank(c->listen_kind)) {
			c->listen = l.text;
			c->listen_kind = l.kind;
		}
	}
}

/* -1: chosen at start. A running VM's definition holds the number that was chosen. */
static struct fact_int port_of(struct domain_facts *f, struct fact_vm_console *c,
			       const struct xml_node *at, const char *attr, int64_t absent)
{
	const char *text = xml_attr_text(at, attr);
	int64_t port;

	if (!*text)
		return FACT_INT(absent);
	if (rf_num(text, 10, -1, 65535, &port) < 0) {
		domain_gap(f, FACT_T_VM_CONSOLE, c->console, "port",
			   "'%.40s' is not a port; correct the definition", text);
		return (struct fact_int){0};
	}
	if (xml_attr_is(at, "autoport", "yes") && strcmp(f->src->layer, "live") != 0)
		port = -1;
	return FACT_INT(port);
}

static void read_spice(struct fact_vm_console *c, const struct xml_node *at)
{
	int64_t insecure = 0;

	c->clipboard = FACT_BOOL(!xml_attr_is(xml_child(at, "clipboard"), "copypaste", "no"));
	c->file_transfer = FACT_BOOL(!xml_attr_is(xml_child(at, "filetransfer"), "enable", "no"));
	c->default_mode = xml_attr_text(at, "defaultMode");
	for (const struct xml_node *n = xml_child(at, "channel"); n; n = xml_next(n, "channel"))
		insecure += xml_attr_is(n, "mode", "insecure") || xml_attr_is(n, "mode", "any");
	c->insecure_channels = FACT_INT(insecure);
}

/* The element of the definition that still has its passwords: the one at the same place. */
static const struct xml_node *with_secrets(struct domain_facts *f)
{
	const struct xml_node *n = xml_at(f->src->with_secrets, "devices/graphics");

	for (size_t i = 1; n && i < f->consoles.count; i++)
		n = xml_next(n, "graphics");
	return n;
}

static void read_password(struct domain_facts *f, struct fact_vm_console *c,
			  const struct xml_node *at)
{
	static const char *const cols[] = {"password_stored", "password_expires"};
	bool may_have = strcmp(c->kind, "vnc") == 0 || strcmp(c->kind, "spice") == 0;

	if (f->src->without_secrets && may_have && !xml_attr(at, "passwd"))
		at = with_secrets(f);
	if (at) {
		c->password_stored = FACT_BOOL(xml_attr(at, "passwd"));
		c->password_expires = FACT_BOOL(xml_attr(at, "passwdValidTo"));
		return;
	}
	for (size_t i = 0; i < RF_COUNT(cols); i++)
		domain_gap(f, FACT_T_VM_CONSOLE, c->console, cols[i],
			   "libvirt does not hand out passwords, and its own file of this VM below "
			   "/etc/libvirt/qemu or /run/libvirt/qemu could not be read; run as root");
}

void domain_read_console(struct domain_facts *f, const struct xml_node *at)
{
	const char *kind = xml_attr_text(at, "type");
	size_t index = 0;
	struct fact_vm_console *c;

	for (size_t i = 0; i < f->consoles.count; i++)
		index += strcmp(f->consoles.rows[i].kind, kind) == 0;
	c = domain_add_console(f, at);
	if (!c)
		return;
	bool network =
		strcmp(kind, "vnc") == 0 || strcmp(kind, "spice") == 0 || strcmp(kind, "rdp") == 0;

	c->console = domain_text(f, "%s%zu", kind, index);
	c->kind = kind;
	read_listen(f, c, at);
	/* Without port and autoport libvirt chooses; a socket or no listener has no port. */
	bool tcp = network && strcmp(c->listen_kind, "socket") != 0 &&
		   strcmp(c->listen_kind, "none") != 0;

	c->port = port_of(f, c, at, "port", tcp ? -1 : 0);
	c->tls_port = port_of(f, c, at, "tlsPort", 0);
	read_password(f, c, at);
	c->share_policy = xml_attr_text(at, "sharePolicy");
	c->clipboard = c->file_transfer = c->insecure_channels = FACT_INT(0);
	c->default_mode = "";
	if (strcmp(kind, "spice") == 0)
		read_spice(c, at);
	c->gl = FACT_BOOL(xml_attr_is(xml_child(at, "gl"), "enable", "yes") ||
			  *xml_attr_text(xml_child(at, "gl"), "rendernode") ||
			  strcmp(kind, "egl-headless") == 0);
	if (xml_attr(at, "websocket"))
		domain_add_option(f, at, domain_text(f, "graphics/%s/websocket", c->console),
				  xml_attr(at, "websocket"));
}

void domain_read_channel(struct domain_facts *f, const struct xml_node *at)
{
	size_t index = f->channels.count;
	struct fact_vm_channel *c = domain_add_channel(f, at);
	const struct xml_node *target = xml_child(at, "target");
	const struct xml_node *clipboard = xml_at(at, "source/clipboard");

	if (!c)
		return;
	c->channel = domain_text(f, "channel%zu", index);
	c->kind = xml_attr_text(at, "type");
	c->name = xml_attr_text(target, "name");
	if (!*c->name && xml_attr(target, "address"))
		c->name = domain_text(f, "%s:%s", xml_attr_text(target, "address"),
				      xml_attr_text(target, "port"));
	c->path = domain_chardev_path(f, at);
	c->clipboard = FACT_BOOL(strcmp(c->kind, "qemu-vdagent") == 0 &&
				 xml_attr_is(clipboard, "copypaste", "yes"));
}
