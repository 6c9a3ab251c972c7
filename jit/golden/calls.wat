;; program calls, syscall, 14 instructions
(module
  (import "memory" "kernel" (memory $kernel (;0;) 65536 65536 shared))
  (import "host" "tick" (func $host.tick (;0;)))
  (import "host" "trap" (func $host.trap (;1;) (param i32)))
  (global $area (;0;) (mut i32) (i32.const 0))
  (global $fuel (;1;) (mut i32) (i32.const 0))
  (export "run" (func $run))
  (export "area" (global $area))
  (export "fuel" (global $fuel))

  (func $calls (;2;) (param $frame i32) (param $r3 i64) (param $r4 i64) (param $r5 i64) (result i64)
    (local $r1 i64) (local $r2 i64) (local $frame.2 i32) (local $r1.2 i64) (local $r2.2 i64) (local $r0 i64) (local $r0.2 i64) (local $r6 i64) (local $frame.3 i32) (local $r1.3 i64) (local $r0.3 i64)
    ;; 0: r1 = 6                                            ; calls.bpf.s:3: r1 = 6
    i64.const 6
    local.set $r1
    ;; 1: r2 = 7                                            ; calls.bpf.s:4: r2 = 7
    i64.const 7
    local.set $r2
    ;; 2: call product                                      ; calls.bpf.s:5: call product
    local.get $frame
    i32.const 512
    i32.sub
    local.set $frame.2
    local.get $r1
    local.set $r1.2
    local.get $r2
    local.set $r2.2
    block $out0 (result i64)
      ;; 8: r0 = r1                                         ; calls.bpf.s:12: r0 = r1
      local.get $r1.2
      local.set $r0
      ;; 9: r0 *= r2                                        ; calls.bpf.s:13: r0 *= r2
      local.get $r0
      local.get $r2.2
      i64.mul
      local.set $r0
      ;; 10: exit                                           ; calls.bpf.s:14: exit
      local.get $r0
      br $out0
      unreachable
    end
    local.set $r0.2
    ;; 3: r6 = r0                                           ; calls.bpf.s:6: r6 = r0
    local.get $r0.2
    local.set $r6
    ;; 4: r1 = r6                                           ; calls.bpf.s:7: r1 = r6
    local.get $r6
    local.set $r1
    ;; 5: call half                                         ; calls.bpf.s:8: call half
    local.get $frame
    i32.const 512
    i32.sub
    local.set $frame.3
    local.get $r1
    local.set $r1.3
    block $out1 (result i64)
      ;; 11: r0 = r1                                        ; calls.bpf.s:16: r0 = r1
      local.get $r1.3
      local.set $r0.3
      ;; 12: r0 >>= 1                                       ; calls.bpf.s:17: r0 >>= 1
      local.get $r0.3
      i64.const 1
      i64.shr_u
      local.set $r0.3
      ;; 13: exit                                           ; calls.bpf.s:18: exit
      local.get $r0.3
      br $out1
      unreachable
    end
    local.set $r0.2
    ;; 6: r0 += r6                                          ; calls.bpf.s:9: r0 += r6
    local.get $r0.2
    local.get $r6
    i64.add
    local.set $r0.2
    ;; 7: exit                                              ; calls.bpf.s:10: exit
    local.get $r0.2
    return
    unreachable
  )

  (func $product (;3;) (param $frame i32) (param $r1 i64) (param $r2 i64) (result i64)
    (local $r0 i64)
    ;; 8: r0 = r1                                           ; calls.bpf.s:12: r0 = r1
    local.get $r1
    local.set $r0
    ;; 9: r0 *= r2                                          ; calls.bpf.s:13: r0 *= r2
    local.get $r0
    local.get $r2
    i64.mul
    local.set $r0
    ;; 10: exit                                             ; calls.bpf.s:14: exit
    local.get $r0
    return
    unreachable
  )

  (func $half (;4;) (param $frame i32) (param $r1 i64) (result i64)
    (local $r0 i64)
    ;; 11: r0 = r1                                          ; calls.bpf.s:16: r0 = r1
    local.get $r1
    local.set $r0
    ;; 12: r0 >>= 1                                         ; calls.bpf.s:17: r0 >>= 1
    local.get $r0
    i64.const 1
    i64.shr_u
    local.set $r0
    ;; 13: exit                                             ; calls.bpf.s:18: exit
    local.get $r0
    return
    unreachable
  )

  (func $run (;5;) (param $l0 i32) (param $l1 i32)
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
    i64.load $kernel offset=24
    local.get $l0
    i64.load $kernel offset=32
    local.get $l0
    i64.load $kernel offset=40
    call $calls
    i64.store $kernel
    local.get $l2
    global.set $area
  )
)
