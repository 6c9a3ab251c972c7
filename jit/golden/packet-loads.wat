;; program loads, socket, 7 instructions
(module
  (import "memory" "kernel" (memory $kernel (;0;) 65536 65536 shared))
  (import "host" "tick" (func $host.tick (;0;)))
  (import "host" "packet" (func $host.packet (;1;) (param i32) (param i32) (result i32)))
  (import "host" "trap" (func $host.trap (;2;) (param i32)))
  (global $area (;0;) (mut i32) (i32.const 0))
  (global $fuel (;1;) (mut i32) (i32.const 0))
  (export "run" (func $run))
  (export "area" (global $area))
  (export "fuel" (global $fuel))

  (func $loads (;3;) (param $frame i32) (param $r1 i64) (result i64)
    (local $r6 i64) (local $r7 i64) (local $r0 i64) (local $r8 i64)
    ;; 0: r6 = r1                                           ; packet-loads.bpf.s:3: r6 = r1
    local.get $r1
    local.set $r6
    ;; 1: r7 = 4                                            ; packet-loads.bpf.s:4: r7 = 4
    i64.const 4
    local.set $r7
    ;; 2: r0 = *(u16 *)skb[12]                              ; packet-loads.bpf.s:5: r0 = *(u16 *)skb[12]
    global.get $area
    i32.const 2
    i32.store $kernel offset=88
    i32.const 12
    i32.const 2
    call $host.packet
    i32.eqz
    if $out0 ;; unlikely
      i64.const 0
      local.set $r0
      local.get $r0
      return
    end
    global.get $area
    i64.load $kernel
    local.set $r0
    ;; 3: r8 = r0                                           ; packet-loads.bpf.s:6: r8 = r0
    local.get $r0
    local.set $r8
    ;; 4: r0 = *(u8 *)skb[r7]                               ; packet-loads.bpf.s:7: r0 = *(u8 *)skb[r7]
    global.get $area
    i32.const 4
    i32.store $kernel offset=88
    local.get $r7
    i32.wrap_i64
    i32.const 0
    i32.add
    i32.const 1
    call $host.packet
    i32.eqz
    if $out1 ;; unlikely
      i64.const 0
      local.set $r0
      local.get $r0
      return
    end
    global.get $area
    i64.load $kernel
    local.set $r0
    ;; 5: r0 += r8                                          ; packet-loads.bpf.s:8: r0 += r8
    local.get $r0
    local.get $r8
    i64.add
    local.set $r0
    ;; 6: exit                                              ; packet-loads.bpf.s:9: exit
    local.get $r0
    return
    unreachable
  )

  (func $run (;4;) (param $l0 i32) (param $l1 i32)
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
    call $loads
    i64.store $kernel
    local.get $l2
    global.set $area
  )
)
