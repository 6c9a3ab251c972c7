;; program unchecked, syscall, 11 instructions
(module
  (import "memory" "kernel" (memory $kernel (;0;) 65536 65536 shared))
  (import "host" "tick" (func $host.tick (;0;)))
  (import "host" "checked" (func $host.checked (;1;) (param i32)))
  (import "host" "enter" (func $host.enter (;2;) (param i32)))
  (import "host" "leave" (func $host.leave (;3;)))
  (import "host" "callx" (func $host.callx (;4;) (param i32) (param i32) (result i32)))
  (import "host" "trap" (func $host.trap (;5;) (param i32)))
  (global $area (;0;) (mut i32) (i32.const 0))
  (global $fuel (;1;) (mut i32) (i32.const 0))
  (export "run" (func $run))
  (export "area" (global $area))
  (export "fuel" (global $fuel))

  (func $unchecked (;6;) (param $frame i32) (param $r0 i64) (param $r1 i64) (param $r2 i64) (param $r3 i64) (param $r4 i64) (param $r5 i64) (param $r6 i64) (param $r7 i64) (param $r8 i64) (param $r9 i64) (result i64) (result i64) (result i64) (result i64) (result i64) (result i64)
    (local $scratch32 i32)
    global.get $fuel
    i32.const 1
    i32.sub
    local.tee $scratch32
    global.set $fuel
    local.get $scratch32
    i32.const 0
    i32.lt_s
    if $out0 ;; unlikely
      call $host.tick
    end
    ;; 0: r0 = 0                                            ; unchecked.bpf.s:3: r0 = 0
    i64.const 0
    local.set $r0
    ;; 1: r2 = 4096 ll                                      ; unchecked.bpf.s:4: r2 = 0x1000 ll
    i64.const 4096
    local.set $r2
    loop $loop1
      global.get $fuel
      i32.const 1
      i32.sub
      local.tee $scratch32
      global.set $fuel
      local.get $scratch32
      i32.const 0
      i32.lt_s
      if $out2 ;; unlikely
        call $host.tick
      end
      ;; 3: r3 = *(u64 *)(r2 + 8)                           ; unchecked.bpf.s:6: r3 = *(u64 *)(r2 + 8)
      global.get $area
      local.get $r0
      i64.store $kernel
      global.get $area
      local.get $r1
      i64.store $kernel offset=8
      global.get $area
      local.get $r2
      i64.store $kernel offset=16
      global.get $area
      local.get $r3
      i64.store $kernel offset=24
      global.get $area
      local.get $r4
      i64.store $kernel offset=32
      global.get $area
      local.get $r5
      i64.store $kernel offset=40
      global.get $area
      local.get $r6
      i64.store $kernel offset=48
      global.get $area
      local.get $r7
      i64.store $kernel offset=56
      global.get $area
      local.get $r8
      i64.store $kernel offset=64
      global.get $area
      local.get $r9
      i64.store $kernel offset=72
      global.get $area
      local.get $frame
      i32.const 512
      i32.add
      i64.extend_i32_u
      i64.const -131391639519232
      i64.or
      i64.store $kernel offset=80
      i32.const 3
      call $host.checked
      global.get $area
      i64.load $kernel offset=24
      local.set $r3
      ;; 4: r0 += r3                                        ; unchecked.bpf.s:7: r0 += r3
      local.get $r0
      local.get $r3
      i64.add
      local.set $r0
      ;; 5: call more                                       ; unchecked.bpf.s:8: call more
      i32.const 5
      call $host.enter
      local.get $frame
      i32.const 512
      i32.sub
      local.get $r0
      local.get $r1
      local.get $r2
      local.get $r3
      local.get $r4
      local.get $r5
      local.get $r6
      local.get $r7
      local.get $r8
      local.get $r9
      call $more
      local.set $r5
      local.set $r4
      local.set $r3
      local.set $r2
      local.set $r1
      local.set $r0
      call $host.leave
      ;; 6: if r0 != 0 goto -4                              ; unchecked.bpf.s:9: if r0 != 0 goto again
      local.get $r0
      i64.const 0
      i64.ne
      br_if $loop1
      ;; 7: exit                                            ; unchecked.bpf.s:10: exit
      local.get $r0
      local.get $r1
      local.get $r2
      local.get $r3
      local.get $r4
      local.get $r5
      return
    end
    unreachable
  )

  (func $more (;7;) (param $frame i32) (param $r0 i64) (param $r1 i64) (param $r2 i64) (param $r3 i64) (param $r4 i64) (param $r5 i64) (param $r6 i64) (param $r7 i64) (param $r8 i64) (param $r9 i64) (result i64) (result i64) (result i64) (result i64) (result i64) (result i64)
    (local $scratch32 i32)
    global.get $fuel
    i32.const 1
    i32.sub
    local.tee $scratch32
    global.set $fuel
    local.get $scratch32
    i32.const 0
    i32.lt_s
    if $out0 ;; unlikely
      call $host.tick
    end
    ;; 8: *(u32 *)(r10 - 8) = 7                             ; unchecked.bpf.s:12: *(u32 *)(r10 - 8) = 7
    global.get $area
    local.get $r0
    i64.store $kernel
    global.get $area
    local.get $r1
    i64.store $kernel offset=8
    global.get $area
    local.get $r2
    i64.store $kernel offset=16
    global.get $area
    local.get $r3
    i64.store $kernel offset=24
    global.get $area
    local.get $r4
    i64.store $kernel offset=32
    global.get $area
    local.get $r5
    i64.store $kernel offset=40
    global.get $area
    local.get $r6
    i64.store $kernel offset=48
    global.get $area
    local.get $r7
    i64.store $kernel offset=56
    global.get $area
    local.get $r8
    i64.store $kernel offset=64
    global.get $area
    local.get $r9
    i64.store $kernel offset=72
    global.get $area
    local.get $frame
    i32.const 512
    i32.add
    i64.extend_i32_u
    i64.const -131391639519232
    i64.or
    i64.store $kernel offset=80
    i32.const 8
    call $host.checked
    ;; 9: r0 += 1                                           ; unchecked.bpf.s:13: r0 += 1
    local.get $r0
    i64.const 1
    i64.add
    local.set $r0
    ;; 10: exit                                             ; unchecked.bpf.s:14: exit
    local.get $r0
    local.get $r1
    local.get $r2
    local.get $r3
    local.get $r4
    local.get $r5
    return
    unreachable
  )

  (func $run (;8;) (param $l0 i32) (param $l1 i32)
    (local $l2 i32) (local $l3 i64)
    global.get $area
    local.set $l2
    local.get $l0
    global.set $area
    i32.const 65536
    global.set $fuel
    local.get $l1
    local.get $l0
    i64.load $kernel
    local.get $l0
    i64.load $kernel offset=8
    local.get $l0
    i64.load $kernel offset=16
    local.get $l0
    i64.load $kernel offset=24
    local.get $l0
    i64.load $kernel offset=32
    local.get $l0
    i64.load $kernel offset=40
    local.get $l0
    i64.load $kernel offset=48
    local.get $l0
    i64.load $kernel offset=56
    local.get $l0
    i64.load $kernel offset=64
    local.get $l0
    i64.load $kernel offset=72
    call $unchecked
    local.set $l3
    local.get $l0
    local.get $l3
    i64.store $kernel offset=40
    local.set $l3
    local.get $l0
    local.get $l3
    i64.store $kernel offset=32
    local.set $l3
    local.get $l0
    local.get $l3
    i64.store $kernel offset=24
    local.set $l3
    local.get $l0
    local.get $l3
    i64.store $kernel offset=16
    local.set $l3
    local.get $l0
    local.get $l3
    i64.store $kernel offset=8
    local.set $l3
    local.get $l0
    local.get $l3
    i64.store $kernel
    local.get $l2
    global.set $area
  )
)
