/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over the files of a corpus folder, so that the ordinary suite covers it. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
	FILE *f = fopen(path, "rb");

	if (!f)
		return -1;
	fseek(f, 0, SEEK_END);
	long size = ftell(f);
	rewind(f);
	uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
	size_t n = data ? fread(data, 1, size > 0 ? (size_t)size : 0, f) : 0;

	fclose(f);
	if (data)
		LLVMFuzzerTestOneInput(data, n);
	free(data);
	return data ? 0 : -1;
}

int main(int argc, char **argv)
{
	int count = 0;
	DIR *dir = argc > 1 ? opendir(argv[1]) : NULL;

	if (!dir) {
		fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
		return 1;
	}
	for (struct dirent *e; (e = readdir(dir));) {
		char path[4096];

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
		if (run_file(path) == 0)
			count++;
	}
	closedir(dir);
	printf("%d corpus files run\n", count);
	/* An empty corpus would be a test that cannot fail. */
	return count > 0 ? 0 : 1;
}
