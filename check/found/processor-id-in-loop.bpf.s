# The verifier knows how many CPUs there can be. With one, the loop would never change anything, and be refused as endless.
# linux: ENOMEM The sequence of 8193 jumps is too complex.
# cpus: 2
.map arena type=arena entries=8 flags=mmapable extra=0x100000010000
.program main type=syscall
l0:
    call bpf_get_smp_processor_id
    r8 = (s16)r0
    may_goto l0
    exit
