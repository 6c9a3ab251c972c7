/** The programs that maps.ts times, as assembly. */

/** Updates, each with its look-up and delete, in one run. */
export const TRIPLES = 10_000

/** Entries of the map, as in 2016. */
export const ENTRIES = 1000

/** Updates, looks up and deletes the key at r10 - 4, with the value at r10 - 16; to a label where that fails. */
export function tripleCalls(otherwise: string): string {
  return `
    r1 = hits ll
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -16
    r4 = 0
    call bpf_map_update_elem
    if r0 != 0 goto ${otherwise}
    r1 = hits ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto ${otherwise}
    r1 = hits ll
    r2 = r10
    r2 += -4
    call bpf_map_delete_elem
    if r0 != 0 goto ${otherwise}
`
}

/** Makes an object and drops it. */
export function pairCalls(otherwise: string): string {
  return `
    r1 = item.id
    r2 = 0
    call bpf_obj_new_impl
    if r0 == 0 goto ${otherwise}
    r1 = r0
    r2 = 0
    call bpf_obj_drop_impl
`
}

/** The same key is updated, looked up and deleted, round after round. Gives 0. */
export function mapTriples(triples: number = TRIPLES): string {
  return `
.map hits type=hash key=u32 value=u64 entries=${ENTRIES}
.global rounds: u64 = ${triples}
.license "GPL"

.program triples type=syscall
    r6 = rounds ll
    r6 = *(u64 *)(r6 + 0)
    *(u32 *)(r10 - 4) = 7
    *(u64 *)(r10 - 16) = 1
again:
    may_goto end
${tripleCalls('failed')}
    r6 += -1
    if r6 != 0 goto again
end:
    r0 = 0
    exit
failed:
    r0 = 1
    exit
`
}

/** Objects that are made and dropped; in `new_xchg_drop` the one dropped is the one that a map value held before. */
export const OBJECTS: string = `
.struct item
    val: u64
    seen: u64
.end
.struct slot
    held: ptr item kptr
.end
.map slots type=array key=u32 value=slot entries=1
.global rounds: u64 = ${TRIPLES}
.license "GPL"

.program new_drop type=syscall
    r6 = rounds ll
    r6 = *(u64 *)(r6 + 0)
again:
    may_goto end
${pairCalls('failed')}
    r6 += -1
    if r6 != 0 goto again
end:
    r0 = 0
    exit
failed:
    r0 = 1
    exit

.program new_xchg_drop type=syscall
    r6 = rounds ll
    r6 = *(u64 *)(r6 + 0)
    *(u32 *)(r10 - 4) = 0
    r1 = slots ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto failed
    r7 = r0
again:
    may_goto end
    r1 = item.id
    r2 = 0
    call bpf_obj_new_impl
    if r0 == 0 goto failed
    r1 = r7
    r1 += slot.held
    r2 = r0
    call bpf_kptr_xchg
    if r0 == 0 goto first
    r1 = r0
    r2 = 0
    call bpf_obj_drop_impl
first:
    r6 += -1
    if r6 != 0 goto again
end:
    r0 = 0
    exit
failed:
    r0 = 1
    exit
`
