/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The largest thing of each kind that we read. Every byte from outside is hostile, so every input
 * has a row here; a parser that reaches its limit refuses with RF_E_LIMIT and names the place.
 */
#ifndef RF_BASE_LIMITS_H
#define RF_BASE_LIMITS_H

#define RF_MAX_FILE_BYTES      (8u << 20)  /* a configuration file */
#define RF_MAX_PROC_BYTES      (1u << 20)  /* a file of /proc or /sys */
#define RF_MAX_DPKG_BYTES      (64u << 20) /* /var/lib/dpkg/status, an apt list */
#define RF_MAX_VMX_BYTES       (1u << 20)
#define RF_MAX_VMX_KEYS	       8192u
#define RF_MAX_XML_BYTES       (8u << 20)
#define RF_MAX_XML_DEPTH       64u
#define RF_MAX_XML_NODES       200000u
#define RF_MAX_YAML_BYTES      (1u << 20)
#define RF_MAX_YAML_DEPTH      32u
#define RF_MAX_YAML_NODES      100000u
#define RF_MAX_YAML_KEYS       4096u /* of one map: they are looked for one by one */
#define RF_MAX_JSON_BYTES      (64u << 20)
#define RF_MAX_DIR_ENTRIES     200000u
#define RF_MAX_DIR_DEPTH       32u
#define RF_MAX_INCLUDE_DEPTH   16u
#define RF_MAX_INCLUDE_FILES   1024u
#define RF_MAX_LINE_BYTES      65536u
#define RF_MAX_NETLINK_BYTES   (64u << 20)
#define RF_MAX_FACT_ROW_BYTES  (1u << 20)
#define RF_MAX_FACT_TEXT_BYTES 65536u
#define RF_MAX_FACT_ROWS       4000000u
#define RF_MAX_CAPTURE_BYTES   (512u << 20)
#define RF_MAX_CAPTURE_FILES   100000u
#define RF_MAX_META_BYTES      (128u << 20) /* .ringfence/meta of a directory host */
#define RF_MAX_META_ENTRIES    2000000u
#define RF_MAX_CONTROLS	       4096u
#define RF_MAX_SQL_STEPS       200000000u /* SQLite virtual machine steps for one control */
#define RF_MAX_PATH_BYTES      4096u
#define RF_MAX_KEPT_TEXT_BYTES (1u << 20)  /* one text in the manager's store */
#define RF_MAX_KEPT_BLOB_BYTES (16u << 20) /* one piece of evidence in it */
#define RF_COLLECTOR_MS	       15000	   /* a collector that is silent for longer is ended */

#endif
