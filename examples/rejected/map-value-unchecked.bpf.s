# A look-up may find nothing.
# expect: EACCES R0 invalid mem access 'map_value_or_null'

.map    hits   type=array key=4 value=8 entries=16
.license "GPL"

.program main type=syscall
    call bpf_get_prandom_u32
    *(u32 *)(r10 - 4) = r0
    r2 = r10
    r2 += -4
    r1 = hits ll
    call bpf_map_lookup_elem
    r0 = *(u64 *)(r0 + 0)                # mend: if r0 == 0 goto ...
    exit
