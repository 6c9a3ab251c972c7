# A function that calls itself: eight frames are all there are.
# expect: E2BIG the call stack of 9 frames is too deep

.license "GPL"

.program main type=syscall
    call second
    exit
.func second
    call second
    exit
