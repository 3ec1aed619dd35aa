/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets that a VM's disks are opened with, in libvirt's memory alone: ephemeral (never written to
 * the host's disk) and private (given to nobody by libvirt's API but to its own drivers). Source:
 * libvirt.org/formatsecret.html. Loaded with dlopen, as virt.h does.
 */
#ifndef RF_SYS_VIRTSECRET_H
#define RF_SYS_VIRTSECRET_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* A UUID as libvirt writes it: 36 characters, lower case. */
bool virt_secret_uuid(const char *text);

/* Defines the secret and gives it its value. RF_E_DUPLICATE where one of that UUID is there that is
 * not ours: it stays as it is. RF_E_UNSUPPORTED, RF_E_PEER. */
int virt_secret_set(const char *uri, const char *uuid, struct rf_slice value,
		    struct rf_err *err) RF_MUST_CHECK;

/* Takes ours away again; uuid NULL: all of ours. One that is not there, or not ours, is no fault.
 */
int virt_secret_forget(const char *uri, const char *uuid, struct rf_err *err) RF_MUST_CHECK;

#endif
