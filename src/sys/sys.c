/* SPDX-License-Identifier: Apache-2.0 */
/* The seam: not written yet; see sys.h. */
#include "sys/sys.h"
