# Adds keys in a burst with interrupts off, and takes them out again. User space says how large a value is.

.map    log   type=hash key=u32 value=u64 entries=256 flags=no_prealloc
.global value: u8[4096]
.license "GPL"

# Adds 64 keys, from the first on that the context names. Returns how many the map took.
.program burst type=syscall
    r6 = *(u32 *)(r1 + 0)
    r7 = 0                               # taken
    r8 = 0                               # attempts
    r1 = r10
    r1 += -8
    call bpf_local_irq_save
next:
    *(u32 *)(r10 - 12) = r6
    r1 = log ll
    r2 = r10
    r2 += -12
    r3 = value ll
    r4 = 1                               # BPF_NOEXIST
    call bpf_map_update_elem
    if r0 != 0 goto refused
    r7 += 1
refused:
    r6 += 1
    r8 += 1
    if r8 < 64 goto next
    r1 = r10
    r1 += -8
    call bpf_local_irq_restore
    r0 = r7
    exit

# Adds and deletes a key 64 times, as most maps are used.
.program churn type=syscall
    r6 = *(u32 *)(r1 + 0)
    r7 = 0
next:
    *(u32 *)(r10 - 4) = r6
    r1 = log ll
    r2 = r10
    r2 += -4
    r3 = value ll
    r4 = 0
    call bpf_map_update_elem
    r1 = log ll
    r2 = r10
    r2 += -4
    call bpf_map_delete_elem
    r7 += 1
    if r7 < 64 goto next
    r0 = 0
    exit
