/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of commands and options: to add one, add a row here and a function. See cli.h. */
#include <stdint.h>

#include "base/mem.h"
#include "cli/cli.h"

const struct cli_option cli_options[OPT_COUNT] = {
	{OPT_HELP, "help", 'h', NULL, false, "show this help"},
	{OPT_VERSION, "version", 'V', NULL, false, "show the version"},
	{OPT_VMX, "vmx", 0, "PATH", true, "a .vmx file, or a folder that is searched for them"},
	{OPT_XML, "domain-xml", 0, "PATH", true,
	 "a libvirt XML file (VM, network, filter, pool), or a folder of them"},
	{OPT_FROM, "from", 0, "CAPTURE", false, "facts of another host, made by ringfence capture"},
	{OPT_CONNECT, "connect", 'c', "URI", false,
	 "libvirt connection; default qemu:///system when libvirt is here"},
	{OPT_APPROVED, "approved", 0, "DIR", false, "approved VM definitions, NAME.xml each"},
	{OPT_HOST, "host", 0, NULL, false, "look at this host, even when files are given"},
	{OPT_NO_HOST, "no-host", 0, NULL, false, "do not look at this host"},
	{OPT_PROFILE, "profile", 'p', "NAME", true,
	 "which controls; default kvm-base, and vsphere with --vmx (see ringfence controls list)"},
	{OPT_ONLY, "only", 0, "GLOB", true, "only controls with such an id, e.g. 'vm.nic.*'"},
	{OPT_SITE, "site", 0, "DIR", false,
	 "your own controls, profiles and waivers; default /etc/ringfence/site"},
	{OPT_OUTPUT, "output", 'o', "FORMAT", false, "how to print"},
	{OPT_REPORT, "report", 0, "FILE", true,
	 "also write a report; the ending chooses: .html .json .jsonl .csv .sarif .xml (JUnit)"},
	{OPT_ALL, "all", 'a', NULL, false,
	 "show low and info in full, what passed and what does not apply, too"},
	{OPT_COLOR, "color", 0, "WHEN", false, "auto, always or never; NO_COLOR is honoured"},
	{OPT_QUIET, "quiet", 'q', NULL, false, "no progress on standard error"},
	{OPT_NO_MUTANTS, "no-mutants", 0, NULL, false, "run the rows only, not the mutants"},
	{OPT_TIMING, "timing", 0, NULL, false, "say how long each part took"},
	{OPT_FILE, "output", 'o', "FILE", false, "the file to write"},
	{OPT_TCTI, "tcti", 0, "TCTI", false,
	 "which TPM, e.g. device:/dev/tpmrm0 or swtpm:port=2321; default: the one of this machine"},
	{OPT_NONCE, "nonce", 0, "HEX", false, "the number that makes a quote fresh, 8 to 64 bytes"},
	{OPT_AK, "ak", 0, "KIND", false, "kind of the attestation key: ecc (default) or rsa"},
	{OPT_STATE_DIR, "state-dir", 0, "DIR", false,
	 "where keys, saved states and the ledger are kept; default /var/lib/ringfence"},
	{OPT_FORMAT, "format", 0, "KIND", false, "auto (default), boot, ima or userspace"},
	{OPT_PCR, "pcr", 0, "N", false, "this register alone, 0 to 23"},
	{OPT_LIVE, "live", 0, NULL, false, "this machine as it is now"},
	{OPT_BASELINE, "baseline", 0, "FILE", false, "what was approved"},
	{OPT_EARLIER, "earlier", 0, "FILE", false,
	 "evidence or boot log of an earlier boot: where a log is wrong, it shows from where on"},
	{OPT_REMEMBER, "remember", 0, NULL, false,
	 "keep the TPM's clock and counters, and refuse older evidence from then on"},
	{OPT_EK_ROOTS, "ek-roots", 0, "DIR", false,
	 "certificates of TPM makers that you trust; without it nobody vouches for the chip"},
	{OPT_BY, "by", 0, "WHO", false, "the name of the person who answers for it"},
	{OPT_NAME, "name", 0, "NAME", false, "what to call this boot; default first, or next"},
	{OPT_ROOT, "root", 0, "DIR", false,
	 "a directory that stands for the host: an image that is mounted, a test"},
	{OPT_DRY_RUN, "dry-run", 0, NULL, false, "only show the plan (so it is without --apply)"},
	{OPT_APPLY, "apply", 0, NULL, false, "do it"},
	{OPT_PLAN, "plan", 0, "FILE", false, "take this plan, saved earlier, and no new one"},
	{OPT_SAVE, "save", 0, "FILE", false,
	 "write the plan to a file, to be approved and applied later"},
	{OPT_CONFIRM_WITHIN, "confirm-within", 0, "TIME", false,
	 "undo it by itself unless confirmed in time, e.g. 60s or 5m; 0 to do without"},
	{OPT_CONFIRM, "confirm", 0, "ID", false, "keep a change that waits to be confirmed"},
	{OPT_ROLLBACK, "rollback", 0, "ID", false, "undo a change, byte for byte"},
	{OPT_KEY, "key", 0, "FILE", false, "the ledger's public key"},
	{OPT_ONCE, "once", 0, NULL, false, "look once, and end"},
	{OPT_KNOWN, "known", 0, "FILE", false, "a checkpoint that was kept elsewhere"},
	{OPT_VMX_FILE, "vmx", 0, "FILE", false,
	 "the .vmx file to write; a new one where there is none"},
	{OPT_OF_PROFILE, "profile", 'p', "NAME", false,
	 "this profile, a built-in one or the policy's own"},
	{OPT_OF_VM, "vm", 0, "NAME", false,
	 "the profile that the policy's assignments give this VM"},
	{OPT_LEVEL, "level", 0, "LEVEL", false,
	 "observe, restrict, honeywall, seal or freeze; of an approval rule: record, notify, one, two or window"},
	{OPT_RELEASE, "release", 0, NULL, false, "undo the quarantine: everything as before"},
	{OPT_STATUS, "status", 0, NULL, false, "who is in quarantine, since when, why"},
	{OPT_ZONE, "zone", 0, "NAME", false, "all VMs of this zone"},
	{OPT_TRUSTED_ONLY, "trusted-only", 0, NULL, false,
	 "all VMs whose definition asks for a trusted host"},
	{OPT_REASON, "reason", 0, "TEXT", false, "why, in one sentence; goes into the ledger"},
	{OPT_YES, "yes", 0, NULL, false, "do it; without it the plan is shown"},
	{OPT_ALLOW, "allow", 0, "SERVICE", true,
	 "restrict: what is left; dhcp (the default), 10.0.0.53:udp/53, [2001:db8::1]:tcp/22, or an address"},
	{OPT_HONEYWALL, "honeywall", 0, "LINK", false,
	 "honeywall: the port of a honeypot that answers; without it frames are recorded only"},
	{OPT_POLICY, "policy", 0, "FILE", false,
	 "the policy that says who is in a zone; default /etc/ringfence/isolate.yaml"},
	{OPT_RECORD_MAX, "record-max", 0, "MIB", false,
	 "space for the record of each network card; default 512, 0 records nothing"},
	{OPT_ACTIVE, "active", 0, NULL, false,
	 "also try: real frames in a network namespace of its own, real load beside a VM's group, equal pages"},
	{OPT_KEPT, "kept", 0, NULL, false, "the policy that was applied last, instead of a file"},
	{OPT_FLEET, "fleet", 0, NULL, false,
	 "over the manager's hosts, not this one (see ringfence login)"},
	{OPT_WHERE, "where", 0, "SELECTOR", false,
	 "which hosts: state=STATE, name=GLOB, label=NAME=VALUE, with commas between; default all"},
	{OPT_MINUTES, "minutes", 0, "N", false,
	 "how long it counts, or waits for an agent that is away"},
	{OPT_NO_WAIT, "no-wait", 0, NULL, false,
	 "do not wait for results; see ringfence host commands"},
	{OPT_APPROVAL, "approval", 0, "ID", false, "the approval under which it is done"},
	{OPT_BREAK_GLASS, "break-glass", 0, "REASON", false,
	 "do it without approval: it raises an alarm, and another person has to approve it afterwards"},
	{OPT_LOGIN, "login", 0, "FILE", false,
	 "where the sign-in is kept; default ~/.config/ringfence/login.json"},
	{OPT_FINGERPRINT, "fingerprint", 0, "HEX", false,
	 "SHA-256 of the authority's certificate, as the manager's machine printed it"},
	{OPT_CODE, "code", 0, "CODE", false, "the one-time code of the manager's first start"},
	{OPT_USER, "user", 0, "NAME", false, "the account"},
	{OPT_TOKEN_FILE, "token-file", 0, "FILE", false,
	 "a token that was made elsewhere; - for standard input"},
	{OPT_FOLLOW, "follow", 0, NULL, false, "go on, with each event as it comes"},
	{OPT_LIMIT, "limit", 0, "N", false, "at most so many; default all"},
	{OPT_AFTER, "after", 0, "N", false, "behind this number"},
	{OPT_STATE, "state", 0, "STATE", false, "of this state alone"},
	{OPT_GLOB, "name", 0, "GLOB", false, "whose name is like this"},
	{OPT_LABEL, "label", 0, "NAME=VALUE", false, "with this label"},
	{OPT_LABELS, "label", 0, "NAME=VALUE", true, "a label that it gets"},
	{OPT_BELOW, "below", 0, "OBJECT", false,
	 "below which object of the inventory it will stand"},
	{OPT_PARENT, "below", 0, "OBJECT", true, "what it is below; a VM may have two"},
	{OPT_DAYS, "days", 0, "N", false, "how long it counts; default 30"},
	{OPT_TITLE, "title", 0, "TEXT", false, "what it is for"},
	{OPT_PRIVILEGE, "privilege", 0, "NAME", true, "only this of what you may; default all"},
	{OPT_DUTY, "duty", 0, "NAME=PRIVILEGES", true,
	 "a duty and the privileges that it is, blanks between them; NAME= for one of ours"},
	{OPT_WHY, "why", 0, "TEXT", false, "why, as a refusal is to say it"},
	{OPT_SAME_PLACE, "same-place", 0, NULL, false, "only where the places overlap"},
	{OPT_GROUP, "group", 0, NULL, false, "the principal is a group"},
	{OPT_ON, "on", 0, "OBJECT", false, "on which object; default above all"},
	{OPT_HERE_ONLY, "here-only", 0, NULL, false, "not for what is below it"},
	{OPT_CONDITIONS, "conditions", 0, "FILE", false,
	 "when it holds, as JSON: addresses, days, hours, labels, states"},
	{OPT_VERDICTS, "verdicts", 0, NULL, false, "its newest verdicts"},
	{OPT_CHANGES, "changes", 0, NULL, false, "its newest changes of state"},
	{OPT_FINDINGS, "findings", 0, NULL, false, "its findings"},
	{OPT_CONTROL, "control", 0, "ID", false, "of this control alone"},
	{OPT_LAST, "last", 0, NULL, false,
	 "the last findings as the manager has them; nobody is asked"},
	{OPT_DIGEST, "digest", 0, "HEX", false,
	 "of the act that you read and mean (ringfence approval show)"},
	{OPT_COMMENT, "comment", 0, "TEXT", false, "what you want to say with it"},
	{OPT_FOR, "for", 0, "TIME", false, "for how long: 8h, 30d"},
	{OPT_COUNT_OF, "count", 0, "N", false, "how often; default once"},
	{OPT_INSTEAD, "instead", 0, "TEXT", false, "what holds the risk meanwhile"},
	{OPT_SUBJECT, "subject", 0, "NAME", false,
	 "the person behind it: two accounts of one person are one"},
	{OPT_PERSON, "name", 0, "NAME", false, "the person's name"},
	{OPT_DISABLED, "disabled", 0, NULL, false, "it may not sign in, and its sessions end"},
	{OPT_OF_HOST, "host", 0, "ID", false, "of this host alone"},
	{OPT_STORE, "store", 0, "URL", false,
	 "sqlite:FILE or postgresql://...; default the manager's on this machine"},
	{OPT_TOKEN, "token", 0, "TOKEN", false,
	 "the invite's, as ringfence host invite printed it"},
	{OPT_AUTHORITY, "authority", 0, "FILE", false,
	 "the authority's certificate, instead of its fingerprint"},
	{OPT_HOST_NAME, "name", 0, "NAME", false, "what this host is called; default its own name"},
};

const struct cli_command cli_commands[] = {
	{"check", "", "judge this host, its VMs and VM files",
	 "Collects facts, asks every control of the chosen profiles, and says what is wrong, why, and what "
	 "to do next. Nothing on the host is changed. As an ordinary user it does what it can and says what "
	 "root would add.\n\n"
	 "Exit status: 0 clean, 1 could not do it, 2 findings, 64 wrong use.",
	 "ringfence check                              this host and its VMs\n"
	 "ringfence check --vmx /vmfs/exported         every .vmx below a folder\n"
	 "ringfence check --report report.html         and a report to send on\n"
	 "ringfence check --from web-3.tar.gz          another host, from its capture\n"
	 "ringfence check --only 'host.ssh.*' -o json  a part, for a program\n"
	 "ringfence check --fleet --where 'label=zone=dmz'  hosts of a manager",
	 OPTIONS(OPT_ALWAYS, OPT_SOURCES, OPT_PROFILE, OPT_ONLY, OPT_SITE, OPT_OUTPUT, OPT_REPORT,
		 OPT_ALL, OPT_TIMING, OPT_FLEETS, OPT_LAST, OPT_STATE, OPT_CONTROL, OPT_LIMIT),
	 0, 0, cmd_check},
	{"facts", "[TABLE]", "show what was seen, before any judgement",
	 "Without TABLE: the tables with the number of rows and what a row is. With TABLE: its rows. "
	 "-o sqlite:FILE writes everything to a database file.",
	 "ringfence facts                     all tables\n"
	 "ringfence facts vm_nic              the network cards of all VMs\n"
	 "ringfence facts -o sqlite:facts.db  everything, for your own questions",
	 OPTIONS(OPT_ALWAYS, OPT_SOURCES, OPT_OUTPUT, OPT_FLEETS), 0, 1, cmd_facts},
	{"query", "SQL", "ask the facts in SQL, read-only",
	 "One SELECT over the tables that `ringfence facts` lists. With --fleet over the facts of all hosts that "
	 "you may ask about, or of those that --where chooses, as they sent them last: at most 10,000 rows, 4 MiB "
	 "and 10 seconds; every question is an entry of the manager's ledger.",
	 "ringfence query \"SELECT vm, nic, filter FROM vm_nic WHERE filter = ''\"\n"
	 "ringfence query -o csv \"SELECT * FROM listener WHERE everywhere = 1\"\n"
	 "ringfence query --fleet --where label=site=north \"SELECT host, count(*) FROM vm GROUP BY host\"",
	 OPTIONS(OPT_ALWAYS, OPT_SOURCES, OPT_OUTPUT, OPT_FLEET, OPT_WHERE, OPT_LOGIN), 1, 1,
	 cmd_query},
	{"explain", "CONTROL|RESOURCE", "why a control or a resource is as it is",
	 "For a control: what it asks, why it matters, what to do, references, and the findings here. For a "
	 "resource (a VM, a network card, ...): every finding about it with its evidence.",
	 "ringfence explain vm.nic.forged-source\n"
	 "ringfence explain web-1",
	 OPTIONS(OPT_ALWAYS, OPT_SOURCES, OPT_PROFILE, OPT_SITE), 1, 1, cmd_explain},
	{"controls list", "[GLOB]", "list controls and profiles", "",
	 "ringfence controls list\n"
	 "ringfence controls list 'vmx.*'\n"
	 "ringfence controls list --profile sln138",
	 OPTIONS(OPT_ALWAYS, OPT_PROFILE, OPT_SITE, OPT_OUTPUT), 0, 1, cmd_controls_list},
	{"controls show", "CONTROL", "show one control with its references and its SQL", "",
	 "ringfence controls show host.boot.secure-boot", OPTIONS(OPT_ALWAYS, OPT_SITE, OPT_OUTPUT),
	 1, 1, cmd_controls_show},
	{"controls test", "[GLOB]", "run controls' own tests and their mutants",
	 "Each control carries rows with the expected answer. Each of its expressions is then broken in every "
	 "way we know (negated, a clause dropped, a constant or comparison changed): a broken one that no row "
	 "notices is reported, for there the control is not tested.",
	 "ringfence controls test\n"
	 "ringfence controls test 'vm.nic.*'\n"
	 "ringfence controls test --site ./mysite 'site.*'",
	 OPTIONS(OPT_ALWAYS, OPT_SITE, OPT_NO_MUTANTS), 0, 1, cmd_controls_test},
	{"capture", "FILE", "save the raw inputs of this host, to judge elsewhere",
	 "Writes everything that check would read to an archive (.tar.gz), without secrets: no password hash, "
	 "key or token is in it. Judge it with --from on any machine.",
	 "ringfence capture web-3.tar.gz\n"
	 "ringfence check --from web-3.tar.gz",
	 OPTIONS(OPT_ALWAYS, OPT_CONNECT), 1, 1, cmd_capture},
	{"doctor", "", "what this machine can and cannot do",
	 "TPM, IMA, Secure Boot, KVM, libvirt, BPF, BTF, cgroups, Landlock ... each with the line that mends it.",
	 "ringfence doctor", OPTIONS(OPT_ALWAYS, OPT_OUTPUT), 0, 0, cmd_doctor},
	{"modules", "",
	 "loaded kernel modules: who signed them, and what changed since the last boot",
	 "Each loaded module with its signature, its signer, what it taints, and whether its file is still "
	 "the one that IMA measured. The kernel's own verdict is shown: which certificates it has built in "
	 "cannot be read from outside. As root the list of each boot is kept in --state-dir, so that the "
	 "next boot can be held against it.\n\n"
	 "Exit status: 0, or 2 when a module is unsigned, not verified or changed on disk.",
	 "ringfence modules\n"
	 "ringfence modules -a\n"
	 "ringfence modules --from web-3.tar.gz -o json",
	 OPTIONS(OPT_ALWAYS, OPT_FROM, OPT_OUTPUT, OPT_STATE_DIR, OPT_ALL), 0, 0, cmd_modules},
	{"attest status", "", "does this host prove what it booted, and what is missing",
	 "Whether there is a TPM, whether firmware, boot loader and kernel measure into it, whether the logs "
	 "explain the measurements, and whether only signed code runs. Each part that is missing comes with "
	 "the next step. Run it as root to see all.",
	 "ringfence attest status\n"
	 "ringfence attest status --from web-3.tar.gz\n"
	 "ringfence attest status -o json\n"
	 "ringfence attest status --fleet             all hosts of a manager, now",
	 OPTIONS(OPT_ALWAYS, OPT_FROM, OPT_OUTPUT, OPT_FLEETS), 0, 0, cmd_attest_status},
	{"attest evidence", "", "what this host booted, in one file, signed by its TPM",
	 "Asks the TPM to sign the values of its registers (a quote over every bank) with a key that never "
	 "leaves it, and adds the boot log, the IMA list and the certificates that a verifier needs. The "
	 "file holds no secret. With --nonce it is fresh: the number comes from whoever wants to be "
	 "convinced.\n\n"
	 "The attestation key is kept, wrapped by the TPM, in --state-dir and stays the same between runs.",
	 "ringfence attest evidence -o web-3.rfe\n"
	 "ringfence attest evidence -o web-3.rfe --nonce 6a09e667f3bcc908b2fb1366ea957d3e\n"
	 "ringfence attest evidence -o try.rfe --tcti swtpm:port=2321 --state-dir /tmp/state",
	 OPTIONS(OPT_ALWAYS, OPT_FILE, OPT_TCTI, OPT_NONCE, OPT_AK, OPT_STATE_DIR, OPT_FROM), 0, 0,
	 cmd_attest_evidence},
	{"attest baseline create", "EVIDENCE", "remember what a host booted while you trust it",
	 "Verifies the evidence and writes its boot, what it is made of in readable lines, and the identity of "
	 "its TPM to FILE (YAML). Evidence that does not prove itself is refused. If FILE is there, the "
	 "boot is added to it: any approved boot of a baseline is good. Nothing counts until a person "
	 "approves it by name, with --by here or with `attest baseline approve`.\n\n"
	 "Exit status: 0 written, 2 the evidence is untrusted, 1 it could not be done.",
	 "ringfence attest baseline create web-3.rfe -o web-3.baseline.yaml --nonce 6a09e667f3bcc908\n"
	 "ringfence attest baseline create new.rfe -o web-3.baseline.yaml --name after-update",
	 OPTIONS(OPT_ALWAYS, OPT_FILE, OPT_NONCE, OPT_BY, OPT_NAME), 1, 1,
	 cmd_attest_baseline_create},
	{"attest baseline show", "BASELINE", "what is approved, by whom, and what may change",
	 "For the person who is to approve it: the TPM that it belongs to, each boot, each rule with what it "
	 "allows and how far that is proof. The file is refused where a rule could never match.",
	 "ringfence attest baseline show web-3.baseline.yaml", OPTIONS(OPT_ALWAYS), 1, 1,
	 cmd_attest_baseline_show},
	{"attest baseline approve", "BASELINE BOOT", "answer for a boot by name",
	 "Writes your name and the time to that boot of the file; from then on it counts.",
	 "ringfence attest baseline approve web-3.baseline.yaml first --by \"Ada Lovelace\"",
	 OPTIONS(OPT_ALWAYS, OPT_BY), 2, 2, cmd_attest_baseline_approve},
	{"attest baseline predict", "BASELINE [EVIDENCE]",
	 "what the next boot will measure, after an update",
	 "Takes the last boot (EVIDENCE, or the newest approved one of the baseline) and puts in the boot files "
	 "that lie on disk now: shim, grub, grub.cfg, and the kernel and initrd of the entry that GRUB will "
	 "start (its default in grub.cfg, saved or asked for by grub-reboot). Where that is not certain each "
	 "entry that it may be is predicted. Says what will "
	 "change, what the TPM's registers will be, what was assumed and what cannot be predicted. The "
	 "predicted boot is added to the baseline and counts once it is approved. Run it as root on the "
	 "host after the update and before the restart.",
	 "ringfence attest baseline predict web-3.baseline.yaml\n"
	 "ringfence attest baseline predict web-3.baseline.yaml web-3.rfe --from /mnt/web-3",
	 OPTIONS(OPT_ALWAYS, OPT_FROM, OPT_NAME), 1, 2, cmd_attest_baseline_predict},
	{"attest digests", "SOURCE...", "write a list of known contents for a baseline",
	 "Hashes files (SHA-256) into FILE, which a baseline names in its digest-sets. SOURCE is a folder "
	 "(from / on; symbolic links are not followed), dpkg or dpkg:GLOB for what such installed packages "
	 "brought (a file that changed since is left out, and named), a package that is not installed yet "
	 "(FILE.deb), or a file of sha256sum. Several go into one list. With --from the paths are those of "
	 "that host.\n\n"
	 "Exit status: 0 written, 2 written but for files that are named, 1 not written.",
	 "ringfence attest digests dpkg /opt/tools -o known.sums\n"
	 "ringfence attest digests 'dpkg:linux-image-*' -o kernels.sums\n"
	 "ringfence attest digests /var/cache/apt/archives/*.deb -o tomorrow.sums\n"
	 "ringfence attest digests build/SHA256SUMS -o ours.sums",
	 OPTIONS(OPT_ALWAYS, OPT_FILE, OPT_FROM), 1, CLI_MAX_WORDS, cmd_attest_digests},
	{"attest diff", "OLD NEW", "what changed from one boot to another, in words",
	 "OLD and NEW are evidence of `ringfence attest evidence`, raw boot logs, raw IMA lists or baselines "
	 "(then the nearest of its boots counts). One part that changed is one line, however many "
	 "measurements it shows in: \"kernel 6.1.0-55 -> 6.1.0-56; grub.cfg changed; nothing else\". It "
	 "compares and does not judge: whether evidence is genuine, `ringfence attest verify` tells.\n\n"
	 "Exit status: 0 nothing changed, 2 something did, 1 could not compare.",
	 "ringfence attest diff monday.rfe tuesday.rfe\n"
	 "ringfence attest diff web-3.baseline.yaml web-3.rfe\n"
	 "ringfence attest diff -o json old.bin "
	 "/sys/kernel/security/tpm0/binary_bios_measurements",
	 OPTIONS(OPT_ALWAYS, OPT_OUTPUT), 2, 2, cmd_attest_diff},
	{"attest verify", "FILE",
	 "judge evidence of a host: is it the machine, and what did it boot",
	 "Checks the TPM's signature, the nonce, every bank, the boot log against the signed values, the "
	 "list of measured files, who the TPM is, and what differs from the approved baseline. Nothing in "
	 "the file is believed before it is proved, and no rights are needed. Without --baseline nothing "
	 "can be trusted, for nobody said what is good.\n\n"
	 "Roots of TPM makers (--ek-roots) are not part of this program: Infineon, Nuvoton, ST, Intel and "
	 "AMD publish theirs on their web pages; put the PEM or DER files into one folder.\n\n"
	 "Exit status: 0 trusted (perhaps with warnings), 2 untrusted, 1 cannot judge, 64 wrong use.",
	 "ringfence attest verify web-3.rfe --baseline web-3.yaml --nonce 6a09e667f3bcc908b2fb1366ea957d3e\n"
	 "ringfence attest verify web-3.rfe --baseline web-3.yaml --ek-roots /etc/ringfence/ek-roots\n"
	 "ringfence attest verify web-3.rfe -o json",
	 OPTIONS(OPT_ALWAYS, OPT_BASELINE, OPT_EARLIER, OPT_NONCE, OPT_EK_ROOTS, OPT_REMEMBER,
		 OPT_STATE_DIR, OPT_OUTPUT, OPT_ALL),
	 1, 1, cmd_attest_verify},
	{"attest explain", "[FILE]",
	 "each register in words: what it stands for, what changed, why, what next",
	 "For evidence in FILE, or with --live for this machine: the verdict register by register, with the "
	 "event that made it so, old and new, and the next step. --pcr shows one register with every event. "
	 "Exit status as of `attest verify`.",
	 "ringfence attest explain --live\n"
	 "ringfence attest explain web-3.rfe --baseline web-3.yaml\n"
	 "ringfence attest explain web-3.rfe --pcr 7",
	 OPTIONS(OPT_ALWAYS, OPT_LIVE, OPT_PCR, OPT_BASELINE, OPT_EARLIER, OPT_NONCE, OPT_EK_ROOTS,
		 OPT_REMEMBER, OPT_TCTI, OPT_AK, OPT_STATE_DIR, OPT_OUTPUT, OPT_ALL),
	 0, 1, cmd_attest_explain},
	{"attest log", "FILE",
	 "read a log of measurements: boot log, IMA list, systemd's, or evidence",
	 "Shows each event with what it means and whether its digest proves it, and the PCR values that the "
	 "log gives. Understood are boot logs (TCG 1.2 and 2.0, CCEL, TXT), IMA's binary list, systemd's "
	 "tpm2-measure.log, and files of `ringfence attest evidence`. Nothing in a log is believed.",
	 "ringfence attest log /sys/kernel/security/tpm0/binary_bios_measurements\n"
	 "ringfence attest log evidence.rfe --pcr 4\n"
	 "ringfence attest log -o json /sys/kernel/security/ima/binary_runtime_measurements",
	 OPTIONS(OPT_ALWAYS, OPT_OUTPUT, OPT_FORMAT, OPT_PCR), 1, 1, cmd_attest_log},
	{"fix", "[CONTROL...]", "mend what check found: show a plan, apply it, undo it",
	 "Judges as check does, and makes a plan of what would mend the failing controls (all, or those named): "
	 "every change with its old and new value, what it needs and how risky it is. Nothing is changed without "
	 "--apply. Before the first change all old states are saved; a crash at any point is undone at the next "
	 "start. A change that could cut you off wants --confirm-within: it is undone unless you confirm.\n\n"
	 "Exit status: 0 nothing to do or done, 1 could not do it, 2 there is something to do, 64 wrong use.",
	 "ringfence fix                                      what would be changed\n"
	 "ringfence fix 'host.kernel.*' --apply              do a part of it\n"
	 "ringfence fix 'host.ssh.*' --apply --confirm-within 60s\n"
	 "ringfence fix --confirm 20261123-101010-5f3a9c01   keep it\n"
	 "ringfence fix --save plan.json                     for approval\n"
	 "ringfence fix --plan plan.json --apply             later; refused if something changed meanwhile\n"
	 "ringfence fix --vmx /vmfs/web01.vmx --apply        a VM file\n"
	 "ringfence fix 'host.ssh.*' --fleet                 what would be changed on a manager's hosts",
	 OPTIONS(OPT_ALWAYS, OPT_VMX, OPT_XML, OPT_CONNECT, OPT_HOST, OPT_NO_HOST, OPT_PROFILE,
		 OPT_SITE, OPT_OUTPUT, OPT_ALL, OPT_ROOT, OPT_STATE_DIR, OPT_DRY_RUN, OPT_APPLY,
		 OPT_PLAN, OPT_SAVE, OPT_CONFIRM_WITHIN, OPT_CONFIRM, OPT_ROLLBACK, OPT_FLEETS),
	 0, CLI_MAX_WORDS, cmd_fix},
	{"rollback", "[ID]", "undo a change, byte for byte",
	 "Puts back what a plan changed: content, mode, owner and labels. Without ID the newest that is in force. "
	 "Refused, before anything is touched, when somebody else changed one of its targets since.",
	 "ringfence rollback\n"
	 "ringfence rollback 20261123-101010-5f3a9c01",
	 OPTIONS(OPT_ALWAYS, OPT_ROOT, OPT_STATE_DIR), 0, 1, cmd_rollback},
	{"recover", "", "undo what a crash interrupted, or nobody confirmed",
	 "Every command that changes something does this first; ringfence-recover.service does it at each start of the "
	 "host.",
	 "ringfence recover", OPTIONS(OPT_ALWAYS, OPT_ROOT, OPT_STATE_DIR), 0, 0, cmd_recover},
	{"isolate plan", "[POLICY]", "what a policy of isolation would change on this host",
	 "Reads the policy (default /etc/ringfence/isolate.yaml): zones, profiles, and which VM gets which. "
	 "Shows which ports of running VMs the network guard would enforce what on, and which zones may "
	 "exchange frames. Nothing is changed. A VM in two zones, or a port that two VMs claim, is a "
	 "conflict, and so is memory that the host cannot give. It covers network, processor, memory and the "
	 "limits of disks; what else a profile says of disks `isolate verify` looks at.\n\n"
	 "Exit status: 0 the host is as the policy wants, 2 it is not, 1 could not tell, 64 wrong use.",
	 "ringfence isolate plan\n"
	 "ringfence isolate plan policy.yaml -a      also why a network card gets no port\n"
	 "ringfence isolate plan policy.yaml --save plan.json\n"
	 "ringfence isolate plan policy.yaml --fleet --where 'name=web-*'",
	 OPTIONS(OPT_ALWAYS, OPT_XML, OPT_CONNECT, OPT_HOST, OPT_NO_HOST, OPT_OUTPUT, OPT_ALL,
		 OPT_STATE_DIR, OPT_SAVE, OPT_KEPT, OPT_FLEETS),
	 0, 1, cmd_isolate_plan},
	{"isolate apply", "[POLICY]", "enforce a policy of isolation, live",
	 "Makes the plan and applies it: each port is read back, what fails is undone as a whole, and no VM is "
	 "restarted. With a conflict nothing is changed. The guard stays in the kernel when this program "
	 "ends, until the next start of the host. With --confirm-within it is undone unless you confirm. "
	 "With --kept instead of POLICY the one that is in force is applied again: what drifted is mended, and "
	 "what follows a schedule is set to the time of the week; ringfence-isolate.timer does so every five "
	 "minutes.",
	 "ringfence isolate apply policy.yaml\n"
	 "ringfence isolate apply policy.yaml --confirm-within 60s\n"
	 "ringfence isolate apply --kept\n"
	 "ringfence fix --confirm 20261123-101010-5f3a9c01   keep it\n"
	 "ringfence isolate apply policy.yaml --fleet --confirm-within 5m",
	 OPTIONS(OPT_ALWAYS, OPT_XML, OPT_CONNECT, OPT_HOST, OPT_NO_HOST, OPT_OUTPUT, OPT_ALL,
		 OPT_STATE_DIR, OPT_SAVE, OPT_CONFIRM_WITHIN, OPT_KEPT, OPT_FLEETS),
	 0, 1, cmd_isolate_apply},
	{"isolate verify", "[POLICY]", "is every promise configured, enforced and proven",
	 "Asks the live guard about 30 frames for each port (24 forged, 6 honest; nothing is sent): is the "
	 "promise configured, do the programs that hang on the port enforce it, did they answer so. With "
	 "POLICY also: is each port and zone what the policy wants, and what its profiles say of rates and "
	 "disks. Without: every guarded port. --active also sends real frames through token buckets of the "
	 "same rates, in a network namespace of its own (half a second for each limit); puts real load on one "
	 "CPU of each VM, in groups of its own beside the VM's, with the VM's weight and cap (a fifth of a "
	 "second each: VMs on that CPU feel it); and looks whether the kernel merges equal pages of its own.\n\n"
	 "Exit status: 0 all, 2 some are not, 1 could not tell, 64 wrong use.",
	 "ringfence isolate verify\n"
	 "ringfence isolate verify policy.yaml -a    every promise with its evidence\n"
	 "ringfence isolate verify --kept --active\n"
	 "ringfence isolate verify policy.yaml -o json",
	 OPTIONS(OPT_ALWAYS, OPT_XML, OPT_CONNECT, OPT_HOST, OPT_NO_HOST, OPT_OUTPUT, OPT_ALL,
		 OPT_ACTIVE, OPT_STATE_DIR, OPT_KEPT),
	 0, 1, cmd_isolate_verify},
	{"isolate rollback", "[ID]", "undo a change, byte for byte (the same as rollback)", "",
	 "ringfence isolate rollback 20261123-101010-5f3a9c01",
	 OPTIONS(OPT_ALWAYS, OPT_STATE_DIR, OPT_FLEETS, OPT_OUTPUT), 0, 1, cmd_rollback},
	{"isolate trace", "PORT FRAME",
	 "what the live guard would do with a frame from a VM, and why",
	 "FRAME is hexadecimal from the Ethernet header on, or a file of raw bytes. Nothing is sent or "
	 "counted.\n\n"
	 "Exit status: 0 it passes, 2 it is refused, 1 could not tell, 64 wrong use.",
	 "ringfence isolate trace vnet3 'ff:ff:ff:ff:ff:ff 52:54:00:12:34:56 0806 ...'\n"
	 "ringfence isolate trace vnet3 frame.bin",
	 OPTIONS(OPT_ALWAYS), 2, 2, cmd_isolate_trace},
	{"isolate export", "[POLICY]", "write a profile into a VMware .vmx file",
	 "Writes what a profile says in VMware's words (ethernetN.noPromisc and so on) into a .vmx file, for "
	 "each network card that the file has, and shows the lines first. Everything else in the file stays "
	 "as it is, byte by byte; a second run changes nothing. Words whose meaning is only near are named. "
	 "The VM should be off: VMware writes the file of a running one. POLICY defaults to "
	 "/etc/ringfence/isolate.yaml and may be missing for a built-in profile.\n\n"
	 "Exit status: 0 the file says it, 2 it does not (with --dry-run), 1 could not do it, 64 wrong use.",
	 "ringfence isolate export --vmx web01.vmx --profile hostile --dry-run\n"
	 "ringfence isolate export policy.yaml --vmx web01.vmx --vm web01",
	 OPTIONS(OPT_ALWAYS, OPT_VMX_FILE, OPT_OF_PROFILE, OPT_OF_VM, OPT_DRY_RUN), 0, 1,
	 cmd_isolate_export},
	{"isolate import", "FILE.vmx", "print what a VMware .vmx file says as a policy",
	 "A policy in YAML with one profile and one assignment. Lines that a profile cannot carry are named "
	 "in it with the reason, as comments.",
	 "ringfence isolate import web01.vmx > policy.yaml", OPTIONS(OPT_ALWAYS), 1, 1,
	 cmd_isolate_import},
	{"quarantine", "[VM]", "shut a VM in, live, and let it out again",
	 "Levels, each with what the one before it does: observe (its frames are recorded, nothing is refused), "
	 "restrict (only the services of --allow are left), honeywall (all it sends goes to a segment of its own or "
	 "to a honeypot, only from there comes an answer), seal (no frame in or out), freeze (its processors stand "
	 "still, too; memory is kept for forensics).\n\n"
	 "The network guard is switched first, then libvirt plugs each card into a bridge of its own, live and in the "
	 "definition, so that it stays so when the VM is started again. The link of the card never goes down. Frames "
	 "are recorded as pcapng files in STATE/quarantine/record, the newest kept; release leaves them there. "
	 "Every step is one of a plan: shown first, undone as a whole when one fails or a crash comes between. "
	 "--release undoes it: all is as it was. Both are entries of the ledger with their reason. A level is raised "
	 "directly; to lower it, release first. observe and restrict follow it "
	 "to its next port while the guard's service runs (isolate guard start), else end when it is switched off.\n\n"
	 "From restrict on no page of its memory is shared; from honeywall on it gets half of one CPU and 200 operations or "
	 "10 MB a second of each disk; from seal on nobody new reaches its VNC screen, and a SPICE screen with a password is "
	 "shut. What is tighter already stays. All VMs of a zone are one plan; each can be let out alone.\n\n"
	 "Exit status: 0 done, or nothing to do; 2 the plan was shown and not applied; 1 it could not be done; 64 wrong use.",
	 "ringfence quarantine web-1 --level seal                      the plan\n"
	 "ringfence quarantine web-1 --level seal --yes --reason 'beacons to 192.0.2.7'\n"
	 "ringfence quarantine web-1 --level restrict --allow dhcp --allow 10.0.0.5:tcp/22 --yes --reason 'looking'\n"
	 "ringfence quarantine --zone dmz --level honeywall --honeywall vnet9 --yes --reason 'worm'\n"
	 "ringfence quarantine --trusted-only --level restrict --yes --reason 'the host is not trusted'\n"
	 "ringfence quarantine --status\n"
	 "ringfence quarantine web-1 --release --yes --reason 'false alarm'\n"
	 "ringfence quarantine web-1 --level seal --reason 'worm' --fleet --where name=kvm-3",
	 OPTIONS(OPT_ALWAYS, OPT_XML, OPT_CONNECT, OPT_HOST, OPT_NO_HOST, OPT_OUTPUT, OPT_ALL,
		 OPT_STATE_DIR, OPT_SAVE, OPT_CONFIRM_WITHIN, OPT_LEVEL, OPT_RELEASE, OPT_STATUS,
		 OPT_ZONE, OPT_TRUSTED_ONLY, OPT_REASON, OPT_YES, OPT_ALLOW, OPT_HONEYWALL,
		 OPT_POLICY, OPT_RECORD_MAX, OPT_FLEETS),
	 0, 1, cmd_quarantine},
	{"isolate guard start", "",
	 "keep the network guard up: new ports from birth, purges healed",
	 "Starts the guard's service by hand (systemd starts it by ringfence-guard.service). It reads the policy "
	 "that was applied last. Where that names bridges or ports (network: bridges, ports), a port that "
	 "appears there is refused everything until the policy says whose it is. What another program takes "
	 "off (tc, nft, the bridge) is put back. It opens no port and, once started, no file. Its log: "
	 "/var/lib/ringfence/isolate/guard.log.\n\n"
	 "Exit status: 0 it runs, 1 it does not.",
	 "ringfence isolate guard start\n"
	 "systemctl enable --now ringfence-guard",
	 OPTIONS(OPT_ALWAYS, OPT_STATE_DIR, OPT_XML), 0, 0, cmd_isolate_guard_start},
	{"isolate guard stop", "", "end the guard's service; what is guarded stays guarded", "",
	 "ringfence isolate guard stop", OPTIONS(OPT_ALWAYS, OPT_STATE_DIR), 0, 0,
	 cmd_isolate_guard_stop},
	{"isolate guard status", "", "whether the service runs, and what the guard holds",
	 "Exit status: 0 it runs, 2 it does not, 1 could not tell.",
	 "ringfence isolate guard status", OPTIONS(OPT_ALWAYS, OPT_STATE_DIR), 0, 0,
	 cmd_isolate_guard_status},
	{"isolate watch", "", "ports live: frames, drops by reason, heals, who hits them",
	 "On a terminal a table, every second; else a line for each event: frames refused (with a sample of "
	 "one), a guard, fence or rule that somebody took off, a heal. What another program takes off shows "
	 "within a second of it. VMs that are watched for hostile work (ringfence-hostile.service) are shown with "
	 "their counters. Nothing is changed.\n\n"
	 "Exit status: 0 (with --once: 2 where a guard is off), 1 could not look.",
	 "ringfence isolate watch\n"
	 "ringfence isolate watch --once\n"
	 "ringfence isolate watch -o jsonl | logger -t ringfence",
	 OPTIONS(OPT_ALWAYS, OPT_OUTPUT, OPT_ONCE, OPT_STATE_DIR), 0, 0, cmd_isolate_watch},
	{"isolate topology", "[POLICY]",
	 "switches, what is plugged in, and every way out of closed ones",
	 "Draws the switches of this host (bridges, Open vSwitch, libvirt's networks), their ports, VMs, uplinks, "
	 "and network namespaces. Switches that POLICY wants closed (network: closed; default "
	 "/etc/ringfence/isolate.yaml where it is there) are walked to the end: an uplink, the host's own address, "
	 "another switch by a veth pair, a VM with two cards, a VLAN or macvtap, forwarding, a tunnel, or "
	 "something that nobody can look into is told with the way that leads there. A packet filter is not "
	 "counted.\n\n"
	 "Exit status: 0 what is to be closed is, 2 it is not, 1 could not tell, 64 wrong use.",
	 "ringfence isolate topology\n"
	 "ringfence isolate topology policy.yaml -o svg > switches.svg\n"
	 "ringfence isolate topology -o dot | dot -Tpdf > switches.pdf",
	 OPTIONS(OPT_ALWAYS, OPT_FROM, OPT_XML, OPT_CONNECT, OPT_HOST, OPT_NO_HOST, OPT_OUTPUT), 0,
	 1, cmd_isolate_topology},
	{"ledger show", "", "every plan, change, denial and undoing, oldest first", "",
	 "ringfence ledger show",
	 OPTIONS(OPT_ALWAYS, OPT_ROOT, OPT_STATE_DIR, OPT_OUTPUT, OPT_FLEET, OPT_LOGIN), 0, 0,
	 cmd_ledger_show},
	{"ledger verify", "[FILE]", "prove that the ledger is complete and unaltered",
	 "Needs the file (this host's ledger, or an exported one) and its public key. Names the entry that was "
	 "edited, lost, moved or put in. That its end was not cut shows a checkpoint kept elsewhere: --known.\n\n"
	 "Exit status: 0 intact, 2 not.",
	 "ringfence ledger verify\n"
	 "ringfence ledger verify web-3.ledger --key web-3.pub --known checkpoint.txt",
	 OPTIONS(OPT_ALWAYS, OPT_ROOT, OPT_STATE_DIR, OPT_KEY, OPT_KNOWN, OPT_OUTPUT), 0, 1,
	 cmd_ledger_verify},
	{"ledger export", "FILE",
	 "copy the ledger, its public key (FILE.pub) and newest checkpoint (FILE.checkpoint)", "",
	 "ringfence ledger export web-3.ledger",
	 OPTIONS(OPT_ALWAYS, OPT_ROOT, OPT_STATE_DIR, OPT_FLEET, OPT_LOGIN), 1, 1,
	 cmd_ledger_export},
	{"login", "ADDRESS", "sign in to a manager",
	 "Asks the manager for its authority, compares the fingerprint with the one that you give, and keeps a token for this command line (90 days) in a file that nobody else may read. The password is asked for and kept nowhere; at a manager's first start the code that it printed takes its place. Without --fingerprint it is shown and nothing is sent.",
	 "ringfence login https://manager:8443 --fingerprint 3F:9A:... --code 7KQ4-...   at the first start\n"
	 "ringfence login https://manager:8443 --fingerprint 3F:9A:... --user ada\n"
	 "ringfence login https://manager:8443 --fingerprint 3F:9A:... --token-file - < token",
	 OPTIONS(OPT_ALWAYS, OPT_LOGIN, OPT_FINGERPRINT, OPT_CODE, OPT_USER, OPT_TOKEN_FILE), 1, 1,
	 cmd_login},
	{"logout", "", "take this command line's token back, and forget it", "", "ringfence logout",
	 OPTIONS(OPT_ALWAYS, OPT_LOGIN), 0, 0, cmd_logout},
	{"host list", "", "the fleet's hosts: state, last good verdict, failing controls",
	 "States: TRUSTED, WARNING, UNTRUSTED, STALE (nothing good for too long), NEW (waits for host approve), NO_TPM, RETIRED.",
	 "ringfence host list\n"
	 "ringfence host list --state UNTRUSTED\n"
	 "ringfence host list --name 'web-*' -o csv\n"
	 "curl --cacert ca.pem -H \"Authorization: Bearer $TOKEN\" https://manager:8443/api/v1/hosts   the same",
	 OPTIONS(OPT_MANAGER, OPT_STATE, OPT_GLOB, OPT_LABEL, OPT_LIMIT), 0, 0, cmd_fleet},
	{"host show", "HOST", "one host; its verdicts, changes or findings", "",
	 "ringfence host show kvm-7\n"
	 "ringfence host show kvm-7 --verdicts\n"
	 "ringfence host show kvm-7 --findings --state FAIL",
	 OPTIONS(OPT_MANAGER, OPT_VERDICTS, OPT_CHANGES, OPT_FINDINGS, OPT_STATE, OPT_CONTROL,
		 OPT_LIMIT),
	 1, 1, cmd_fleet},
	{"host approve", "HOST", "let a host that joined take part: its boot becomes the baseline",
	 "",
	 "ringfence host list --state NEW\n"
	 "ringfence host approve kvm-7",
	 OPTIONS(OPT_MANAGER), 1, 1, cmd_fleet},
	{"host retire", "HOST", "take a host out for good, and revoke its certificate", "",
	 "ringfence host retire kvm-7 --reason 'hardware returned'",
	 OPTIONS(OPT_MANAGER, OPT_REASON), 1, 1, cmd_fleet},
	{"host invite", "", "print a token with which one host joins",
	 "It counts once, for an hour unless --minutes says otherwise, and is shown this once.",
	 "ringfence host invite\n"
	 "ringfence host invite --label zone=dmz --minutes 15",
	 OPTIONS(OPT_MANAGER, OPT_BELOW, OPT_LABELS, OPT_MINUTES), 0, 0, cmd_fleet},
	{"host invites", "", "invites: who made them, and which host used them", "",
	 "ringfence host invites", OPTIONS(OPT_MANAGER), 0, 0, cmd_fleet},
	{"host uninvite", "INVITE", "take an invite back", "", "ringfence host uninvite i-2b91",
	 OPTIONS(OPT_MANAGER), 1, 1, cmd_fleet},
	{"host commands", "", "what agents were told to do, and what came of it", "",
	 "ringfence host commands\n"
	 "ringfence host commands --host kvm-7 --limit 5",
	 OPTIONS(OPT_MANAGER, OPT_OF_HOST, OPT_LIMIT), 0, 0, cmd_fleet},
	{"host command", "COMMAND", "one command and its result", "",
	 "ringfence host command c-81d0", OPTIONS(OPT_MANAGER), 1, 1, cmd_fleet},
	{"agent join", "ADDRESS", "make this host one of a manager's hosts",
	 "Runs ringfence-agent join, as root: proves the TPM's identity to the manager, gets a certificate, and keeps both below --state-dir. `ringfence host invite` prints the whole line to type.",
	 "ringfence agent join https://manager:8443 --token ... --fingerprint ...\n"
	 "systemctl enable --now ringfence-agent",
	 OPTIONS(OPT_ALWAYS, OPT_TOKEN, OPT_FINGERPRINT, OPT_AUTHORITY, OPT_HOST_NAME, OPT_TCTI,
		 OPT_STATE_DIR),
	 1, 1, cmd_agent},
	{"agent status", "", "does the agent run here, and for which manager",
	 "Exit status: 0 it runs, 2 it does not, 1 could not tell.", "ringfence agent status",
	 OPTIONS(OPT_ALWAYS, OPT_STATE_DIR), 0, 0, cmd_agent},
	{"agent leave", "", "forget the manager", "", "ringfence agent leave",
	 OPTIONS(OPT_ALWAYS, OPT_STATE_DIR), 0, 0, cmd_agent},
	{"events", "", "what happened in the fleet, and what happens",
	 "The newest, unless --after says from where.",
	 "ringfence events --limit 20\n"
	 "ringfence events --follow\n"
	 "ringfence events --follow -o jsonl | jq .kind",
	 OPTIONS(OPT_MANAGER, OPT_FOLLOW, OPT_AFTER, OPT_LIMIT), 0, 0, cmd_fleet},
	{"approval list", "", "what waits for a second person", "",
	 "ringfence approval list --state requested", OPTIONS(OPT_MANAGER, OPT_STATE, OPT_LIMIT), 0,
	 0, cmd_fleet},
	{"approval show", "APPROVAL", "what exactly would be done, and its digest", "",
	 "ringfence approval show a-19c4", OPTIONS(OPT_MANAGER), 1, 1, cmd_fleet},
	{"approval approve", "APPROVAL", "be the second person",
	 "Never for what you requested yourself. The digest says which act you mean: of what you read, not of what it became.",
	 "ringfence approval approve a-19c4 --digest 5e88... --comment 'change 4711'",
	 OPTIONS(OPT_MANAGER, OPT_DIGEST, OPT_COMMENT, OPT_FOR, OPT_COUNT_OF), 1, 1, cmd_fleet},
	{"approval deny", "APPROVAL", "say no, or take an approval back", "",
	 "ringfence approval deny a-19c4 --reason 'not on a Friday'",
	 OPTIONS(OPT_MANAGER, OPT_REASON), 1, 1, cmd_fleet},
	{"approval cancel", "APPROVAL", "take your own request back", "",
	 "ringfence approval cancel a-19c4", OPTIONS(OPT_MANAGER), 1, 1, cmd_fleet},
	{"approval rules", "", "which operations want how many eyes", "",
	 "ringfence approval rules", OPTIONS(OPT_MANAGER), 0, 0, cmd_fleet},
	{"approval rule", "OPERATION", "ask for more eyes, or fewer, for an operation",
	 "LEVEL is record, notify, one, two or window (two, and a time that both agree on), and never below the operation's floor. "
	 "What is left out is as the program has it. The change wants a second person itself.",
	 "ringfence approval rule quarantine.begin --level one",
	 OPTIONS(OPT_MANAGER, OPT_LEVEL, OPT_FOR, OPT_COUNT_OF), 1, 1, cmd_fleet},
	{"waiver list", "", "findings that somebody accepts for a time", "",
	 "ringfence waiver list", OPTIONS(OPT_MANAGER), 0, 0, cmd_fleet},
	{"waiver propose", "CONTROL RESOURCE", "ask that a finding be accepted for a time",
	 "RESOURCE is a glob; of the host itself its name. You are its owner; another person approves it.",
	 "ringfence waiver propose host.ssh.root-login kvm-3 --reason 'until the migration' --instead 'only from the jump host' --for 30d",
	 OPTIONS(OPT_MANAGER, OPT_REASON, OPT_INSTEAD, OPT_FOR), 2, 2, cmd_fleet},
	{"waiver approve", "WAIVER", "accept a finding that another person owns", "",
	 "ringfence waiver approve w-03aa", OPTIONS(OPT_MANAGER), 1, 1, cmd_fleet},
	{"waiver revoke", "WAIVER", "end a waiver before its time", "",
	 "ringfence waiver revoke w-03aa", OPTIONS(OPT_MANAGER), 1, 1, cmd_fleet},
	{"role list", "", "roles and what they allow", "", "ringfence role list",
	 OPTIONS(OPT_MANAGER), 0, 0, cmd_fleet},
	{"role privileges", "", "all that a role may allow", "", "ringfence role privileges",
	 OPTIONS(OPT_MANAGER), 0, 0, cmd_fleet},
	{"role set", "ROLE [PRIVILEGE...]", "make a role, or change all of it",
	 "Without a privilege it hides what is below from those who have this role alone.",
	 "ringfence role set watcher object.view object.read event.read --title 'looks only'",
	 OPTIONS(OPT_MANAGER, OPT_TITLE), 1, CLI_MAX_WORDS, cmd_fleet},
	{"role remove", "ROLE", "remove a role that nobody has", "",
	 "ringfence role remove watcher", OPTIONS(OPT_MANAGER), 1, 1, cmd_fleet},
	{"duty list", "", "duties of which a person holds one, ours and the site's", "",
	 "ringfence duty list", OPTIONS(OPT_MANAGER), 0, 0, cmd_fleet},
	{"duty set", "SET", "keep more duties apart",
	 "Two to eight duties; `ringfence duty list` names ours. It is refused while somebody would break it, and wants a second "
	 "person itself.",
	 "ringfence duty set networks-disks --why 'who plugs does not store' --duty 'networker=network.write network.use' --duty 'storage admin='",
	 OPTIONS(OPT_MANAGER, OPT_DUTY, OPT_WHY, OPT_SAME_PLACE), 1, 1, cmd_fleet},
	{"duty remove", "SET", "keep the site's set apart no more; ours stay", "",
	 "ringfence duty remove networks-disks", OPTIONS(OPT_MANAGER), 1, 1, cmd_fleet},
	{"duty conflicts", "", "who holds duties that exclude each other, and what can be done", "",
	 "ringfence duty conflicts", OPTIONS(OPT_MANAGER), 0, 0, cmd_fleet},
	{"grant list", "", "who has which role where", "", "ringfence grant list",
	 OPTIONS(OPT_MANAGER), 0, 0, cmd_fleet},
	{"grant give", "PRINCIPAL ROLE", "give a role on an object, in place of another there", "",
	 "ringfence grant give ada watcher\n"
	 "ringfence grant give ops operator --group --on site:west\n"
	 "ringfence grant give ada operator --on host:kvm-7 --conditions office-hours.json",
	 OPTIONS(OPT_MANAGER, OPT_ON, OPT_GROUP, OPT_HERE_ONLY, OPT_CONDITIONS), 2, 2, cmd_fleet},
	{"grant take", "PRINCIPAL", "take a role on an object back", "",
	 "ringfence grant take ada\n"
	 "ringfence grant take ops --group --on site:west",
	 OPTIONS(OPT_MANAGER, OPT_ON, OPT_GROUP), 1, 1, cmd_fleet},
	{"grant explain", "OBJECT USER", "what a user may do to an object, and why", "",
	 "ringfence grant explain host:kvm-7 ada", OPTIONS(OPT_MANAGER), 2, 2, cmd_fleet},
	{"user list", "", "accounts", "", "ringfence user list", OPTIONS(OPT_MANAGER, OPT_LIMIT), 0,
	 0, cmd_fleet},
	{"user show", "USER", "one account", "", "ringfence user show ada", OPTIONS(OPT_MANAGER), 1,
	 1, cmd_fleet},
	{"user add", "USER",
	 "let a user in, or change the account; the password is the system's (PAM)", "",
	 "ringfence user add ada --name 'Ada L.'\n"
	 "ringfence user add ada --disabled",
	 OPTIONS(OPT_MANAGER, OPT_SUBJECT, OPT_PERSON, OPT_DISABLED), 1, 1, cmd_fleet},
	{"user sign-out", "USER", "end all sessions of an account", "",
	 "ringfence user sign-out ada", OPTIONS(OPT_MANAGER), 1, 1, cmd_fleet},
	{"group add", "GROUP USER", "put a user into a group", "", "ringfence group add ops ada",
	 OPTIONS(OPT_MANAGER), 2, 2, cmd_fleet},
	{"group remove", "GROUP USER", "take a user out of a group", "",
	 "ringfence group remove ops ada", OPTIONS(OPT_MANAGER), 2, 2, cmd_fleet},
	{"object list", "", "the inventory: sites, groups, hosts, VMs, networks, storage", "",
	 "ringfence object list", OPTIONS(OPT_MANAGER, OPT_LIMIT), 0, 0, cmd_fleet},
	{"object set", "OBJECT KIND NAME", "make an object of the inventory, or change all of it",
	 "KIND: site, group, host, vm, network or storage.",
	 "ringfence object set site:west site West\n"
	 "ringfence object set group:dmz group DMZ --below site:west --label zone=dmz",
	 OPTIONS(OPT_MANAGER, OPT_PARENT, OPT_LABELS), 3, 3, cmd_fleet},
	{"object remove", "OBJECT", "take an object out of the inventory", "",
	 "ringfence object remove group:dmz", OPTIONS(OPT_MANAGER), 1, 1, cmd_fleet},
	{"token list", "", "tokens for programs; your own", "", "ringfence token list",
	 OPTIONS(OPT_MANAGER, OPT_USER), 0, 0, cmd_fleet},
	{"token add", "NAME", "make a token for a program; it is shown this once", "",
	 "ringfence token add grafana --privilege object.view --privilege object.read --days 90",
	 OPTIONS(OPT_MANAGER, OPT_DAYS, OPT_PRIVILEGE), 1, 1, cmd_fleet},
	{"token revoke", "TOKEN", "take a token back", "", "ringfence token revoke t-5d2e",
	 OPTIONS(OPT_MANAGER), 1, 1, cmd_fleet},
	{"store backup", "FILE", "copy a manager's SQLite store while it runs", "",
	 "ringfence store backup /backup/manager.db\n"
	 "ringfence store backup /backup/manager.db --store sqlite:/srv/ringfence/manager.db",
	 OPTIONS(OPT_ALWAYS, OPT_STORE), 1, 1, cmd_store_backup},
	{"store migrate", "FROM TO", "copy a SQLite store into PostgreSQL, and compare every table",
	 "TO is empty and at this program's version (store upgrade, as its owner). The managers stand still meanwhile.",
	 "ringfence store upgrade --store postgresql:///ringfence\n"
	 "ringfence store migrate sqlite:/var/lib/ringfence-manager/manager.db postgresql:///ringfence",
	 OPTIONS(OPT_ALWAYS), 2, 2, cmd_store_migrate},
	{"store upgrade", "", "bring a store to this program's version",
	 "In PostgreSQL as the owner of the schema, who is not who runs the manager.",
	 "ringfence store upgrade\n"
	 "ringfence store upgrade --store postgresql:///ringfence",
	 OPTIONS(OPT_ALWAYS, OPT_STORE), 0, 0, cmd_store_upgrade},
	{"man", "[COMMAND]", "print a man page (roff), made from the same tables as this help", "",
	 "ringfence man check | man -l -", OPTIONS(OPT_ALWAYS), 0, 3, cmd_man},
	{"completion", "", "print the completion script for bash", "",
	 "source <(ringfence completion)", OPTIONS(OPT_ALWAYS), 0, 0, cmd_completion},
};
const size_t cli_commands_count = RF_COUNT(cli_commands);
