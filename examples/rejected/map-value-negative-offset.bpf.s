# An index that may be negative.
# expect: EACCES R1 min value is negative, either use unsigned index or do a if (index >=0) check.

.global table: u64
.license "GPL"

.program main type=syscall
    r6 = *(u64 *)(r1 + 0)
    if r6 s> 4 goto out
    if r6 s< -4 goto out                 # mend: if r6 s< 0 goto out
    r1 = table ll
    r1 += r6
    r0 = *(u8 *)(r1 + 0)
    exit
out:
    r0 = 0
    exit
