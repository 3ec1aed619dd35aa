/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of difference, baseline and prediction share: a machine with firmware, shim, grub and
 * a Debian kernel that measures itself as real ones do, and where any one thing can be another.
 */
#ifndef STORY_TEST_H
#define STORY_TEST_H

#include "eventlog_test.h"

#include "attest/boot.h"
#include "attest/predict.h"

static const uint8_t story_global[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
					 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
static const uint8_t story_security[16] = {0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45,
					   0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f};
static const uint8_t story_shim[16] = {0x50, 0xab, 0x5d, 0x60, 0x46, 0xe0, 0x00, 0x43,
				       0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23};

/* NULL leaves the event out. */
struct machine {
	const char *crtm, *firmware, *microcode;
	bool secure_boot;
	const char *dbx, *mok;	 /* contents */
	const char *sbat;	 /* 32 characters are nothing special */
	const char *signer;	 /* of the second authority */
	uint16_t order[2];	 /* boot order */
	const char *shim, *grub; /* images */
	const char *config;	 /* contents of grub.cfg */
	const char *extra_command;
	const char *version;	     /* of kernel and initrd */
	const char *kernel, *initrd; /* contents */
	const char *options;	     /* of the kernel */
	const char *failure;	     /* data of a separator of PCR 5 */
	uint8_t locality;
	bool swap;    /* two firmware blobs in another order */
	uint16_t alg; /* one bank alone; 0: SHA-1 and SHA-256 */
};

static const struct machine story_base = {.crtm = "2024.05",
					  .firmware = "firmware volume",
					  .secure_boot = true,
					  .dbx = "revoked",
					  .mok = "keys",
					  .sbat = "sbat,1,2025021800\nshim,4\ngrub,5\n",
					  .signer = "Debian Secure Boot CA",
					  .order = {1, 0},
					  .shim = "shim image",
					  .grub = "grub image",
					  .config = "menu",
					  .version = "6.1.0-55-amd64",
					  .kernel = "kernel 55",
					  .initrd = "initrd 55",
					  .options = "root=/dev/vda2 ro quiet"};

static inline struct rf_slice story_text(const char *text)
{
	return rf_slice_text(text);
}

static inline void add_variable(struct log_build *b, uint32_t pcr, uint32_t type,
				const uint8_t guid[16], const char *name, struct rf_slice value)
{
	RF_AUTOBUF struct rf_buf data = {0};

	put_variable(&data, guid, name, value);
	add_event(b, pcr, type, rf_buf_slice(&data));
}

/* An image with a path, or without one as shim measures what it checks for grub. */
static inline void add_image(struct log_build *b, const char *path, struct rf_slice image)
{
	RF_AUTOBUF struct rf_buf data = {0}, name = {0};

	put_le(&data, 0x1000, 8);
	put_le(&data, image.len, 8);
	put_le(&data, 0, 8);
	if (path) {
		put_utf16(&name, path);
		put_le(&name, 0, 2);
	}
	put_le(&data, path ? name.len + 8 : 0, 8);
	if (path) {
		put_le(&data, 0x0404, 2); /* media, file path */
		put_le(&data, name.len + 4, 2);
		put_slice(&data, rf_buf_slice(&name));
		put_le(&data, 0xff7f, 2);
		put_le(&data, 4, 2);
	}
	add_measured(b, 4, BOOT_APP, rf_buf_slice(&data), image);
}

/* What grub does with a text: it logs a word before it that is not measured. */
static inline void add_grub(struct log_build *b, const char *prefix, const char *text)
{
	RF_AUTOBUF struct rf_buf data = {0};

	rf_buf_printf(&data, "%s%s", prefix, text);
	rf_buf_add_byte(&data, 0);
	add_measured(b, 8, IPL, rf_buf_slice(&data), story_text(text));
}

static inline void add_file(struct log_build *b, uint32_t pcr, const char *path,
			    const char *contents)
{
	RF_AUTOBUF struct rf_buf data = {0};

	rf_buf_add(&data, path, strlen(path) + 1);
	add_measured(b, pcr, IPL, rf_buf_slice(&data), story_text(contents));
}

static inline void add_secure_boot(struct log_build *b, const struct machine *m)
{
	const uint8_t on = m->secure_boot;

	add_variable(b, 7, VARIABLE_CONFIG, story_global, "SecureBoot", (struct rf_slice){&on, 1});
	add_variable(b, 7, VARIABLE_CONFIG, story_global, "PK", story_text("platform key"));
	add_variable(b, 7, VARIABLE_CONFIG, story_security, "dbx", story_text(m->dbx));
	add_event(b, 7, SEPARATOR, ZEROS);
}

static inline void add_firmware(struct log_build *b, const struct machine *m)
{
	if (m->locality)
		add_locality(b, m->locality);
	add_event(b, 0, CRTM_VERSION, story_text(m->crtm));
	add_measured(b, 0, FIRMWARE_BLOB, BYTES("\0\0\x82\0\0\0\0\0\0\0\x0e\0\0\0\0\0"),
		     story_text(m->swap ? "second" : m->firmware));
	add_measured(b, 0, FIRMWARE_BLOB, BYTES("\0\0\x90\0\0\0\0\0\0\0\xc0\0\0\0\0\0"),
		     story_text(m->swap ? m->firmware : "second"));
	if (m->microcode)
		add_measured(b, 1, MICROCODE, story_text("microcode"), story_text(m->microcode));
	add_secure_boot(b, m);
	add_variable(b, 1, VARIABLE_BOOT, story_global, "BootOrder",
		     (struct rf_slice){(const uint8_t *)m->order, sizeof(m->order)});
	add_event(b, 4, EFI_ACTION, BYTES("Calling EFI Application from Boot Option"));
	for (uint32_t pcr = 0; pcr < 7; pcr++)
		add_event(b, pcr, SEPARATOR,
			  pcr == 5 && m->failure ? story_text(m->failure) : ZEROS);
}

/* Who vouched for an image: here by the image's digest. */
static inline void add_signer(struct log_build *b, const uint8_t guid[16], const char *name,
			      const char *signer)
{
	uint8_t digest[32];

	assert_int_equal(attest_hash(b->hasher, ATTEST_SHA256, story_text(signer), NOTHING, digest),
			 0);
	add_variable(b, 7, AUTHORITY, guid, name, (struct rf_slice){digest, sizeof(digest)});
}

static inline void add_shim(struct log_build *b, const struct machine *m)
{
	if (m->secure_boot)
		add_signer(b, story_security, "db", "Microsoft CA");
	add_image(b, "\\EFI\\debian\\shimx64.efi", story_text(m->shim));
	add_file(b, 14, "MokList", m->mok);
	add_variable(b, 7, AUTHORITY, story_shim, "SbatLevel", story_text(m->sbat));
	if (m->secure_boot)
		add_signer(b, story_shim, "Shim", m->signer);
	add_image(b, "\\EFI\\debian\\grubx64.efi", story_text(m->grub));
}

static inline void add_grub_run(struct log_build *b, const struct machine *m)
{
	char text[1400], path[128];

	add_grub(b, "grub_cmd: ", "source (hd0,gpt1)/EFI/debian/grub.cfg");
	add_file(b, 9, "(hd0,gpt1)/EFI/debian/grub.cfg", m->config);
	add_grub(b, "grub_cmd: ", "set timeout=0");
	if (m->extra_command)
		add_grub(b, "grub_cmd: ", m->extra_command);
	/* An entry of the menu is one command, with all that stands in it. */
	rf_format(text, sizeof(text),
		  "menuentry Debian {\n\tlinux /boot/vmlinuz-%s %s\n\tinitrd "
		  "/boot/initrd.img-%s\n}",
		  m->version, m->options, m->version);
	add_grub(b, "grub_cmd: ", text);
	add_grub(b, "grub_cmd: ", "setparams Debian");
	rf_format(path, sizeof(path), "/boot/vmlinuz-%s", m->version);
	rf_format(text, sizeof(text), "linux %s %s", path, m->options);
	add_grub(b, "grub_cmd: ", text);
	add_file(b, 9, path, m->kernel);
	if (m->secure_boot) {
		RF_AUTOBUF struct rf_buf image = {0};

		/* Authenticode leaves parts of the file out: another digest. */
		rf_buf_printf(&image, "image of %s", m->kernel);
		add_image(b, NULL, rf_buf_slice(&image));
		add_image(b, NULL, rf_buf_slice(&image));
	}
	add_grub(b, "kernel_cmdline: ", text + strlen("linux "));
	rf_format(path, sizeof(path), "/boot/initrd.img-%s", m->version);
	rf_format(text, sizeof(text), "initrd %s", path);
	add_grub(b, "grub_cmd: ", text);
	add_file(b, 9, path, m->initrd);
}

/* The whole boot's log; end_log frees it. */
static inline void machine_boots(const struct machine *m, struct log_build *b)
{
	if (m->alg)
		begin_log(b, m->alg, 0, 0);
	else
		begin_log(b, ATTEST_SHA1, ATTEST_SHA256, 0);
	add_firmware(b, m);
	add_shim(b, m);
	add_grub_run(b, m);
	add_event(b, 5, EFI_ACTION, BYTES("Exit Boot Services Invocation"));
	add_event(b, 5, EFI_ACTION, BYTES("Exit Boot Services Returned with Success"));
}

/* Its story, which borrows from the log. */
static inline void machine_story(const struct machine *m, struct log_build *b, struct boot *out)
{
	struct rf_err err = {0};

	machine_boots(m, b);
	struct boot_logs logs = {.firmware = rf_buf_slice(&b->buf)};

	memset(out, 0, sizeof(*out));
	if (boot_read(b->hasher, &logs, out, &err) < 0)
		fail_msg("%s", rf_err_text(&err));
}

/* A file on the disk of a prediction. */
static inline void story_file(struct attest_hasher *hasher, const char *path, const char *contents,
			      struct predict_file *file)
{
	static const uint16_t algs[] = {ATTEST_SHA1, ATTEST_SHA256};

	memset(file, 0, sizeof(*file));
	rf_copy(file->path, sizeof(file->path), path);
	for (size_t i = 0; i < RF_COUNT(algs); i++) {
		file->flat[i].alg = algs[i];
		file->flat[i].len = (uint8_t)attest_digest_size(algs[i]);
		assert_int_equal(attest_hash(hasher, algs[i], story_text(contents), NOTHING,
					     file->flat[i].bytes),
				 0);
	}
	file->flat_count = RF_COUNT(algs);
}

#endif
