# An atomic through a socket pointer that may be null: that it may be null is told, not that sockets take no atomics.
# linux: EACCES R4 invalid mem access 'sock_common_or_null'
# cpus: 2
.program main type=socket
    r2 = 1
    r4 = *(u64 *)(r1 + 168)
    lock *(u32 *)(r4 - 8) += w2
    exit
