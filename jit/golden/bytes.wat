;; program bytes, syscall, 11 instructions
(module
  (import "memory" "kernel" (memory $kernel (;0;) 65536 65536 shared))
  (import "host" "tick" (func $host.tick (;0;)))
  (import "host" "trap" (func $host.trap (;1;) (param i32)))
  (global $area (;0;) (mut i32) (i32.const 0))
  (global $fuel (;1;) (mut i32) (i32.const 0))
  (export "run" (func $run))
  (export "area" (global $area))
  (export "fuel" (global $fuel))

  (func $bytes (;2;) (param $frame i32) (param $r1 i64) (result i64)
    (local $r0 i64) (local $r2 i64) (local $r3 i64) (local $scratch32 i32)
    ;; 0: r0 = *(s8 *)(r1 + 3)                              ; bytes.bpf.s:3: r0 = *(s8 *)(r1 + 3)
    local.get $r1
    i32.wrap_i64
    i32.const 3
    i32.add
    i64.load8_s $kernel
    local.set $r0
    ;; 1: r2 = *(s32 *)(r1 + 4)                             ; bytes.bpf.s:4: r2 = *(s32 *)(r1 + 4)
    local.get $r1
    i32.wrap_i64
    i32.const 4
    i32.add
    i64.load32_s $kernel align=1
    local.set $r2
    ;; 2: w3 = *(u16 *)(r1 + 8)                             ; bytes.bpf.s:5: r3 = *(u16 *)(r1 + 8)
    local.get $r1
    i32.wrap_i64
    i32.const 8
    i32.add
    i64.load16_u $kernel align=1
    local.set $r3
    ;; 3: r3 = be16 r3                                      ; bytes.bpf.s:6: r3 = be16 r3
    local.get $r3
    i32.wrap_i64
    i32.const 255
    i32.and
    i32.const 8
    i32.shl
    local.get $r3
    i32.wrap_i64
    i32.const 8
    i32.shr_u
    i32.const 255
    i32.and
    i32.or
    i64.extend_i32_u
    local.set $r3
    ;; 4: r2 = bswap64 r2                                   ; bytes.bpf.s:7: r2 = bswap64 r2
    local.get $r2
    i32.wrap_i64
    local.tee $scratch32
    i32.const 8
    i32.rotl
    i32.const 16711935
    i32.and
    local.get $scratch32
    i32.const 8
    i32.rotr
    i32.const -16711936
    i32.and
    i32.or
    i64.extend_i32_u
    i64.const 32
    i64.shl
    local.get $r2
    i64.const 32
    i64.shr_u
    i32.wrap_i64
    local.tee $scratch32
    i32.const 8
    i32.rotl
    i32.const 16711935
    i32.and
    local.get $scratch32
    i32.const 8
    i32.rotr
    i32.const -16711936
    i32.and
    i32.or
    i64.extend_i32_u
    i64.or
    local.set $r2
    ;; 5: r0 = (s8)r0                                       ; bytes.bpf.s:8: r0 = (s8)r0
    local.get $r0
    i64.extend8_s
    local.set $r0
    ;; 6: w2 = (s16)w3                                      ; bytes.bpf.s:9: w2 = (s16)w3
    local.get $r3
    i32.wrap_i64
    i32.extend16_s
    i64.extend_i32_u
    local.set $r2
    ;; 7: r3 = (s32)r2                                      ; bytes.bpf.s:10: r3 = (s32)r2
    local.get $r2
    i64.extend32_s
    local.set $r3
    ;; 8: r0 += r3                                          ; bytes.bpf.s:11: r0 += r3
    local.get $r0
    local.get $r3
    i64.add
    local.set $r0
    ;; 9: r0 = le32 r0                                      ; bytes.bpf.s:12: r0 = le32 r0
    local.get $r0
    i32.wrap_i64
    i64.extend_i32_u
    local.set $r0
    ;; 10: exit                                             ; bytes.bpf.s:13: exit
    local.get $r0
    return
    unreachable
  )

  (func $run (;3;) (param $l0 i32) (param $l1 i32)
    (local $l2 i32)
    global.get $area
    local.set $l2
    local.get $l0
    global.set $area
    i32.const 65536
    global.set $fuel
    local.get $l0
    local.get $l1
    local.get $l0
    i64.load $kernel offset=8
    call $bytes
    i64.store $kernel
    local.get $l2
    global.set $area
  )
)
