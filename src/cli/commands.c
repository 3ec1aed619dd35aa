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
	{OPT_LEVEL, "level", 0, "LEVEL", false, "observe, restrict, honeywall, seal or freeze"},
	{OPT_RELEASE, "release", 0, NULL, false, "undo the quarantine: everything as before"},
	{OPT_STATUS, "status", 0, NULL, false, "who is in quarantine, since when, why"},
	{OPT_ZONE, "zone", 0, "NAME", false, "all VMs of this zone"},
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
	 "ringfence check --only 'host.ssh.*' -o json  a part, for a program",
	 OPTIONS(OPT_ALWAYS, OPT_SOURCES, OPT_PROFILE, OPT_ONLY, OPT_SITE, OPT_OUTPUT, OPT_REPORT,
		 OPT_ALL, OPT_TIMING),
	 0, 0, cmd_check},
	{"facts", "[TABLE]", "show what was seen, before any judgement",
	 "Without TABLE: the tables with the number of rows and what a row is. With TABLE: its rows. "
	 "-o sqlite:FILE writes everything to a database file.",
	 "ringfence facts                     all tables\n"
	 "ringfence facts vm_nic              the network cards of all VMs\n"
	 "ringfence facts -o sqlite:facts.db  everything, for your own questions",
	 OPTIONS(OPT_ALWAYS, OPT_SOURCES, OPT_OUTPUT), 0, 1, cmd_facts},
	{"query", "SQL", "ask the facts in SQL, read-only",
	 "One SELECT over the tables that `ringfence facts` lists.",
	 "ringfence query \"SELECT vm, nic, filter FROM vm_nic WHERE filter = ''\"\n"
	 "ringfence query -o csv \"SELECT * FROM listener WHERE everywhere = 1\"",
	 OPTIONS(OPT_ALWAYS, OPT_SOURCES, OPT_OUTPUT), 1, 1, cmd_query},
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
	 "ringfence attest status -o json",
	 OPTIONS(OPT_ALWAYS, OPT_FROM, OPT_OUTPUT), 0, 0, cmd_attest_status},
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
	 "ringfence fix --vmx /vmfs/web01.vmx --apply        a VM file",
	 OPTIONS(OPT_ALWAYS, OPT_VMX, OPT_XML, OPT_CONNECT, OPT_HOST, OPT_NO_HOST, OPT_PROFILE,
		 OPT_SITE, OPT_OUTPUT, OPT_ALL, OPT_ROOT, OPT_STATE_DIR, OPT_DRY_RUN, OPT_APPLY,
		 OPT_PLAN, OPT_SAVE, OPT_CONFIRM_WITHIN, OPT_CONFIRM, OPT_ROLLBACK),
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
	 "ringfence isolate plan policy.yaml --save plan.json",
	 OPTIONS(OPT_ALWAYS, OPT_XML, OPT_CONNECT, OPT_HOST, OPT_NO_HOST, OPT_OUTPUT, OPT_ALL,
		 OPT_STATE_DIR, OPT_SAVE, OPT_KEPT),
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
	 "ringfence fix --confirm 20261123-101010-5f3a9c01   keep it",
	 OPTIONS(OPT_ALWAYS, OPT_XML, OPT_CONNECT, OPT_HOST, OPT_NO_HOST, OPT_OUTPUT, OPT_ALL,
		 OPT_STATE_DIR, OPT_SAVE, OPT_CONFIRM_WITHIN, OPT_KEPT),
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
	 "ringfence isolate rollback 20261123-101010-5f3a9c01", OPTIONS(OPT_ALWAYS, OPT_STATE_DIR),
	 0, 1, cmd_rollback},
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
	 "ringfence quarantine --status\n"
	 "ringfence quarantine web-1 --release --yes --reason 'false alarm'",
	 OPTIONS(OPT_ALWAYS, OPT_XML, OPT_CONNECT, OPT_HOST, OPT_NO_HOST, OPT_OUTPUT, OPT_ALL,
		 OPT_STATE_DIR, OPT_SAVE, OPT_CONFIRM_WITHIN, OPT_LEVEL, OPT_RELEASE, OPT_STATUS,
		 OPT_ZONE, OPT_REASON, OPT_YES, OPT_ALLOW, OPT_HONEYWALL, OPT_POLICY,
		 OPT_RECORD_MAX),
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
	 "ringfence ledger show", OPTIONS(OPT_ALWAYS, OPT_ROOT, OPT_STATE_DIR, OPT_OUTPUT), 0, 0,
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
	 "ringfence ledger export web-3.ledger", OPTIONS(OPT_ALWAYS, OPT_ROOT, OPT_STATE_DIR), 1, 1,
	 cmd_ledger_export},
	{"man", "[COMMAND]", "print a man page (roff), made from the same tables as this help", "",
	 "ringfence man check | man -l -", OPTIONS(OPT_ALWAYS), 0, 3, cmd_man},
	{"completion", "", "print the completion script for bash", "",
	 "source <(ringfence completion)", OPTIONS(OPT_ALWAYS), 0, 0, cmd_completion},
};
const size_t cli_commands_count = RF_COUNT(cli_commands);
