# A program that needs memory where it happens to run: what it gets when the list of its CPU runs dry.

.map    log   type=hash key=u32 value=u64 entries=4096 flags=no_prealloc
.global first: u32                       # the next new key
.global stored: u64
.global no_memory: u64
.global busy: u64
.license "GPL"

# Adds 100 new keys, one by one. Returns how many the map took.
.program burst type=kprobe
    call add_100
    exit

# The same with interrupts off.
.program burst_off type=kprobe
    r1 = r10
    r1 += -8
    call bpf_local_irq_save
    call add_100
    r6 = r0
    r1 = r10
    r1 += -8
    call bpf_local_irq_restore
    r0 = r6
    exit

# Adds one, and counts what came of it.
.program single type=kprobe
    call add
    r1 = stored ll
    if r0 == 0 goto count
    r1 = no_memory ll
    if r0 == -12 goto count
    r1 = busy ll                         # the bucket's lock: -EDEADLK
count:
    r2 = *(u64 *)(r1 + 0)
    r2 += 1
    *(u64 *)(r1 + 0) = r2
    r0 = 0
    exit

.func add_100
    r6 = 0                               # attempts
    r7 = 0                               # taken
next:
    call add
    if r0 != 0 goto refused
    r7 += 1
refused:
    r6 += 1
    if r6 < 100 goto next
    r0 = r7
    exit

.func add
    r1 = first ll
    w2 = *(u32 *)(r1 + 0)
    *(u32 *)(r10 - 4) = w2
    *(u64 *)(r10 - 16) = r2
    w2 += 1
    *(u32 *)(r1 + 0) = w2
    r1 = log ll
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -16
    r4 = 1                               # BPF_NOEXIST
    call bpf_map_update_elem
    exit
