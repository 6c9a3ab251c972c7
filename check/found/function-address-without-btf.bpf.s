# The address of a function in a program without BTF: Linux wants its func_info.
# linux: EINVAL missing btf func_info
# cpus: 2
.program main type=syscall
    r2 = cb ll
    r0 = 0
    exit
.func cb
    r0 = 0
    exit
