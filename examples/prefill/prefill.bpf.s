# A reserve for where nothing can be refilled: with interrupts off, an allocator has what lies on the CPU's list.

.alloc pool  size=512                    # the map's elements come from it, and what programs take themselves
.map   log   type=hash key=u32 value=400 entries=64 flags=no_prealloc alloc=pool
.license "GPL"

# Reserves as many objects as the context says. Returns 0, or a negative error number.
.program reserve type=syscall
    r3 = *(u32 *)(r1 + 0)
    r1 = pool ll
    w2 = 512
    call bpf_mem_prefill
    exit

# Adds 64 keys with interrupts off. Returns how many the map took.
.program burst type=syscall
    r6 = 0                               # key
    r7 = 0                               # taken
    r1 = r10
    r1 += -8
    call bpf_local_irq_save
next:
    *(u32 *)(r10 - 12) = r6
    r1 = log ll
    r2 = r10
    r2 += -12
    r3 = r10
    r3 += -416
    r4 = 1                               # BPF_NOEXIST
    call bpf_map_update_elem
    if r0 != 0 goto refused
    r7 += 1
refused:
    r6 += 1
    if r6 < 64 goto next
    r1 = r10
    r1 += -8
    call bpf_local_irq_restore
    r0 = r7
    exit

# Takes an object of the pool and gives it back. Returns what was in it, -1 without memory.
.program borrow type=syscall
    r1 = pool ll
    call bpf_mem_cache_alloc
    if r0 == 0 goto none
    *(u64 *)(r0 + 504) = 42
    r6 = *(u64 *)(r0 + 504)
    r1 = pool ll
    r2 = r0
    call bpf_mem_cache_free
    r0 = r6
    exit
none:
    r0 = -1
    exit
