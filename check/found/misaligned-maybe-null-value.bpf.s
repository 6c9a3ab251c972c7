# A misaligned atomic through a map value that may be null: Linux does not say to what.
# linux: EACCES misaligned access off 0+0+4 size 8
# cpus: 2
.map arr type=array key=4 value=64 entries=4
.program main type=syscall
    *(u32 *)(r10 - 4) = 9
    r2 = r10
    r2 += -4
    r1 = arr ll
    call bpf_map_lookup_elem
    r3 = 1
    lock *(u64 *)(r0 + 4) &= r3
    exit
