;; program edges, syscall, 12 instructions
(module
  (import "memory" "arena" (memory $arena (;0;) 65536 65536 shared))
  (import "memory" "kernel" (memory $kernel (;1;) 65536 65536 shared))
  (import "host" "tick" (func $host.tick (;0;)))
  (import "host" "trap" (func $host.trap (;1;) (param i32)))
  (global $area (;0;) (mut i32) (i32.const 0))
  (global $fuel (;1;) (mut i32) (i32.const 0))
  (export "run" (func $run))
  (export "area" (global $area))
  (export "fuel" (global $fuel))

  (func $edges (;2;) (param $frame i32) (result i64)
    (local $r1 i64) (local $page1 i32) (local $r2 i64) (local $r3 i64) (local $scratch32 i32) (local $r0 i64)
    ;; 0: r1 = arena ll                                     ; arena-edges.bpf.s:5: r1 = arena ll
    i64.const -131391600717824
    local.set $r1
    ;; 2: r1 = .bss + 0 ll                                  ; arena-edges.bpf.s:6: r1 = base ll
    i64.const -131391600713728
    local.set $r1
    ;; 4: r1 = *(u64 *)(r1 + 0)                             ; arena-edges.bpf.s:7: r1 = *(u64 *)(r1 + 0)
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
    ;; 5: r1 = addr_space_cast(r1, 0, 1)                    ; arena-edges.bpf.s:8: r1 = addr_space_cast(r1, 0, 1)
    local.get $r1
    i32.wrap_i64
    i64.extend_i32_u
    local.set $r1
    block $out0
      block $out1
        local.get $page1
        i32.const 7
        i32.ne
        if $out2
          local.get $page1
          i32.const 1
          i32.and
          local.get $r1
          i32.wrap_i64
          i32.const 4095
          i32.and
          i32.const -2
          i32.add
          i32.const 4084
          i32.le_u
          i32.and
          i32.eqz
          br_if $out1 ;; unlikely
        end
        ;; 6: w2 = *(u32 *)(r1 + 6)                         ; arena-edges.bpf.s:9: r2 = *(u32 *)(r1 + 6)
        local.get $r1
        i32.wrap_i64
        i64.load32_u $arena offset=6 align=1
        local.set $r2
        ;; 7: r3 = *(s16 *)(r1 - 2)                         ; arena-edges.bpf.s:10: r3 = *(s16 *)(r1 - 2)
        local.get $r1
        i32.wrap_i64
        i32.const -2
        i32.add
        i64.load16_s $arena align=1
        local.set $r3
        ;; 8: *(u64 *)(r1 + 8000) = r2                      ; arena-edges.bpf.s:11: *(u64 *)(r1 + 8000) = r2
        local.get $r1
        i32.wrap_i64
        i64.extend_i32_u
        i64.const 8000
        i64.add
        local.get $r2
        call $arena_store_8
        ;; 9: *(u8 *)(r1 - 1) = 5                           ; arena-edges.bpf.s:12: *(u8 *)(r1 - 1) = 5
        local.get $r1
        i32.wrap_i64
        i32.const -1
        i32.add
        i64.const 5
        i64.store8 $arena
        br $out0
      end
      ;; 6: w2 = *(u32 *)(r1 + 6)                           ; arena-edges.bpf.s:9: r2 = *(u32 *)(r1 + 6)
      local.get $r1
      i32.wrap_i64
      i32.const 6
      i32.add
      i32.const 2
      i32.rotr
      i32.const 1073741823
      i32.gt_u
      local.get $r1
      i32.wrap_i64
      i32.const 6
      i32.add
      i32.const 6
      i32.lt_u
      i32.or
      if $out3 (result i64) ;; unlikely
        local.get $r1
        i32.wrap_i64
        i64.extend_i32_u
        i64.const 6
        i64.add
        call $arena_load_4
      else
        local.get $r1
        i32.wrap_i64
        i64.load32_u $arena offset=6
      end
      local.set $r2
      ;; 7: r3 = *(s16 *)(r1 - 2)                           ; arena-edges.bpf.s:10: r3 = *(s16 *)(r1 - 2)
      local.get $r1
      i32.wrap_i64
      i32.const -2
      i32.add
      i32.const 1
      i32.rotr
      i32.const 2147467263
      i32.gt_u
      if $out4 (result i64) ;; unlikely
        local.get $r1
        i32.wrap_i64
        i64.extend_i32_u
        i64.const -2
        i64.add
        call $arena_load_2
        i64.extend16_s
      else
        local.get $r1
        i32.wrap_i64
        i32.const -2
        i32.add
        i64.load16_s $arena
      end
      local.set $r3
      ;; 8: *(u64 *)(r1 + 8000) = r2                        ; arena-edges.bpf.s:11: *(u64 *)(r1 + 8000) = r2
      local.get $r1
      i32.wrap_i64
      i64.extend_i32_u
      i64.const 8000
      i64.add
      local.get $r2
      call $arena_store_8
      ;; 9: *(u8 *)(r1 - 1) = 5                             ; arena-edges.bpf.s:12: *(u8 *)(r1 - 1) = 5
      local.get $page1
      i32.const 1
      i32.and
      local.get $r1
      i32.wrap_i64
      i32.const 4095
      i32.and
      i32.const -1
      i32.add
      i32.const 4095
      i32.le_u
      i32.and
      if $out5
        local.get $r1
        i32.wrap_i64
        i32.const -1
        i32.add
        i64.const 5
        i64.store8 $arena
      else
        local.get $r1
        i32.wrap_i64
        i64.extend_i32_u
        i64.const -1
        i64.add
        i64.const 5
        call $arena_store_1
      end
    end
    ;; 10: r0 = addr_space_cast(r1, 1, 0)                   ; arena-edges.bpf.s:13: r0 = addr_space_cast(r1, 1, 0)
    local.get $r1
    i32.wrap_i64
    local.tee $scratch32
    i64.extend_i32_u
    i64.const 17592186044416
    i64.const 0
    local.get $scratch32
    select
    i64.or
    local.set $r0
    ;; 11: exit                                             ; arena-edges.bpf.s:14: exit
    local.get $r0
    return
    unreachable
  )

  (func $arena_store_8 (;3;) (param $l0 i64) (param $l1 i64)
    (local $l2 i32)
    local.get $l0
    i64.const 4294967288
    i64.gt_u
    if $out0
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
      return
    end
    local.get $l2
    local.get $l1
    i64.store $arena align=1
  )

  (func $arena_load_4 (;4;) (param $l0 i64) (result i64)
    (local $l1 i32)
    local.get $l0
    i64.const 4294967292
    i64.gt_u
    if $out0
      i64.const 0
      return
    end
    local.get $l0
    i32.wrap_i64
    local.tee $l1
    i32.const 12
    i32.shr_u
    i32.load8_u $kernel offset=37748736
    i32.const 1
    i32.and
    i32.eqz
    if $out1
      i64.const 0
      return
    end
    local.get $l1
    i32.const 3
    i32.add
    i32.const 12
    i32.shr_u
    i32.load8_u $kernel offset=37748736
    i32.const 1
    i32.and
    i32.eqz
    if $out2
      i64.const 0
      return
    end
    local.get $l1
    i64.load32_u $arena align=1
  )

  (func $arena_load_2 (;5;) (param $l0 i64) (result i64)
    (local $l1 i32)
    local.get $l0
    i64.const 4294967294
    i64.gt_u
    if $out0
      i64.const 0
      return
    end
    local.get $l0
    i32.wrap_i64
    local.tee $l1
    i32.const 12
    i32.shr_u
    i32.load8_u $kernel offset=37748736
    i32.const 1
    i32.and
    i32.eqz
    if $out1
      i64.const 0
      return
    end
    local.get $l1
    i32.const 1
    i32.add
    i32.const 12
    i32.shr_u
    i32.load8_u $kernel offset=37748736
    i32.const 1
    i32.and
    i32.eqz
    if $out2
      i64.const 0
      return
    end
    local.get $l1
    i64.load16_u $arena align=1
  )

  (func $arena_store_1 (;6;) (param $l0 i64) (param $l1 i64)
    (local $l2 i32)
    local.get $l0
    i64.const 4294967295
    i64.gt_u
    if $out0
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
      return
    end
    local.get $l2
    local.get $l1
    i64.store8 $arena
  )

  (func $run (;7;) (param $l0 i32) (param $l1 i32)
    (local $l2 i32)
    global.get $area
    local.set $l2
    local.get $l0
    global.set $area
    i32.const 65536
    global.set $fuel
    local.get $l0
    local.get $l1
    call $edges
    i64.store $kernel
    local.get $l2
    global.set $area
  )
)
