/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a PAM service file, through a directory host, and as settings of a conf file. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "collect/pam.h"
#include "collect/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *ctx, const struct util_setting *s)
{
	*(size_t *)ctx += s->line;
}

static char dir[] = "/tmp/rf-fuzz-XXXXXX";

static void clean_up(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	if (system(command) != 0)
		fprintf(stderr, "%s is left behind\n", dir);
}

/* One directory host for all inputs of a run. */
static struct sys *host(char *path, size_t path_size)
{
	static struct sys *sys;
	char sub[64];

	if (!sys) {
		if (!mkdtemp(dir) || atexit(clean_up) != 0)
			abort();
		snprintf(sub, sizeof(sub), "%s/etc", dir);
		mkdir(sub, 0755);
		snprintf(sub, sizeof(sub), "%s/etc/pam.d", dir);
		mkdir(sub, 0755);
		if (sys_open_dir(dir, &sys, NULL) < 0)
			abort();
	}
	snprintf(path, path_size, "%s/etc/pam.d/self", dir);
	return sys;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RF_AUTOFREE char *text = rf_strndup((const char *)data, size);
	PAM_AUTOSTACK struct pam_stack stack = {0};
	char path[64];
	struct sys *sys = host(path, sizeof(path));
	size_t lines = 0;
	FILE *f = fopen(path, "wb");

	if (!f)
		abort();
	fwrite(data, 1, size, f);
	fclose(f);
	if (pam_stack_load(sys, "self", &stack) == 0 && stack.count > PAM_MAX_RULES)
		abort();
	if (text)
		util_settings_walk(text, "f", "#;", true, ignore, &lines);
	return 0;
}
