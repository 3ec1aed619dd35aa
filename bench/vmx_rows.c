/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One .vmx from memory to fact rows, again and again: the parser and its facts alone, no file read,
 * no process, no store. Prints files a second of CPU time, and rows each.
 */
#include <stdio.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "collect/vmx.h"
#include "collect/vmx_facts.h"
#include "model/fact.h"

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int count_row(struct fact_sink *sink, const struct fact_table *table, const void *row)
{
	(void)sink;
	(void)table;
	(void)row;
	return 0;
}

static int one(struct rf_slice file, struct fact_sink *sink)
{
	VMX_AUTO struct vmx vmx = {0};
	RF_AUTOBUF struct rf_buf text = {0};
	struct vmx_snapshots snapshots = {0};
	enum vmx_encoding result;
	struct vmx_vm vm;
	char name[64];

	if (rf_buf_add(&text, file.data, file.len) ||
	    vmx_to_utf8(&text, name, sizeof(name), &result) ||
	    vmx_parse(&vmx, (char *)text.data, text.len, NULL))
		return -1;
	vmx_vm_init(&vm, sink, &vmx, "/vm/bench.vmx");
	vmx_facts(&vm, &snapshots);
	return 0;
}

int main(int argc, char **argv)
{
	static uint8_t bytes[1 << 20];
	struct fact_sink sink = {.put = count_row, .host = "h"};
	FILE *in = argc > 1 ? fopen(argv[1], "rb") : NULL;
	const unsigned rounds = 20000;

	if (!in) {
		fprintf(stderr, "usage: vmx_rows FILE.vmx\n");
		return 64;
	}
	struct rf_slice file = {bytes, fread(bytes, 1, sizeof(bytes), in)};

	fclose(in);
	double start = cpu_s();

	for (unsigned i = 0; i < rounds; i++) {
		if (one(file, &sink)) {
			fprintf(stderr, "%s: not a .vmx\n", argv[1]);
			return 1;
		}
	}
	printf("%.0f %.1f\n", rounds / (cpu_s() - start), (double)sink.rows_count / rounds);
	return 0;
}
