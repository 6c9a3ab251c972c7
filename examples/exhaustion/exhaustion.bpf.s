# Programs that take memory until there is none, and keep it. Whoever asks then gets NULL or -ENOMEM, and goes on.

.struct item
    val: u64
    pad: u8[248]
.end

.struct slot
    held: ptr item kptr
.end

.map slots type=array key=u32 value=slot entries=8192
.map log   type=hash  key=u32 value=120  entries=16384 flags=no_prealloc
.alloc pool size=500
.global calls: u64                       # how often memory was asked for
.license "GPL"

# Puts an object into each slot: the map keeps them all. Returns how many there were to be had.
.program keep type=syscall
    r6 = 0                               # slot
    r7 = 0                               # objects
next_slot:
    *(u32 *)(r10 - 4) = r6
    r1 = slots ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto kept
    r8 = r0
    r1 = item.id
    r2 = 0
    call bpf_obj_new
    if r0 == 0 goto next
    r1 = r8
    r1 += slot.held
    r2 = r0
    call bpf_kptr_xchg
    r7 += 1
    if r0 == 0 goto next
    r1 = r0
    r2 = 0
    call bpf_obj_drop
next:
    r6 += 1
    may_goto kept
    goto next_slot
kept:
    r0 = r7
    exit

# Adds keys to a map that grows with them, until it says no. Returns what it says.
.program grow type=syscall
    r6 = 0
next_key:
    *(u32 *)(r10 - 4) = r6
    r1 = log ll
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -128
    r4 = 1                               # BPF_NOEXIST
    call bpf_map_update_elem
    if r0 != 0 goto refused
    r6 += 1
    may_goto refused
    goto next_key
refused:
    r1 = calls ll
    *(u64 *)(r1 + 0) = r6
    exit

# Takes memory and forgets it, which no verifier lets pass. Returns how many objects it got.
.program leak type=syscall
    r6 = 0
again:
    w1 = 1000
    call bpf_mem_alloc
    if r0 == 0 goto dry
    r6 += 1
    goto again
dry:
    r0 = r6
    exit

# The same with an allocator of its own.
.program leak_pool type=syscall
    r6 = 0
more:
    r1 = pool ll
    call bpf_mem_cache_alloc
    if r0 == 0 goto none
    r6 += 1
    goto more
none:
    r0 = r6
    exit

# What any program can still do.
.program alive type=syscall
    r1 = calls ll
    r0 = *(u64 *)(r1 + 0)
    exit
