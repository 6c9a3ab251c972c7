# A store through a map pointer at a negative offset: of the two reasons to refuse it the offset is told.
# linux: EACCES R9 is bpf_arena invalid negative access: off=-8
# cpus: 2
.map arena type=arena entries=8 flags=mmapable extra=0x100000010000
.program main type=syscall
    r9 = arena ll
    *(u8 *)(r9 - 8) = -4
    exit
