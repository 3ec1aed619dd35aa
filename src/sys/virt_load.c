/* SPDX-License-Identifier: Apache-2.0 */
/* Loading libvirt's libraries. See virt_load.h. Source: dlopen(3). */
#include "sys/virt_load.h"

#include <dlfcn.h>
#include <string.h>

int virt_load(const char *library, const struct virt_symbol *symbols, size_t count, void *api,
	      struct rf_err *err)
{
	/* Bound when called: binding all that libvirt stands on takes longer than one question to
	 * it.
	 */
	void *handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);

	if (!handle)
		return rf_fail(err, RF_E_UNSUPPORTED, "libvirt's library is not here (%s)",
			       dlerror());
	for (size_t i = 0; i < count; i++) {
		void *symbol = dlsym(handle, symbols[i].name);

		if (!symbol && symbols[i].required)
			return rf_fail(err, RF_E_UNSUPPORTED, "libvirt's library has no %s",
				       symbols[i].name);
		memcpy((char *)api + symbols[i].offset, &symbol, sizeof(symbol));
	}
	return 0;
}
