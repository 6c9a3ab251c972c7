# A load through a map pointer: Linux reads its own struct, of which harena has none.
# linux: accepted
# cpus: 2
.map arr type=array key=4 value=64 entries=4
.program main type=syscall
    r1 = arr ll
    r0 = *(u32 *)(r1 + 24)
    exit
