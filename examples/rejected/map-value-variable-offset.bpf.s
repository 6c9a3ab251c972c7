# An index that nobody bounded.
# expect: EINVAL math between map_value pointer and register with unbounded min value is not allowed

.global table: u64
.license "GPL"

.program main type=syscall
    call bpf_get_prandom_u32
    r1 = table ll
    r1 += r0                             # mend: r0 &= 7, and a table large enough
    r0 = *(u8 *)(r1 + 0)
    exit
