/* SPDX-License-Identifier: Apache-2.0 */
/* What rpm says is installed: its SQLite database, read through the seam. */
#ifndef RF_COLLECT_RPM_H
#define RF_COLLECT_RPM_H

#include "base/buf.h"
#include "model/fact.h"
#include "sys/sys.h"

/* What is wanted of a package's header; texts are borrowed from it. */
struct rpm_package {
	const char *name, *version, *release, *arch, *source_rpm, *vendor;
	int64_t epoch; /* -1 when there is none */
};

/* Reads one header as the database holds it (without magic). 0, RF_E_TRUNCATED or RF_E_SYNTAX. */
int rpm_header_parse(struct rf_slice header, struct rpm_package *out) RF_MUST_CHECK;

/* Rows of package; a gap when the database is of a kind that is not read here. 0 or why not. */
int rpm_packages_put(struct sys *sys, struct fact_sink *out, struct rf_err *err) RF_MUST_CHECK;

/* The upstream version of one package in out; false when it is not installed or not known. */
bool rpm_version(struct sys *sys, const char *name, char *out, size_t size);

#endif
