# A sparse array as large as an arena gets: 4 GiB of addresses, of which a thousand pages exist. Element i lives on page
# i * 1049, so the elements lie all over the window; what is not there reads as 0 and costs nothing.
#
# On the running kernel the window has to be free in the process. Node puts pieces of its heap anywhere below 2^46, where
# so large a window is likely to meet one: so it lies above.

.map    arena  type=arena entries=1048576 extra=0x500000000000
.global sum: u64
.license "GPL"

# Allocates the page of each element 1 to 1000 at its own address and stores the index there.
.program fill type=syscall
    r6 = 1
next:
    if r6 > 1000 goto done
    may_goto done
    r2 = r6
    r2 *= 1049
    r2 <<= 12                            # the low half of the page's user address: all that is looked at
    r7 = r2
    r1 = arena ll
    w3 = 1
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    if r0 == 0 goto fail
    r1 = addr_space_cast(r7, 0, 1)
    *(u64 *)(r1 + 0) = r6
    r6 += 1
    goto next
done:
    r0 = 0
    exit
fail:
    r0 = 1
    exit

# Sums one word of each of the first 4,000 strides: three quarters of them were never allocated and read as 0.
.program scan type=syscall
    r1 = arena ll                        # a program that casts must refer to its arena
    r6 = 0
    r7 = 0
next:
    if r6 >= 4000 goto done
    may_goto done
    r1 = r6
    r1 *= 1049
    r1 <<= 12
    r1 = addr_space_cast(r1, 0, 1)
    r2 = *(u64 *)(r1 + 0)
    r7 += r2
    r6 += 1
    goto next
done:
    r1 = sum ll
    *(u64 *)(r1 + 0) = r7
    r0 = 0
    exit
