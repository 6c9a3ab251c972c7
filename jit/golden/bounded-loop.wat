;; program bounded, syscall, 9 instructions
(module
  (import "memory" "kernel" (memory $kernel (;0;) 65536 65536 shared))
  (import "host" "tick" (func $host.tick (;0;)))
  (import "host" "trap" (func $host.trap (;1;) (param i32)))
  (global $area (;0;) (mut i32) (i32.const 0))
  (global $fuel (;1;) (mut i32) (i32.const 0))
  (export "run" (func $run))
  (export "area" (global $area))
  (export "fuel" (global $fuel))

  (func $bounded (;2;) (param $frame i32) (result i64)
    (local $r0 i64) (local $r1 i64)
    ;; 0: r0 = 0                                            ; bounded-loop.bpf.s:3: r0 = 0
    i64.const 0
    local.set $r0
    ;; 1: r1 = 10                                           ; bounded-loop.bpf.s:4: r1 = 10
    i64.const 10
    local.set $r1
    loop $loop0
      block $out1
        ;; 2: r0 += r1                                      ; bounded-loop.bpf.s:6: r0 += r1
        local.get $r0
        local.get $r1
        i64.add
        local.set $r0
        ;; 3: r1 += -1                                      ; bounded-loop.bpf.s:7: r1 += -1
        local.get $r1
        i64.const -1
        i64.add
        local.set $r1
        ;; 4: if r1 != 0 goto -3                            ; bounded-loop.bpf.s:8: if r1 != 0 goto again
        local.get $r1
        i64.const 0
        i64.ne
        i32.eqz
        br_if $out1
        ;; 2: r0 += r1                                      ; bounded-loop.bpf.s:6: r0 += r1
        local.get $r0
        local.get $r1
        i64.add
        local.set $r0
        ;; 3: r1 += -1                                      ; bounded-loop.bpf.s:7: r1 += -1
        local.get $r1
        i64.const -1
        i64.add
        local.set $r1
        ;; 4: if r1 != 0 goto -3                            ; bounded-loop.bpf.s:8: if r1 != 0 goto again
        local.get $r1
        i64.const 0
        i64.ne
        i32.eqz
        br_if $out1
        ;; 2: r0 += r1                                      ; bounded-loop.bpf.s:6: r0 += r1
        local.get $r0
        local.get $r1
        i64.add
        local.set $r0
        ;; 3: r1 += -1                                      ; bounded-loop.bpf.s:7: r1 += -1
        local.get $r1
        i64.const -1
        i64.add
        local.set $r1
        ;; 4: if r1 != 0 goto -3                            ; bounded-loop.bpf.s:8: if r1 != 0 goto again
        local.get $r1
        i64.const 0
        i64.ne
        i32.eqz
        br_if $out1
        ;; 2: r0 += r1                                      ; bounded-loop.bpf.s:6: r0 += r1
        local.get $r0
        local.get $r1
        i64.add
        local.set $r0
        ;; 3: r1 += -1                                      ; bounded-loop.bpf.s:7: r1 += -1
        local.get $r1
        i64.const -1
        i64.add
        local.set $r1
        ;; 4: if r1 != 0 goto -3                            ; bounded-loop.bpf.s:8: if r1 != 0 goto again
        local.get $r1
        i64.const 0
        i64.ne
        br_if $loop0
        br $out1
      end
      ;; 5: if w0 s> 40 goto +1                             ; bounded-loop.bpf.s:9: if w0 s> 40 goto big
      local.get $r0
      i32.wrap_i64
      i32.const 40
      i32.gt_s
      if $out2
        ;; 7: r0 = 1                                        ; bounded-loop.bpf.s:12: r0 = 1
        i64.const 1
        local.set $r0
        ;; 8: exit                                          ; bounded-loop.bpf.s:13: exit
        local.get $r0
        return
      end
      ;; 6: exit                                            ; bounded-loop.bpf.s:10: exit
      unreachable
    end
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
    call $bounded
    i64.store $kernel
    local.get $l2
    global.set $area
  )
)
