/* SPDX-License-Identifier: Apache-2.0 */
/* Controls: not written yet. */
#include "model/fact.h"
