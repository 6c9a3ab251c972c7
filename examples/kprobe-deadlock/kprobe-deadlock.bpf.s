# A program on the allocator's own path that updates a map: the deadlock of 2016.
#
#   churn, in a task        takes elements from kmalloc
#     kmalloc               locks a list of slabs
#       slab:unlock         still locked: probe runs here
#         probe             updates map victim, whose element comes from ... (the policy `elements` says)

.map    churned type=hash key=8 value=8 entries=4096 flags=no_prealloc elements=kmalloc
.map    victim  type=hash key=8 value=8 entries=4096
.global stored: u64
.global failed: u64
.global keys: u64                        # how many fill puts in
.license "GPL"

# For attach points; one key more each time.
.program probe type=kprobe
    r6 = stored ll
    r7 = failed ll
    r1 = *(u64 *)(r6 + 0)
    r2 = *(u64 *)(r7 + 0)
    r1 += r2
    *(u64 *)(r10 - 8) = r1
    *(u64 *)(r10 - 16) = r1
    r1 = victim ll
    r2 = r10
    r2 += -8
    r3 = r10
    r3 += -16
    r4 = 0
    call bpf_map_update_elem
    if r0 != 0 goto no
    r7 = r6
no:
    r1 = *(u64 *)(r7 + 0)
    r1 += 1
    *(u64 *)(r7 + 0) = r1
    r0 = 0
    exit

.set MOST, 1024

# Puts as many keys into the map as user space says; whatever is there stays.
.program fill type=syscall
    r7 = keys ll
    r7 = *(u64 *)(r7 + 0)
    if r7 > MOST goto done
    r6 = 0
next:
    if r6 >= r7 goto done
    *(u64 *)(r10 - 8) = r6
    r1 = churned ll
    r2 = r10
    r2 += -8
    r3 = r2
    r4 = 1                               # BPF_NOEXIST
    call bpf_map_update_elem
    r6 += 1
    goto next
done:
    r0 = 0
    exit

# Deletes every other key of the first 512: slabs are then in use by half.
.program thin type=syscall
    r6 = 0
next:
    *(u64 *)(r10 - 8) = r6
    r1 = churned ll
    r2 = r10
    r2 += -8
    call bpf_map_delete_elem
    r6 += 2
    if r6 < 512 goto next
    r0 = 0
    exit
