# A red-black tree in an arena. The insertion is C, compiled by clang (rbtree.c, rbtree.s); the rest is written by hand.

.map    arena  type=arena entries=200 extra=0x100000060000
.struct tree_item
    parent: ptr tree_item arena
    left:   ptr tree_item arena
    right:  ptr tree_item arena
    key:    u64
    red:    u64
.end
.global tree: u64                        # user address of the word that holds the root
.global count: u64 = 1000
.global inserted: u64
.global cursor: u64
.global limit: u64
.license "GPL"

# Inserts `count` keys, spread by a multiplication. Returns 0; 1 when the arena is full; 2 when the budget is spent.
.program fill type=syscall
    r1 = tree ll
    r1 = *(u64 *)(r1 + 0)
    if r1 != 0 goto ready
    call alloc_item                      # the root's word lies in the arena, as clang's code expects
    if r0 == 0 goto full
    r1 = tree ll
    *(u64 *)(r1 + 0) = r0
ready:
    r1 = count ll
    r6 = *(u64 *)(r1 + 0)
    r7 = 0
next:
    if r7 >= r6 goto done
    may_goto done
    call alloc_item
    if r0 == 0 goto full
    r1 = addr_space_cast(r0, 0, 1)
    r2 = r7
    r2 *= 7919
    r2 &= 0xffff
    *(u64 *)(r1 + tree_item.key) = r2
    r2 = r0
    r1 = tree ll
    r1 = *(u64 *)(r1 + 0)
    call tree_insert
    if r0 == 2 goto spent
    if r0 != 0 goto present
    r1 = inserted ll
    r2 = *(u64 *)(r1 + 0)
    r2 += 1
    *(u64 *)(r1 + 0) = r2
present:
    r7 += 1
    goto next
done:
    r0 = 0
    exit
full:
    r0 = 1
    exit
spent:
    r0 = 2
    exit

# Gives the user address of room for one item, or 0.
.func alloc_item
    r1 = cursor ll
    r0 = *(u64 *)(r1 + 0)
    r2 = limit ll
    r2 = *(u64 *)(r2 + 0)
    r3 = r0
    r3 += tree_item.size
    if r3 <= r2 goto take
    r1 = arena ll
    r2 = 0
    w3 = 1
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    if r0 == 0 goto out
    r1 = limit ll
    r2 = r0
    r2 += 4096
    *(u64 *)(r1 + 0) = r2
take:
    r1 = cursor ll
    r2 = r0
    r2 += tree_item.size
    *(u64 *)(r1 + 0) = r2
out:
    exit

.include "rbtree.s"
