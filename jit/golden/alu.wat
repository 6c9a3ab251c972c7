;; program alu, syscall, 15 instructions
(module
  (import "memory" "kernel" (memory $kernel (;0;) 65536 65536 shared))
  (import "host" "tick" (func $host.tick (;0;)))
  (import "host" "trap" (func $host.trap (;1;) (param i32)))
  (global $area (;0;) (mut i32) (i32.const 0))
  (global $fuel (;1;) (mut i32) (i32.const 0))
  (export "run" (func $run))
  (export "area" (global $area))
  (export "fuel" (global $fuel))

  (func $alu (;2;) (param $frame i32) (param $r1 i64) (result i64)
    (local $r2 i64) (local $r3 i64) (local $r0 i64)
    ;; 0: r2 = *(u64 *)(r1 + 0)                             ; alu.bpf.s:3: r2 = *(u64 *)(r1 + 0)
    local.get $r1
    i32.wrap_i64
    i64.load $kernel align=1
    local.set $r2
    ;; 1: r3 = *(u64 *)(r1 + 8)                             ; alu.bpf.s:4: r3 = *(u64 *)(r1 + 8)
    local.get $r1
    i32.wrap_i64
    i32.const 8
    i32.add
    i64.load $kernel align=1
    local.set $r3
    ;; 2: r0 = r2                                           ; alu.bpf.s:5: r0 = r2
    local.get $r2
    local.set $r0
    ;; 3: r0 += r3                                          ; alu.bpf.s:6: r0 += r3
    local.get $r0
    local.get $r3
    i64.add
    local.set $r0
    ;; 4: w0 -= 7                                           ; alu.bpf.s:7: w0 -= 7
    local.get $r0
    i32.wrap_i64
    i32.const 7
    i32.sub
    i64.extend_i32_u
    local.set $r0
    ;; 5: r0 *= r2                                          ; alu.bpf.s:8: r0 *= r2
    local.get $r0
    local.get $r2
    i64.mul
    local.set $r0
    ;; 6: r0 <<= 3                                          ; alu.bpf.s:9: r0 <<= 3
    local.get $r0
    i64.const 3
    i64.shl
    local.set $r0
    ;; 7: w0 >>= w3                                         ; alu.bpf.s:10: w0 >>= w3
    local.get $r0
    i32.wrap_i64
    local.get $r3
    i32.wrap_i64
    i32.shr_u
    i64.extend_i32_u
    local.set $r0
    ;; 8: r0 s>>= r3                                        ; alu.bpf.s:11: r0 s>>= r3
    local.get $r0
    local.get $r3
    i64.shr_s
    local.set $r0
    ;; 9: r0 /= 10                                          ; alu.bpf.s:12: r0 /= 10
    local.get $r0
    i64.const 10
    i64.div_u
    local.set $r0
    ;; 10: r0 %= r3                                         ; alu.bpf.s:13: r0 %= r3
    local.get $r3
    i64.eqz
    if $out0 (result i64) ;; unlikely
      local.get $r0
    else
      local.get $r0
      local.get $r3
      i64.rem_u
    end
    local.set $r0
    ;; 11: w0 s/= w2                                        ; alu.bpf.s:14: w0 s/= w2
    local.get $r2
    i32.wrap_i64
    i32.eqz
    if $out1 (result i32) ;; unlikely
      i32.const 0
    else
      local.get $r2
      i32.wrap_i64
      i32.const -1
      i32.eq
      if $out2 (result i32) ;; unlikely
        i32.const 0
        local.get $r0
        i32.wrap_i64
        i32.sub
      else
        local.get $r0
        i32.wrap_i64
        local.get $r2
        i32.wrap_i64
        i32.div_s
      end
    end
    i64.extend_i32_u
    local.set $r0
    ;; 12: r0 s%= -1                                        ; alu.bpf.s:15: r0 s%= -1
    local.get $r0
    i64.const -1
    i64.rem_s
    local.set $r0
    ;; 13: r0 = -r0                                         ; alu.bpf.s:16: r0 = -r0
    i64.const 0
    local.get $r0
    i64.sub
    local.set $r0
    ;; 14: exit                                             ; alu.bpf.s:17: exit
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
    call $alu
    i64.store $kernel
    local.get $l2
    global.set $area
  )
)
