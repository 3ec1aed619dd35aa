/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 with padding (RFC 4648 section 4), one text for one value. */
#ifndef RF_BASE_BASE64_H
#define RF_BASE_BASE64_H

#include "base/buf.h"

/* Appends the text of len bytes; 0 or -ENOMEM. */
int rf_base64_add(struct rf_buf *out, const void *data, size_t len);

/* Decodes all of text into out: RF_E_SYNTAX for anything but what rf_base64_add writes, RF_E_LIMIT
 * when it needs more than size bytes. */
int rf_base64_decode(struct rf_slice text, uint8_t *out, size_t size,
		     size_t *out_len) RF_MUST_CHECK;

#endif
