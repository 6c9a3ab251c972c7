;; program stack, syscall, 14 instructions
(module
  (import "memory" "kernel" (memory $kernel (;0;) 65536 65536 shared))
  (import "helper" "1" (func $bpf_map_lookup_elem (;0;)))
  (import "host" "tick" (func $host.tick (;1;)))
  (import "host" "trap" (func $host.trap (;2;) (param i32)))
  (import "runtime" "unwatched" (func $runtime.unwatched (;3;) (param i32) (result i32)))
  (import "runtime" "begin" (func $runtime.begin (;4;) (param i32) (result i32)))
  (import "runtime" "fetch" (func $runtime.fetch (;5;) (param i32) (param i32) (result i32)))
  (import "runtime" "fetched" (func $runtime.fetched (;6;) (param i32) (param i32)))
  (import "runtime" "raise" (func $runtime.raise (;7;) (param i32) (param i32)))
  (global $area (;0;) (mut i32) (i32.const 0))
  (global $fuel (;1;) (mut i32) (i32.const 0))
  (export "run" (func $run))
  (export "area" (global $area))
  (export "fuel" (global $fuel))

  (func $stack (;8;) (param $frame i32) (param $r1 i64) (result i64)
    (local $r6 i64) (local $fp496 i64) (local $r2 i64) (local $scratch32 i32) (local $r0 i64)
    block $out0
      ;; 0: r6 = *(u64 *)(r1 + 0)                           ; stack.bpf.s:5: r6 = *(u64 *)(r1 + 0)
      local.get $r1
      i32.wrap_i64
      i64.load $kernel align=1
      local.set $r6
      ;; 1: *(u64 *)(r10 - 16) = r6                         ; stack.bpf.s:6: *(u64 *)(r10 - 16) = r6
      local.get $r6
      local.set $fp496
      ;; 2: w2 = 1                                          ; stack.bpf.s:7: w2 = 1
      i32.const 1
      i64.extend_i32_u
      local.set $r2
      ;; 3: *(u32 *)(r10 - 4) = w2                          ; stack.bpf.s:8: *(u32 *)(r10 - 4) = w2
      local.get $frame
      local.get $r2
      i64.store32 $kernel offset=508 align=1
      ;; 4: r2 = r10                                        ; stack.bpf.s:9: r2 = r10
      local.get $frame
      i32.const 512
      i32.add
      i64.extend_i32_u
      i64.const -131391639519232
      i64.or
      local.set $r2
      ;; 5: r2 += -4                                        ; stack.bpf.s:10: r2 += -4
      local.get $r2
      i64.const -4
      i64.add
      local.set $r2
      ;; 6: r1 = hits ll                                    ; stack.bpf.s:11: r1 = hits ll
      i64.const -131391601766400
      local.set $r1
      ;; 8: call bpf_map_lookup_elem                        ; stack.bpf.s:12: call bpf_map_lookup_elem
      local.get $frame
      i32.load $kernel offset=508 align=1
      local.tee $scratch32
      i32.const 4
      i32.lt_u
      i32.const 37748736
      local.get $scratch32
      i32.const 8
      i32.mul
      i32.add
      i64.extend_i32_u
      i64.const -131391639519232
      i64.or
      local.set $r0
      ;; 9: if r0 == 0 goto +2                              ; stack.bpf.s:13: if r0 == 0 goto out
      i32.eqz
      br_if $out0
      ;; 10: r1 = *(u64 *)(r10 - 16)                        ; stack.bpf.s:14: r1 = *(u64 *)(r10 - 16)
      local.get $fp496
      local.set $r1
      ;; 11: lock *(u64 *)(r0 + 0) += r1                    ; stack.bpf.s:15: lock *(u64 *)(r0 + 0) += r1
      local.get $r0
      i32.wrap_i64
      i32.const 7
      i32.and
      if $out1 (result i64) ;; unlikely
        local.get $r0
        i32.wrap_i64
        local.get $r1
        local.get $r0
        call $kernel_atomic_1_8
      else
        local.get $r0
        i32.wrap_i64
        local.get $r1
        i64.atomic.rmw.add $kernel
      end
      drop
      br $out0
    end
    ;; 12: r0 = 0                                           ; stack.bpf.s:17: r0 = 0
    i64.const 0
    local.set $r0
    ;; 13: exit                                             ; stack.bpf.s:18: exit
    local.get $r0
    return
    unreachable
  )

  (func $kernel_atomic_1_8 (;9;) (param $l0 i32) (param $l1 i64) (param $l2 i64) (result i64)
    (local $l3 i64)
    local.get $l0
    i64.load $kernel align=1
    local.set $l3
    local.get $l0
    local.get $l3
    local.get $l1
    i64.add
    i64.store $kernel align=1
    local.get $l3
  )

  (func $run (;10;) (param $l0 i32) (param $l1 i32)
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
    call $stack
    i64.store $kernel
    local.get $l2
    global.set $area
  )
)
