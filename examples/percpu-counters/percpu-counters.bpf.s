# Counters that need no atomics: every CPU has its own. A new key gets its memory from bpf_mem_alloc.

.map  hits  type=percpu_hash key=8 value=8 entries=16 flags=no_prealloc
.map  total type=percpu_array value=8
.license "GPL"

# Counts the key in the context, on the CPU that it runs on. Returns what the CPU has counted of it.
.program count type=syscall
    r6 = *(u64 *)(r1 + 0)
    *(u32 *)(r10 - 4) = 0
    r1 = total ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto failed
    r1 = *(u64 *)(r0 + 0)
    r1 += 1
    *(u64 *)(r0 + 0) = r1

    *(u64 *)(r10 - 16) = r6
    r1 = hits ll
    r2 = r10
    r2 += -16
    call bpf_map_lookup_elem
    if r0 != 0 goto add
    *(u64 *)(r10 - 24) = 0               # other CPUs get zeros as well
    r1 = hits ll
    r2 = r10
    r2 += -16
    r3 = r10
    r3 += -24
    r4 = 0
    call bpf_map_update_elem
    r1 = hits ll
    r2 = r10
    r2 += -16
    call bpf_map_lookup_elem
    if r0 == 0 goto failed
add:
    r1 = *(u64 *)(r0 + 0)
    r1 += 1
    *(u64 *)(r0 + 0) = r1
    r0 = r1
    exit
failed:
    r0 = -1
    exit

# Adds up what CPUs 0 and 1 have counted of the key.
.program sum type=syscall
    r1 = *(u64 *)(r1 + 0)
    *(u64 *)(r10 - 8) = r1
    r6 = 0                               # CPU
    r7 = 0                               # sum
next:
    r1 = hits ll
    r2 = r10
    r2 += -8
    r3 = r6
    call bpf_map_lookup_percpu_elem
    if r0 == 0 goto done
    r1 = *(u64 *)(r0 + 0)
    r7 += r1
    r6 += 1
    if r6 < 2 goto next
done:
    r0 = r7
    exit
