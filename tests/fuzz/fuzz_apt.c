/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a Packages list, as a Release file and as a header of rpm. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "collect/apt.h"
#include "collect/rpm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool wanted(void *ctx, const char *name)
{
	(void)ctx;
	return name[0] != 'x';
}

static void take(void *ctx, const struct apt_offer *offer)
{
	const struct rf_slice *whole = ctx;

	/* What is handed out lies within the text. */
	if (offer->version.data < whole->data ||
	    offer->version.data + offer->version.len > whole->data + whole->len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOFREE char *text = rf_strndup((const char *)data, size);
	struct rf_slice whole = {data, size};
	struct apt_release release;
	struct rpm_package package;

	if (!text)
		return 0;
	apt_packages_walk((const char *)data, size, wanted, take, &whole);
	apt_release_parse(text, &release);
	if (rpm_header_parse(whole, &package) == 0 && (!package.name || !package.version))
		abort();
	return 0;
}
