# SPDX-License-Identifier: Apache-2.0
"""The guard's programs under Debian's own kernel (6.1, its verifier): the whole table of frames, in a VM without KVM."""
import guard_lab
import kernel_lab


def test_every_frame_is_judged_alike_by_an_older_kernel(tmp_path):
    text = kernel_lab.boot(tmp_path, guard_lab.TOOL.parents[1] / "unit/test_guard_frames", ["net/sched/cls_bpf", "net/sched/sch_ingress"],
                           '/test_guard_frames\necho "exit status $?"')[-4000:]
    assert "exit status 0" in text, text
    assert "SKIPPED" not in text, text
