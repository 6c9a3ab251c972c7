;; program atomics, syscall, 20 instructions
(module
  (import "memory" "kernel" (memory $kernel (;0;) 65536 65536 shared))
  (import "memory" "arena" (memory $arena (;1;) 65536 65536 shared))
  (import "host" "tick" (func $host.tick (;0;)))
  (import "host" "trap" (func $host.trap (;1;) (param i32)))
  (global $area (;0;) (mut i32) (i32.const 0))
  (global $fuel (;1;) (mut i32) (i32.const 0))
  (export "run" (func $run))
  (export "area" (global $area))
  (export "fuel" (global $fuel))

  (func $atomics (;2;) (param $frame i32) (param $r5 i64) (result i64)
    (local $r1 i64) (local $r6 i64) (local $page1 i32) (local $r2 i64) (local $r0 i64) (local $r3 i64) (local $r4 i64)
    ;; 0: r1 = arena ll                                     ; atomics.bpf.s:6: r1 = arena ll
    i64.const -131391600717824
    local.set $r1
    ;; 2: r6 = .bss + 8 ll                                  ; atomics.bpf.s:7: r6 = counter ll
    i64.const -131391600713720
    local.set $r6
    ;; 4: r1 = .bss + 0 ll                                  ; atomics.bpf.s:8: r1 = base ll
    i64.const -131391600713728
    local.set $r1
    ;; 6: r1 = *(u64 *)(r1 + 0)                             ; atomics.bpf.s:9: r1 = *(u64 *)(r1 + 0)
    local.get $r1
    i32.wrap_i64
    i64.load $kernel align=1
    local.set $r1
    local.get $r1
    i32.wrap_i64
    i32.const 12
    i32.shr_u
    i32.load8_u $kernel offset=37748736
    local.set $page1
    ;; 7: r1 = addr_space_cast(r1, 0, 1)                    ; atomics.bpf.s:10: r1 = addr_space_cast(r1, 0, 1)
    local.get $r1
    i32.wrap_i64
    i64.extend_i32_u
    local.set $r1
    ;; 8: r2 = 3                                            ; atomics.bpf.s:11: r2 = 3
    i64.const 3
    local.set $r2
    ;; 9: lock *(u64 *)(r1 + 0) += r2                       ; atomics.bpf.s:12: lock *(u64 *)(r1 + 0) += r2
    local.get $page1
    i32.const 7
    i32.ne
    if $out0 (result i64) ;; unlikely
      local.get $page1
      i32.const 1
      i32.and
      local.get $r1
      i32.wrap_i64
      i32.const 4095
      i32.and
      i32.const 0
      i32.add
      i32.const 4088
      i32.le_u
      i32.and
      if $out1 (result i64)
        local.get $r1
        i32.wrap_i64
        i32.const 7
        i32.and
        if $out2 (result i64) ;; unlikely
          local.get $r1
          i32.wrap_i64
          i64.extend_i32_u
          local.get $r2
          local.get $r0
          local.get $r2
          call $arena_atomic_1_8
        else
          local.get $r1
          i32.wrap_i64
          local.get $r2
          i64.atomic.rmw.add $arena
        end
      else
        local.get $r1
        i32.wrap_i64
        i64.extend_i32_u
        local.get $r2
        local.get $r0
        local.get $r2
        call $arena_atomic_1_8
      end
    else
      local.get $r1
      i32.wrap_i64
      i32.const 7
      i32.and
      if $out3 (result i64) ;; unlikely
        local.get $r1
        i32.wrap_i64
        i64.extend_i32_u
        local.get $r2
        local.get $r0
        local.get $r2
        call $arena_atomic_1_8
      else
        local.get $r1
        i32.wrap_i64
        local.get $r2
        i64.atomic.rmw.add $arena
      end
    end
    drop
    ;; 10: r2 = atomic_fetch_or((u64 *)(r6 + 0), r2)        ; atomics.bpf.s:13: r2 = atomic_fetch_or((u64 *)(r6 + 0), r2)
    local.get $r6
    i32.wrap_i64
    i32.const 7
    i32.and
    if $out4 (result i64) ;; unlikely
      local.get $r6
      i32.wrap_i64
      local.get $r2
      local.get $r0
      call $kernel_atomic_8_8
    else
      local.get $r6
      i32.wrap_i64
      local.get $r2
      i64.atomic.rmw.or $kernel
    end
    local.set $r2
    ;; 11: w3 = 9                                           ; atomics.bpf.s:14: w3 = 9
    i32.const 9
    i64.extend_i32_u
    local.set $r3
    ;; 12: w3 = xchg32_32(r6 + 0, w3)                       ; atomics.bpf.s:15: w3 = xchg32_32(r6 + 0, w3)
    local.get $r6
    i32.wrap_i64
    i32.const 3
    i32.and
    if $out5 (result i64) ;; unlikely
      local.get $r6
      i32.wrap_i64
      local.get $r3
      local.get $r0
      i32.wrap_i64
      i64.extend_i32_u
      call $kernel_atomic_17_4
    else
      local.get $r6
      i32.wrap_i64
      local.get $r3
      i32.wrap_i64
      i32.atomic.rmw.xchg $kernel
      i64.extend_i32_u
    end
    local.set $r3
    ;; 13: r0 = r2                                          ; atomics.bpf.s:16: r0 = r2
    local.get $r2
    local.set $r0
    ;; 14: r4 = 1                                           ; atomics.bpf.s:17: r4 = 1
    i64.const 1
    local.set $r4
    ;; 15: lock *(u32 *)(r1 + 4) ^= w4                      ; atomics.bpf.s:18: lock *(u32 *)(r1 + 4) ^= r4
    local.get $page1
    i32.const 7
    i32.ne
    if $out6 (result i64) ;; unlikely
      local.get $page1
      i32.const 1
      i32.and
      local.get $r1
      i32.wrap_i64
      i32.const 4095
      i32.and
      i32.const 4
      i32.add
      i32.const 4092
      i32.le_u
      i32.and
      if $out7 (result i64)
        local.get $r1
        i32.wrap_i64
        i32.const 4
        i32.add
        i32.const 3
        i32.and
        if $out8 (result i64) ;; unlikely
          local.get $r1
          i32.wrap_i64
          i64.extend_i32_u
          i64.const 4
          i64.add
          local.get $r4
          local.get $r0
          i32.wrap_i64
          i64.extend_i32_u
          local.get $r4
          call $arena_atomic_10_4
        else
          local.get $r1
          i32.wrap_i64
          i32.const 4
          i32.add
          local.get $r4
          i32.wrap_i64
          i32.atomic.rmw.xor $arena
          i64.extend_i32_u
        end
      else
        local.get $r1
        i32.wrap_i64
        i64.extend_i32_u
        i64.const 4
        i64.add
        local.get $r4
        local.get $r0
        i32.wrap_i64
        i64.extend_i32_u
        local.get $r4
        call $arena_atomic_10_4
      end
    else
      local.get $r1
      i32.wrap_i64
      i32.const 4
      i32.add
      i32.const 3
      i32.and
      if $out9 (result i64) ;; unlikely
        local.get $r1
        i32.wrap_i64
        i64.extend_i32_u
        i64.const 4
        i64.add
        local.get $r4
        local.get $r0
        i32.wrap_i64
        i64.extend_i32_u
        local.get $r4
        call $arena_atomic_10_4
      else
        local.get $r1
        i32.wrap_i64
        i32.const 4
        i32.add
        local.get $r4
        i32.wrap_i64
        i32.atomic.rmw.xor $arena
        i64.extend_i32_u
      end
    end
    drop
    ;; 16: r0 = cmpxchg_64(r6 + 0, r0, r4)                  ; atomics.bpf.s:19: r0 = cmpxchg_64(r6 + 0, r0, r4)
    local.get $r6
    i32.wrap_i64
    i32.const 7
    i32.and
    if $out10 (result i64) ;; unlikely
      local.get $r6
      i32.wrap_i64
      local.get $r4
      local.get $r0
      call $kernel_atomic_18_8
    else
      local.get $r6
      i32.wrap_i64
      local.get $r0
      local.get $r4
      i64.atomic.rmw.cmpxchg $kernel
    end
    local.set $r0
    ;; 17: r5 = load_acquire((u64 *)(r1 + 0))               ; atomics.bpf.s:20: r5 = load_acquire((u64 *)(r1 + 0))
    local.get $page1
    i32.const 7
    i32.ne
    if $out11 (result i64) ;; unlikely
      local.get $page1
      i32.const 1
      i32.and
      local.get $r1
      i32.wrap_i64
      i32.const 4095
      i32.and
      i32.const 0
      i32.add
      i32.const 4088
      i32.le_u
      i32.and
      if $out12 (result i64)
        local.get $r1
        i32.wrap_i64
        i64.load $arena align=1
      else
        local.get $r1
        i32.wrap_i64
        i64.extend_i32_u
        local.get $r5
        call $arena_load_acquire_8
      end
    else
      local.get $r1
      i32.wrap_i64
      i64.load $arena align=1
    end
    local.set $r5
    ;; 18: store_release((u64 *)(r6 + 0), r5)               ; atomics.bpf.s:21: store_release((u64 *)(r6 + 0), r5)
    local.get $r6
    i32.wrap_i64
    local.get $r5
    i64.store $kernel align=1
    ;; 19: exit                                             ; atomics.bpf.s:22: exit
    local.get $r0
    return
    unreachable
  )

  (func $arena_atomic_1_8 (;3;) (param $l0 i64) (param $l1 i64) (param $l2 i64) (param $l3 i64) (result i64)
    (local $l4 i32) (local $l5 i64)
    local.get $l0
    i64.const 4294967288
    i64.gt_u
    if $out0
      local.get $l3
      return
    end
    local.get $l0
    i32.wrap_i64
    local.tee $l4
    i32.const 12
    i32.shr_u
    i32.load8_u $kernel offset=37748736
    i32.const 1
    i32.and
    i32.eqz
    if $out1
      local.get $l3
      return
    end
    local.get $l4
    i32.const 7
    i32.add
    i32.const 12
    i32.shr_u
    i32.load8_u $kernel offset=37748736
    i32.const 1
    i32.and
    i32.eqz
    if $out2
      local.get $l3
      return
    end
    local.get $l4
    i64.load $arena align=1
    local.set $l5
    local.get $l4
    local.get $l5
    local.get $l1
    i64.add
    i64.store $arena align=1
    local.get $l5
  )

  (func $kernel_atomic_8_8 (;4;) (param $l0 i32) (param $l1 i64) (param $l2 i64) (result i64)
    (local $l3 i64)
    local.get $l0
    i64.load $kernel align=1
    local.set $l3
    local.get $l0
    local.get $l3
    local.get $l1
    i64.or
    i64.store $kernel align=1
    local.get $l3
  )

  (func $kernel_atomic_17_4 (;5;) (param $l0 i32) (param $l1 i64) (param $l2 i64) (result i64)
    (local $l3 i64)
    local.get $l0
    i64.load32_u $kernel align=1
    local.set $l3
    local.get $l0
    local.get $l1
    i64.store32 $kernel align=1
    local.get $l3
  )

  (func $arena_atomic_10_4 (;6;) (param $l0 i64) (param $l1 i64) (param $l2 i64) (param $l3 i64) (result i64)
    (local $l4 i32) (local $l5 i64)
    local.get $l0
    i64.const 4294967292
    i64.gt_u
    if $out0
      local.get $l3
      return
    end
    local.get $l0
    i32.wrap_i64
    local.tee $l4
    i32.const 12
    i32.shr_u
    i32.load8_u $kernel offset=37748736
    i32.const 1
    i32.and
    i32.eqz
    if $out1
      local.get $l3
      return
    end
    local.get $l4
    i32.const 3
    i32.add
    i32.const 12
    i32.shr_u
    i32.load8_u $kernel offset=37748736
    i32.const 1
    i32.and
    i32.eqz
    if $out2
      local.get $l3
      return
    end
    local.get $l4
    i64.load32_u $arena align=1
    local.set $l5
    local.get $l4
    local.get $l5
    local.get $l1
    i64.xor
    i64.store32 $arena align=1
    local.get $l5
  )

  (func $kernel_atomic_18_8 (;7;) (param $l0 i32) (param $l1 i64) (param $l2 i64) (result i64)
    (local $l3 i64)
    local.get $l0
    i64.load $kernel align=1
    local.set $l3
    local.get $l0
    local.get $l1
    local.get $l3
    local.get $l3
    local.get $l2
    i64.eq
    select
    i64.store $kernel align=1
    local.get $l3
  )

  (func $arena_load_acquire_8 (;8;) (param $l0 i64) (param $l1 i64) (result i64)
    (local $l2 i32)
    local.get $l0
    i64.const 4294967288
    i64.gt_u
    if $out0
      local.get $l1
      return
    end
    local.get $l0
    i32.wrap_i64
    local.tee $l2
    i32.const 12
    i32.shr_u
    i32.load8_u $kernel offset=37748736
    i32.const 1
    i32.and
    i32.eqz
    if $out1
      local.get $l1
      return
    end
    local.get $l2
    i32.const 7
    i32.add
    i32.const 12
    i32.shr_u
    i32.load8_u $kernel offset=37748736
    i32.const 1
    i32.and
    i32.eqz
    if $out2
      local.get $l1
      return
    end
    local.get $l2
    i64.load $arena align=1
  )

  (func $run (;9;) (param $l0 i32) (param $l1 i32)
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
    i64.load $kernel offset=40
    call $atomics
    i64.store $kernel
    local.get $l2
    global.set $area
  )
)
