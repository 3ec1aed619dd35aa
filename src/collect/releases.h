/* SPDX-License-Identifier: Apache-2.0 */
/* How long releases of distributions get security updates. */
#ifndef RF_COLLECT_RELEASES_H
#define RF_COLLECT_RELEASES_H

/*
 * The last day of security support (YYYY-MM-DD) of ID and VERSION_ID of os-release, without paid
 * extensions; NULL when the release is not in our table.
 */
const char *release_support_end(const char *id, const char *version);

#endif
