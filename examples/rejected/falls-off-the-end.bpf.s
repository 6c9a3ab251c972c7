# The last instruction must leave.
# expect: EINVAL last insn is not an exit or jmp

.license "GPL"

.program main type=syscall
    r0 = 0
