/* SPDX-License-Identifier: Apache-2.0 */
/* The promises of rules of nft, a row for each. See nft_promises.h. */
#include "isolate/nft_promises.h"

#include <errno.h>

#include "base/mem.h"
#include "base/str.h"

static const struct {
	const char *what;
	uint32_t unless; /* flags with which the policy promises it not */
	uint32_t only;	 /* and without which */
} rows[] = {
	{"it sends from its own MAC addresses only", GUARD_MAC_CHANGE},
	{"it sends nothing more once it sent from another one", GUARD_MAC_CHANGE,
	 GUARD_BLOCK_ON_CHANGE},
	{"it sends no frames that are too long, but of TCP and UDP", 0},
	{"it answers ARP and neighbour discovery for itself only", GUARD_ANY_V4 | GUARD_ANY_V6},
	{"it sends from its own IPv4 addresses only", GUARD_ANY_V4},
	{"it sends from its own IPv6 addresses only", GUARD_ANY_V6},
	{"it is no DHCP server", GUARD_DHCP_SERVER},
	{"it is no router: no advertisements, no redirects", GUARD_ROUTER},
	{"it sends no VLAN tags but those listed, no link control, no other protocols", 0},
	{"it gets what is for it only", GUARD_PROMISCUOUS},
	{"it exchanges frames with the zones of its row only", 0},
};

static enum promise_answer answer(bool yes)
{
	return yes ? PROMISE_YES : PROMISE_NO;
}

static int row_add(const struct nft_seen *seen, const char *what, bool held,
		   struct isolate_promises *out)
{
	struct isolate_promise p = {.configured = answer(seen->as_wanted),
				    .enforced = answer(seen->whole && held),
				    .proven = PROMISE_NOT_ASKED};

	rf_copy(p.subject, sizeof(p.subject), seen->subject);
	rf_copy(p.what, sizeof(p.what), what);
	if (!held)
		rf_copy(p.evidence, sizeof(p.evidence),
			"nft does not do it, and BPF is forbidden here");
	else if (!seen->whole)
		rf_copy(p.evidence, sizeof(p.evidence),
			"somebody altered the rules of nft: ringfence isolate apply puts them back");
	else
		rf_format(p.evidence, sizeof(p.evidence),
			  "table bridge " FALLBACK_TABLE ": %u rules read back, as made; rules of "
			  "nft cannot be asked about a frame",
			  seen->rules);
	return isolate_promise_add(out, &p);
}

int nft_promises(const struct nft_seen *seen, struct isolate_promises *out)
{
	const char *lacking;
	bool away = seen->port->redirect_ifindex, judged = seen->port->mode == GUARD_MODE_ENFORCE;
	int rc = 0;

	if (away)
		rc = row_add(
			seen,
			"all that it sends goes to its honeywall, and nothing else comes to it",
			true, out);
	if (!rc && seen->port->mirror_ifindex)
		rc = row_add(seen, "what it sends and gets is copied to a recorder", true, out);
	for (size_t i = 0; !away && judged && rc == 0 && i < RF_COUNT(rows); i++) {
		if ((seen->port->flags & rows[i].unless) == 0 &&
		    (seen->port->flags & rows[i].only) == rows[i].only)
			rc = row_add(seen, rows[i].what, true, out);
	}
	if (!rc && seen->port->mode == GUARD_MODE_DENY)
		rc = row_add(seen, "nothing passes", true, out);
	if (!rc && judged && !away && (seen->port->pps || seen->port->flood_pps))
		rc = row_add(seen, "it sends at most so many frames a second", true, out);
	for (size_t n = 0; rc == 0 && (lacking = fallback_lacks(seen->port, n)); n++)
		rc = row_add(seen, lacking, false, out);
	return rc;
}

void nft_note(enum guard_means means, bool nft_holds, const char *why, char out[NFT_NOTE_BYTES])
{
	out[0] = '\0';
	switch (means) {
	case GUARD_MEANS_BPF:
		if (nft_holds)
			rf_format(out, NFT_NOTE_BYTES,
				  "BPF may be used again: rules of nft guard until `ringfence "
				  "isolate apply` puts its programs in their place");
		return;
	case GUARD_MEANS_KEPT:
		rf_format(out, NFT_NOTE_BYTES, "%.400s", why);
		return;
	case GUARD_MEANS_NFT:
		rf_format(out, NFT_NOTE_BYTES,
			  "%.110s. nft guards instead: MAC, ARP, IP, ND, DHCP, RA, destination, "
			  "zones, tags of a VM's own, rates, uplinks, strict and birth hold. "
			  "Not: " NFT_LACKS,
			  why);
		return;
	case GUARD_MEANS_NONE:
		rf_format(out, NFT_NOTE_BYTES, "%.400s. Until then no port is changed", why);
		return;
	}
}
