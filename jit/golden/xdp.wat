;; program drop, xdp, 11 instructions
(module
  (import "memory" "kernel" (memory $kernel (;0;) 65536 65536 shared))
  (import "host" "tick" (func $host.tick (;0;)))
  (import "host" "trap" (func $host.trap (;1;) (param i32)))
  (global $area (;0;) (mut i32) (i32.const 0))
  (global $fuel (;1;) (mut i32) (i32.const 0))
  (export "run" (func $run))
  (export "area" (global $area))
  (export "fuel" (global $fuel))

  (func $drop (;2;) (param $frame i32) (param $r1 i64) (result i64)
    (local $r2 i64) (local $r3 i64) (local $r4 i64) (local $r5 i64) (local $r0 i64)
    block $out0
      ;; 0: w2 = *(u32 *)(r1 + 0)                           ; xdp.bpf.s:3: r2 = *(u32 *)(r1 + 0)
      local.get $r1
      i32.wrap_i64
      i32.const 24
      i32.add
      i64.load $kernel align=1
      local.set $r2
      ;; 1: w3 = *(u32 *)(r1 + 4)                           ; xdp.bpf.s:4: r3 = *(u32 *)(r1 + 4)
      local.get $r1
      i32.wrap_i64
      i32.const 32
      i32.add
      i64.load $kernel align=1
      local.set $r3
      ;; 2: r4 = r2                                         ; xdp.bpf.s:5: r4 = r2
      local.get $r2
      local.set $r4
      ;; 3: r4 += 14                                        ; xdp.bpf.s:6: r4 += 14
      local.get $r4
      i64.const 14
      i64.add
      local.set $r4
      ;; 4: if r4 > r3 goto +2                              ; xdp.bpf.s:7: if r4 > r3 goto out
      local.get $r4
      local.get $r3
      i64.gt_u
      br_if $out0
      ;; 5: w5 = *(u8 *)(r2 + 12)                           ; xdp.bpf.s:8: r5 = *(u8 *)(r2 + 12)
      local.get $r2
      i32.wrap_i64
      i32.const 12
      i32.add
      i64.load8_u $kernel
      local.set $r5
      ;; 6: if r5 == 8 goto +2                              ; xdp.bpf.s:9: if r5 == 8 goto pass
      local.get $r5
      i64.const 8
      i64.eq
      i32.eqz
      br_if $out0
      ;; 9: r0 = 2                                          ; xdp.bpf.s:14: r0 = 2
      i64.const 2
      local.set $r0
      ;; 10: exit                                           ; xdp.bpf.s:15: exit
      local.get $r0
      return
    end
    ;; 7: r0 = 1                                            ; xdp.bpf.s:11: r0 = 1
    i64.const 1
    local.set $r0
    ;; 8: exit                                              ; xdp.bpf.s:12: exit
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
    call $drop
    i64.store $kernel
    local.get $l2
    global.set $area
  )
)
