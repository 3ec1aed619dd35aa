/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to a TPM, its errors in words, what it says of itself, its PCRs. See tpm.h; keys
 * are in tpm_keys.c, certificates in tpm_nv.c. Source: TPM 2.0 Library parts 2 and 3; tpm2-tss's
 * ESAPI and TCTI loader.
 *
 * The libraries are loaded when a TPM is asked for, as libvirt's are: a machine without tpm2-tss
 * judges files, captures and other hosts' evidence all the same, and says what is missing.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/tpm_esys.h"

#define MANAGED	  "/dev/tpmrm0"
#define UNMANAGED "/dev/tpm0"

enum library { LIB_LDR, LIB_ESYS, LIB_MU, LIB_COUNT };
static const char *const libraries[LIB_COUNT] = {"libtss2-tctildr.so.0", "libtss2-esys.so.0",
						 "libtss2-mu.so.0"};

static const struct {
	const char *name;
	size_t offset;
	enum library library;
} symbols[] = {
#define FROM_LDR(name)	{#name, offsetof(struct tpm_api, name), LIB_LDR},
#define FROM_ESYS(name) {#name, offsetof(struct tpm_api, name), LIB_ESYS},
#define FROM_MU(name)	{#name, offsetof(struct tpm_api, name), LIB_MU},
	TPM_SYMBOLS(FROM_ESYS, FROM_MU, FROM_LDR)
#undef FROM_LDR
#undef FROM_ESYS
#undef FROM_MU
};

/* What a TPM's answer means to the person who asked. Part 2, 6.6.3; the bits that name a parameter,
 * handle or session are taken off before. */
static const struct {
	TSS2_RC rc;
	int code;
	const char *words;
} answers[] = {
	{TPM2_RC_INITIALIZE, RF_E_PEER,
	 "the TPM was never started; restart the host (swtpm: --flags startup-clear)"},
	{TPM2_RC_FAILURE, RF_E_PEER,
	 "the TPM is in failure mode; switch the host off and on again (a restart is not enough), "
	 "then look for a firmware update (swtpm: its state folder must be an absolute path)"},
	{TPM2_RC_DISABLED, RF_E_PEER, "the command is switched off in this TPM"},
	{TPM2_RC_UPGRADE, RF_E_PEER, "the TPM's firmware update is not finished; finish it"},
	{TPM2_RC_REBOOT, RF_E_PEER, "the TPM wants the host restarted first"},
	{TPM2_RC_COMMAND_CODE, RF_E_UNSUPPORTED, "this TPM does not know the command"},
	{TPM2_RC_AUTH_UNAVAILABLE, RF_E_DENIED, "no password can open it"},
	{TPM2_RC_NV_AUTHORIZATION, RF_E_DENIED, "reading it takes a password that is not empty"},
	{TPM2_RC_NV_UNINITIALIZED, RF_E_MISSING, "it was never written"},
	{TPM2_RC_LOCKOUT, RF_E_DENIED,
	 "the TPM is locked after too many wrong passwords; wait until it opens by itself, or clear it "
	 "with the lockout password: tpm2_dictionarylockout --clear-lockout"},
	{TPM2_RC_OBJECT_MEMORY, RF_E_PEER,
	 "no room for another key: another program left its keys loaded; use " MANAGED
	 ", or tpm2_flushcontext --transient-object"},
	{TPM2_RC_SESSION_MEMORY, RF_E_PEER,
	 "no room for another session; use " MANAGED ", or tpm2_flushcontext --loaded-session"},
	{TPM2_RC_SESSION_HANDLES, RF_E_PEER,
	 "no session is left; use " MANAGED ", or tpm2_flushcontext --saved-session"},
	{TPM2_RC_OBJECT_HANDLES, RF_E_PEER, "no handle is left for another key"},
	{TPM2_RC_RETRY, -EAGAIN, "the TPM is busy; try again in a moment"},
	{TPM2_RC_YIELDED, -EAGAIN, "the TPM is busy; try again in a moment"},
	{TPM2_RC_TESTING, -EAGAIN, "the TPM still tests itself; try again in a moment"},
	{TPM2_RC_NV_RATE, -EAGAIN, "the TPM limits how often it writes; try again in a minute"},
	{TPM2_RC_NV_UNAVAILABLE, -EAGAIN, "the TPM's memory is busy; try again in a moment"},
	{TPM2_RC_HIERARCHY, RF_E_DENIED,
	 "this part of the TPM is switched off; enable it (storage or endorsement hierarchy) in the "
	 "firmware set-up"},
	{TPM2_RC_BAD_AUTH, RF_E_DENIED, "a password is set, and it is not empty"},
	{TPM2_RC_AUTH_FAIL, RF_E_DENIED, "a password is set, and it is not empty"},
	{TPM2_RC_INTEGRITY, RF_E_MISMATCH,
	 "it was made by another TPM, or this one was cleared since"},
	{TPM2_RC_HANDLE, RF_E_MISSING, "there is no such object in the TPM"},
	{TPM2_RC_ASYMMETRIC, RF_E_UNSUPPORTED, "this TPM does not know this kind of key"},
	{TPM2_RC_CURVE, RF_E_UNSUPPORTED, "this TPM does not know this curve"},
	{TPM2_RC_HASH, RF_E_UNSUPPORTED, "this TPM does not know this hash"},
	{TPM2_RC_SCHEME, RF_E_UNSUPPORTED, "this TPM does not know this way of signing"},
	{TPM2_RC_KEY_SIZE, RF_E_UNSUPPORTED, "this TPM does not know keys of this length"},
	{TPM2_RC_VALUE, RF_E_MISMATCH, "the TPM does not accept the value"},
	{TPM2_RC_SIZE, RF_E_SYNTAX, "the TPM does not accept the length"},
	{TPM2_RC_POLICY_FAIL, RF_E_DENIED, "the key's policy is not met"},
	{TSS2_TCTI_RC_NO_CONNECTION, RF_E_PEER, "the connection to the TPM broke"},
	{TSS2_TCTI_RC_IO_ERROR, RF_E_PEER, "the TPM cannot be reached"},
	{TSS2_TCTI_RC_NOT_SUPPORTED, RF_E_UNSUPPORTED,
	 "tpm2-tss has no driver for it; install libtss2-tcti-device0 or libtss2-tcti-swtpm0"},
};

/* Takes off who answered (kernel's resource manager, tabrmd, the TPM itself) and which argument it
 * was about. Answers of the libraries keep their layer. */
static TSS2_RC plain_code(TSS2_RC rc)
{
	TSS2_RC layer = rc & TSS2_RC_LAYER_MASK;

	if (layer == TSS2_TCTI_RC_LAYER)
		return rc;
	if (layer != TSS2_TPM_RC_LAYER && layer != TSS2_RESMGR_TPM_RC_LAYER)
		return rc & 0xffff ? TSS2_TCTI_RC_LAYER | (rc & 0xffff) : rc;
	rc &= 0xfff;
	return rc & TPM2_RC_FMT1 ? rc & (TPM2_RC_FMT1 | 0x3f) : rc;
}

int tpm_fail(struct rf_err *err, TSS2_RC rc, const char *what)
{
	TSS2_RC plain = plain_code(rc);

	for (size_t i = 0; i < RF_COUNT(answers); i++) {
		if (answers[i].rc == plain)
			return rf_fail(err, answers[i].code, "%s: %s (0x%x)", what,
				       answers[i].words, rc);
	}
	return rf_fail(err, RF_E_PEER, "%s: the TPM answered 0x%x; tpm2_rc_decode says more", what,
		       rc);
}

void tpm_held_done(struct tpm_held *held)
{
	if (!held->tpm || held->handle == ESYS_TR_NONE)
		return;
	/* Of a persistent key only our own record of it goes. */
	if (held->persistent)
		(void)held->tpm->api.Esys_TR_Close(held->tpm->esys, &held->handle);
	else
		(void)held->tpm->api.Esys_FlushContext(held->tpm->esys, held->handle);
	held->tpm = NULL;
}

void tpm_free(struct tpm *tpm, void *memory, size_t size_bytes)
{
	if (memory && size_bytes)
		rf_wipe(memory, size_bytes);
	tpm->api.Esys_Free(memory);
}

static int load(struct tpm_api *api, struct rf_err *err)
{
	void *handles[LIB_COUNT];

	/* They stay loaded: a process asks for its TPM more than once. */
	for (size_t i = 0; i < LIB_COUNT; i++) {
		handles[i] = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);
		if (!handles[i])
			return rf_fail(err, RF_E_UNSUPPORTED,
				       "%s is not here: apt-get install libtss2-esys-3.0.2-0 "
				       "libtss2-tcti-device0 (Red Hat: tpm2-tss)",
				       libraries[i]);
	}
	for (size_t i = 0; i < RF_COUNT(symbols); i++) {
		void *symbol = dlsym(handles[symbols[i].library], symbols[i].name);

		if (!symbol)
			return rf_fail(err, RF_E_UNSUPPORTED, "%s has no %s; it is too old",
				       libraries[symbols[i].library], symbols[i].name);
		memcpy((char *)api + symbols[i].offset, &symbol, sizeof(symbol));
	}
	return 0;
}

int tpm_tcti_check(const char *tcti, struct rf_err *err)
{
	/* Not "cmd", which runs a program, nor "pcap", nor a library by its path. */
	static const char *const names[] = {"device", "swtpm", "mssim", "tabrmd"};
	size_t len = strcspn(tcti, ":");
	const char *conf = tcti[len] ? tcti + len + 1 : "";
	bool known = false;

	for (size_t i = 0; i < RF_COUNT(names); i++)
		known |= strlen(names[i]) == len && memcmp(names[i], tcti, len) == 0;
	if (!known)
		return rf_fail(err, RF_E_USAGE,
			       "%s names no TPM: device:/dev/tpmrm0, swtpm:port=N, mssim:port=N or "
			       "tabrmd",
			       tcti);
	if (strlen(conf) != strspn(conf, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789_./:=,-"))
		return rf_fail(err, RF_E_USAGE, "%s: a character that no TPM's name has", tcti);
	if (memcmp(tcti, "device", len) == 0 && conf[0] &&
	    (!rf_starts(conf, "/dev/") || strstr(conf, "..")))
		return rf_fail(err, RF_E_USAGE, "%s: a TPM's device is below /dev", tcti);
	return 0;
}

/* Tells why a device does not open, which the TCTI would not. */
static int device_check(const char *path, struct rf_err *err)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	int rc = fd < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	switch (rc) {
	case 0:
		return 0;
	case -ENOENT:
	case -ENXIO:
	case -ENODEV:
		return rf_fail(err, RF_E_MISSING, "there is no TPM at %s", path);
	case -EACCES:
	case -EPERM:
		return rf_fail(err, RF_E_DENIED,
			       "%s may not be opened; run as root, or join the group tss", path);
	case -EBUSY:
		return rf_fail(err, RF_E_PEER,
			       "%s is in use by another program; use " MANAGED
			       ", which several can share",
			       path);
	default:
		return rf_fail(err, rc, "%s: %s", path, rf_code_text(rc));
	}
}

/* Fills in the name of what is opened. */
static int choose(struct tpm *tpm, const char *tcti, struct rf_err *err)
{
	const char *device = access(MANAGED, F_OK) == 0 ? MANAGED : UNMANAGED;
	int rc = tcti ? tpm_tcti_check(tcti, err) : 0;

	if (rc < 0)
		return rc;
	if (tcti && strcmp(tcti, "device") != 0) {
		if (!rf_copy(tpm->name, sizeof(tpm->name), tcti))
			return rf_fail(err, RF_E_USAGE, "the name of the TPM is too long");
	} else {
		rf_format(tpm->name, sizeof(tpm->name), "device:%s", device);
	}
	if (!rf_starts(tpm->name, "device:"))
		return 0;
	rc = device_check(tpm->name + strlen("device:"), err);
	if (rc == RF_E_MISSING && !tcti)
		rf_fail(err, rc,
			"this machine has no TPM: neither " MANAGED " nor " UNMANAGED " is there");
	return rc;
}

int tpm_open(const char *tcti, struct tpm **out, struct rf_err *err)
{
	struct tpm *tpm = rf_alloc(1, sizeof(*tpm));
	int rc = tpm ? choose(tpm, tcti, err) : -ENOMEM;
	TSS2_RC trc = 0;

	if (rc == 0)
		rc = load(&tpm->api, err);
	if (rc == 0) {
		/* tpm2-tss prints to standard error unless it is told not to; who wants that to see
		 * can still ask for it. */
		(void)setenv("TSS2_LOG", "all+none", 0);
		trc = tpm->api.Tss2_TctiLdr_Initialize(tpm->name, &tpm->tcti);
		if (!trc)
			trc = tpm->api.Esys_Initialize(&tpm->esys, tpm->tcti, NULL);
		rc = trc ? tpm_fail(err, trc, tpm->name) : 0;
	}
	if (rc < 0) {
		tpm_close(tpm);
		return rc;
	}
	tpm_flush_stale(tpm);
	*out = tpm;
	return 0;
}

void tpm_close(struct tpm *tpm)
{
	if (!tpm)
		return;
	if (tpm->esys)
		tpm->api.Esys_Finalize(&tpm->esys);
	if (tpm->tcti)
		tpm->api.Tss2_TctiLdr_Finalize(&tpm->tcti);
	rf_free(tpm);
}

int tpm_capability(struct tpm *tpm, TPM2_CAP cap, uint32_t property, uint32_t count,
		   TPMS_CAPABILITY_DATA **out, struct rf_err *err)
{
	TPMI_YES_NO more = 0;
	TSS2_RC rc = tpm->api.Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE,
						 ESYS_TR_NONE, cap, property, count, &more, out);

	return rc ? tpm_fail(err, rc, "asking the TPM what it is") : 0;
}

int tpm_property(struct tpm *tpm, uint32_t property, uint32_t *out, struct rf_err *err)
{
	TPMS_CAPABILITY_DATA *cap = NULL;
	int rc = tpm_capability(tpm, TPM2_CAP_TPM_PROPERTIES, property, 1, &cap, err);

	if (rc < 0)
		return rc;
	const TPML_TAGGED_TPM_PROPERTY *list = &cap->data.tpmProperties;

	/* A TPM that lacks it gives the next one. */
	if (list->count == 1 && list->tpmProperty[0].property == property)
		*out = list->tpmProperty[0].value;
	else
		rc = rf_fail(err, RF_E_MISSING, "the TPM does not tell its property 0x%x",
			     property);
	tpm_free(tpm, cap, 0);
	return rc;
}

/* Adds the four characters of a property to text, without blanks around. */
static int add_letters(struct tpm *tpm, uint32_t property, char *text, size_t size,
		       struct rf_err *err)
{
	size_t len = strlen(text);
	uint32_t value;
	int rc = tpm_property(tpm, property, &value, err);

	if (rc < 0)
		return rc;
	for (int shift = 24; shift >= 0; shift -= 8) {
		char c = (char)(value >> shift & 0xff);

		if (c >= ' ' && c <= '~' && len + 1 < size)
			text[len++] = c;
	}
	text[len] = '\0';
	return 0;
}

static int read_names(struct tpm *tpm, struct tpm_info *info, struct rf_err *err)
{
	char text[24] = "", *word;
	int rc = add_letters(tpm, TPM2_PT_MANUFACTURER, info->manufacturer,
			     sizeof(info->manufacturer), err);

	for (uint32_t i = 0; rc == 0 && i < 4; i++)
		rc = add_letters(tpm, TPM2_PT_VENDOR_STRING_1 + i, text, sizeof(text), err);
	/* The emulator's name has blanks in the middle: "SW   TPM". */
	for (char *cursor = text; rc == 0 && (word = rf_word_next(&cursor));) {
		size_t len = strlen(info->vendor);

		rf_format(info->vendor + len, sizeof(info->vendor) - len, "%s%s", len ? " " : "",
			  word);
	}
	size_t end = strlen(info->manufacturer);

	while (end > 0 && info->manufacturer[end - 1] == ' ')
		info->manufacturer[--end] = '\0';
	return rc;
}

static int read_state(struct tpm *tpm, struct tpm_info *info, struct rf_err *err)
{
	uint32_t permanent = 0, revision = 0, high = 0, low = 0;
	int rc = tpm_property(tpm, TPM2_PT_PERMANENT, &permanent, err);

	if (rc == 0)
		rc = tpm_property(tpm, TPM2_PT_REVISION, &revision, err);
	if (rc == 0)
		rc = tpm_property(tpm, TPM2_PT_FIRMWARE_VERSION_1, &high, err);
	if (rc == 0)
		rc = tpm_property(tpm, TPM2_PT_FIRMWARE_VERSION_2, &low, err);
	if (rc == 0)
		rc = tpm_property(tpm, TPM2_PT_LOCKOUT_COUNTER, &info->lockout_counter, err);
	if (rc == 0)
		rc = tpm_property(tpm, TPM2_PT_MAX_AUTH_FAIL, &info->lockout_max, err);
	if (rc < 0)
		return rc;
	rf_format(info->firmware, sizeof(info->firmware), "%u.%u.%u.%u", high >> 16, high & 0xffff,
		  low >> 16, low & 0xffff);
	rf_format(info->spec, sizeof(info->spec), "%u.%02u", revision / 100, revision % 100);
	info->owner_auth_set = permanent & TPMA_PERMANENT_OWNERAUTHSET;
	info->endorsement_auth_set = permanent & TPMA_PERMANENT_ENDORSEMENTAUTHSET;
	info->lockout_auth_set = permanent & TPMA_PERMANENT_LOCKOUTAUTHSET;
	info->locked_out = permanent & TPMA_PERMANENT_INLOCKOUT;
	return 0;
}

int tpm_info_read(struct tpm *tpm, struct tpm_info *out, struct rf_err *err)
{
	struct tpm_info info = {0};
	int rc = read_names(tpm, &info, err);

	if (rc == 0)
		rc = read_state(tpm, &info, err);
	if (rc < 0)
		return rc;
	rf_copy(info.tcti, sizeof(info.tcti), tpm->name);
	info.resource_manager = strstr(tpm->name, "/tpmrm") || rf_starts(tpm->name, "tabrmd");
	info.software = rf_starts(tpm->name, "swtpm") || rf_starts(tpm->name, "mssim") ||
			strcmp(info.vendor, "SW TPM") == 0 || strcmp(info.vendor, "xCG fTPM") == 0;
	*out = info;
	return 0;
}

static const TPMS_PCR_SELECTION *selection_of(const TPML_PCR_SELECTION *list, uint16_t alg)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if (list->pcrSelections[i].hash == alg)
			return &list->pcrSelections[i];
	}
	return NULL;
}

static uint32_t selected_pcrs(const TPMS_PCR_SELECTION *selection)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i < selection->sizeofSelect && i < 3; i++)
		bits |= (uint32_t)selection->pcrSelect[i] << (8 * i);
	return bits;
}

/* Takes one answer of PCR_Read over; the PCRs that came. */
static uint32_t take_values(struct tpm_bank *bank, const TPML_PCR_SELECTION *came,
			    const TPML_DIGEST *values)
{
	const TPMS_PCR_SELECTION *selection = selection_of(came, bank->alg);
	uint32_t bits = selection ? selected_pcrs(selection) : 0, taken = 0;
	uint32_t at = 0;

	for (uint32_t i = 0; i < TPM_PCRS && at < values->count; i++) {
		if (!(bits >> i & 1))
			continue;
		const TPM2B_DIGEST *digest = &values->digests[at++];

		if (digest->size == 0 || digest->size > sizeof(bank->values[i]))
			continue;
		memcpy(bank->values[i], digest->buffer, digest->size);
		bank->digest_len = (uint8_t)digest->size;
		taken |= 1u << i;
	}
	return taken;
}

/* A TPM gives at most eight values at a time. */
static int read_bank(struct tpm *tpm, struct tpm_bank *bank, struct rf_err *err)
{
	uint32_t left = bank->pcrs;

	while (left) {
		TPML_PCR_SELECTION want = {.count = 1}, *came = NULL;
		TPML_DIGEST *values = NULL;
		uint32_t updates = 0;

		want.pcrSelections[0].hash = bank->alg;
		want.pcrSelections[0].sizeofSelect = 3;
		for (uint32_t i = 0; i < 3; i++)
			want.pcrSelections[0].pcrSelect[i] = (uint8_t)(left >> (8 * i));
		TSS2_RC rc = tpm->api.Esys_PCR_Read(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE,
						    ESYS_TR_NONE, &want, &updates, &came, &values);

		if (rc)
			return tpm_fail(err, rc, "reading PCRs");
		uint32_t taken = take_values(bank, came, values) & left;

		tpm_free(tpm, came, 0);
		tpm_free(tpm, values, 0);
		if (!taken)
			return rf_fail(err, RF_E_PEER, "reading PCRs: the TPM gives none");
		left &= ~taken;
	}
	return 0;
}

int tpm_banks_read(struct tpm *tpm, struct tpm_banks *out, struct rf_err *err)
{
	TPMS_CAPABILITY_DATA *cap = NULL;
	int rc = tpm_capability(tpm, TPM2_CAP_PCRS, 0, 1, &cap, err);

	if (rc < 0)
		return rc;
	const TPML_PCR_SELECTION *list = &cap->data.assignedPCR;

	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < list->count && rc == 0 && out->count < TPM_MAX_BANKS; i++) {
		struct tpm_bank *bank = &out->banks[out->count];

		bank->alg = list->pcrSelections[i].hash;
		bank->pcrs = selected_pcrs(&list->pcrSelections[i]);
		if (!bank->pcrs)
			continue;
		rc = read_bank(tpm, bank, err);
		out->count++;
	}
	tpm_free(tpm, cap, 0);
	return rc;
}
