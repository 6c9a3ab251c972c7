# Objects that a map owns: allocated by a program, handed over to a map value, read by others, taken out again.

.struct item
    val: u64
    seen: u64
.end

.struct slot
    puts: u64
    held: ptr item kptr                  # one owner: this field, or the program that took the object out
.end

.struct request
    key: u64
.end

.map slots type=hash key=u64 value=slot entries=8 flags=no_prealloc
.license "GPL"

# Puts a new object into the slot of a key. Returns the value of the one that was there, -1 for none.
.program put type=syscall
    r1 = *(u64 *)(r1 + request.key)
    *(u64 *)(r10 - 8) = r1
    r1 = slots ll
    r2 = r10
    r2 += -8
    call bpf_map_lookup_elem
    if r0 == 0 goto absent
    r7 = r0
    r1 = *(u64 *)(r7 + slot.puts)
    r1 += 1
    *(u64 *)(r7 + slot.puts) = r1

    r1 = item.id
    r2 = 0
    call bpf_obj_new                     # NULL when there is no memory now
    if r0 == 0 goto absent
    r1 = *(u64 *)(r7 + slot.puts)
    r1 *= 100
    *(u64 *)(r0 + item.val) = r1
    *(u64 *)(r0 + item.seen) = 0

    r1 = r7
    r1 += slot.held
    r2 = r0                              # the object is the map's from here on
    call bpf_kptr_xchg
    if r0 == 0 goto absent
    r6 = *(u64 *)(r0 + item.val)
    r1 = r0                              # the old one is the program's, which must drop it
    r2 = 0
    call bpf_obj_drop
    r0 = r6
    exit
absent:
    r0 = -1
    exit

# Reads the object of a key where it is, and counts that. Returns how often that was done, -1 without an object.
.program look type=syscall
    r1 = *(u64 *)(r1 + request.key)
    *(u64 *)(r10 - 8) = r1
    r1 = slots ll
    r2 = r10
    r2 += -8
    call bpf_map_lookup_elem
    r6 = -1
    if r0 == 0 goto done
    r7 = r0
    call bpf_rcu_read_lock               # keeps the memory from being used again
    r1 = *(u64 *)(r7 + slot.held)
    if r1 == 0 goto unlock
    r6 = *(u64 *)(r1 + item.seen)
    r6 += 1
    *(u64 *)(r1 + item.seen) = r6
unlock:
    call bpf_rcu_read_unlock
done:
    r0 = r6
    exit

# Takes the object of a key out. Returns its value, -1 without an object.
.program take type=syscall
    r1 = *(u64 *)(r1 + request.key)
    *(u64 *)(r10 - 8) = r1
    r1 = slots ll
    r2 = r10
    r2 += -8
    call bpf_map_lookup_elem
    r6 = -1
    if r0 == 0 goto done
    r1 = r0
    r1 += slot.held
    r2 = 0
    call bpf_kptr_xchg
    if r0 == 0 goto done
    r6 = *(u64 *)(r0 + item.val)
    r1 = r0
    r2 = 0
    call bpf_obj_drop
done:
    r0 = r6
    exit
