/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pure: the services that a restricted VM may still use, as people write them: "dhcp",
 * "10.0.0.53:udp/53", "[2001:db8::1]:tcp/22", "10.0.0.5" (all of one peer). Source: RFC 2131, 8415
 * (ports), RFC 5952 (brackets).
 */
#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "isolate/guard/internal.h"

static const struct {
	uint16_t port;
	uint8_t family;
} DHCP[] = {{67, 4}, {547, 6}};

static int service_put(struct guard_port *port, const struct guard_service *one)
{
	for (unsigned i = 0; i < port->n_services; i++)
		if (memcmp(&port->services[i], one, sizeof(*one)) == 0)
			return RF_E_DUPLICATE;
	if (port->n_services >= GUARD_SERVICES)
		return RF_E_LIMIT;
	port->services[port->n_services++] = *one;
	return 0;
}

static int address_read(const char *text, struct guard_service *out)
{
	uint8_t *bytes = (uint8_t *)out->address;

	if (inet_pton(AF_INET, text, bytes + 12) == 1)
		out->family = 4;
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		out->family = 6;
	/* All zero means any: nobody gets that by writing 0.0.0.0. */
	return out->family && (out->address[0] || out->address[1]) ? 0 : RF_E_SYNTAX;
}

/* "udp/53" */
static int port_read(const char *text, struct guard_service *out)
{
	int64_t n;

	if (rf_starts(text, "tcp/"))
		out->protocol = IPPROTO_TCP;
	else if (rf_starts(text, "udp/"))
		out->protocol = IPPROTO_UDP;
	else
		return RF_E_SYNTAX;
	if (rf_num(text + 4, 10, 1, UINT16_MAX, &n) != 0)
		return RF_E_SYNTAX;
	out->port = htons((uint16_t)n);
	return 0;
}

static int service_read(char *text, struct guard_service *out)
{
	char *address = text, *rest;

	if (text[0] == '[') {
		address = text + 1;
		rest = strchr(address, ']');
		if (!rest)
			return RF_E_SYNTAX;
		*rest++ = '\0';
		if (*rest && *rest != ':')
			return RF_E_SYNTAX;
		rest = *rest ? rest + 1 : NULL;
	} else {
		rest = strchr(text, '.') ? strchr(text, ':') : NULL;
		if (rest)
			*rest++ = '\0';
	}
	int rc = address_read(address, out);

	return rc || !rest ? rc : port_read(rest, out);
}

int guard_service_add(struct guard_port *port, const char *text, struct rf_err *err)
{
	struct guard_port with = *port;
	struct guard_service one = {0};
	char copy[INET6_ADDRSTRLEN + 16];
	int rc = 0;

	if (strcmp(text, "dhcp") == 0) {
		for (size_t i = 0; rc == 0 && i < RF_COUNT(DHCP); i++)
			rc = service_put(&with, &(struct guard_service){.port = htons(DHCP[i].port),
									.protocol = IPPROTO_UDP,
									.family = DHCP[i].family});
	} else {
		rc = rf_copy(copy, sizeof(copy), text) ? service_read(copy, &one) : RF_E_SYNTAX;
		if (!rc)
			rc = service_put(&with, &one);
	}
	if (rc == RF_E_LIMIT)
		return rf_fail(err, rc, "%s: at most %u services", text, GUARD_SERVICES);
	if (rc)
		return rf_fail(err, rc,
			       "\"%s\" is no service: dhcp, 10.0.0.53:udp/53, "
			       "[2001:db8::1]:tcp/22 or 10.0.0.5 (%s)",
			       text, rf_code_text(rc));
	*port = with;
	return 0;
}

void guard_service_words(const struct guard_service *service, struct rf_buf *out)
{
	const uint8_t *bytes = (const uint8_t *)service->address;
	char address[INET6_ADDRSTRLEN] = "any";
	bool six = service->family == 6;

	if (service->address[0] || service->address[1])
		(void)inet_ntop(six ? AF_INET6 : AF_INET, six ? bytes : bytes + 12, address,
				sizeof(address));
	rf_buf_printf(out, six ? "[%s]" : "%s", address);
	if (service->port)
		rf_buf_printf(out, ":%s/%u", service->protocol == IPPROTO_TCP ? "tcp" : "udp",
			      ntohs(service->port));
}
