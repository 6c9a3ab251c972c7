# What the verifier would refuse, run unchecked on a machine that watches its memory: one mistake a program.

.struct item
    val: u64
    seen: u64
.end

.alloc pool  size=64
.map   hits  type=hash key=u32 value=u64 entries=8 flags=no_prealloc
.license "GPL"

# Gives the same object back twice. The second free is not done: the pool does not hand the object out twice.
.program double_free type=syscall
    r1 = pool ll
    call bpf_mem_cache_alloc
    if r0 == 0 goto done
    r6 = r0
    r1 = pool ll
    r2 = r6
    call bpf_mem_cache_free
    r1 = pool ll
    r2 = r6
    call bpf_mem_cache_free
done:
    r0 = 0
    exit

# Drops an object twice.
.program double_drop type=syscall
    r1 = item.id
    r2 = 0
    call bpf_obj_new
    if r0 == 0 goto nothing
    r6 = r0
    r1 = r6
    r2 = 0
    call bpf_obj_drop
    r1 = r6
    r2 = 0
    call bpf_obj_drop
nothing:
    r0 = 0
    exit

# Reads and writes what it has given back.
.program use_after_free type=syscall
    w1 = 100
    call bpf_mem_alloc
    if r0 == 0 goto none
    r6 = r0
    *(u64 *)(r6 + 16) = 1
    r1 = r6
    call bpf_mem_free
    r7 = *(u64 *)(r6 + 16)               # finds poison: 6b 6b 6b 6b 6b 6b 6b 6b
    *(u32 *)(r6 + 16) = 2
    r0 = r7
    exit
none:
    r0 = 0
    exit

# Writes behind the end of its 100 bytes: into room that the allocator has rounded up to, and that nobody else has.
.program past_the_end type=syscall
    w1 = 100
    call bpf_mem_alloc
    if r0 == 0 goto no_memory
    r6 = r0
    *(u64 *)(r6 + 96) = -1
    r1 = r6
    call bpf_mem_free
no_memory:
    r0 = 0
    exit

# Keeps the pointer to a value whose key it deletes.
.program stale_value type=syscall
    *(u32 *)(r10 - 4) = 1
    *(u64 *)(r10 - 16) = 5
    r1 = hits ll
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -16
    r4 = 0
    call bpf_map_update_elem
    r1 = hits ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto absent
    r6 = r0
    r1 = hits ll
    r2 = r10
    r2 += -4
    call bpf_map_delete_elem
    *(u64 *)(r6 + 0) = 6
absent:
    r0 = 0
    exit
