# In a function Linux takes a scalar plus r10 for a place in the main program's stack, where a pointer is saved; the run
# reads the function's own stack. harena refuses the sum by name.
# linux: EACCES invalid size of register fill
# cpus: 2
.map arena type=arena entries=8 flags=mmapable extra=0x100000010000
.program main type=syscall
    r1 = arena ll
    r0 = 0
    r0 = addr_space_cast(r0, 0, 1)
    *(u64 *)(r10 - 40) = r0
    r2 = 0
    call f1
    exit
.func f1
    r3 = r2
    r3 += r10
    r2 = *(u16 *)(r3 - 40)
    r0 = 0
    exit
