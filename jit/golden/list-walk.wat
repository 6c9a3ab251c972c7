;; program walk, syscall, 14 instructions
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

  (func $walk (;2;) (param $frame i32) (result i64)
    (local $left i32) (local $scratch32 i32) (local $r1 i64) (local $r0 i64) (local $r2 i64)
    i32.const 65537
    local.set $left
    global.get $area
    local.get $frame
    i32.const 9
    i32.shr_u
    i32.const 15
    i32.and
    i32.add
    i32.const 127
    i32.store8 $kernel offset=104
    global.get $fuel
    i32.const 64
    i32.sub
    local.tee $scratch32
    global.set $fuel
    local.get $scratch32
    i32.const 0
    i32.lt_s
    if $out0 ;; unlikely
      call $host.tick
    end
    ;; 0: r1 = arena ll                                     ; list-walk.bpf.s:9: r1 = arena ll
    i64.const -131391600717824
    local.set $r1
    ;; 2: r1 = .bss + 0 ll                                  ; list-walk.bpf.s:10: r1 = head ll
    i64.const -131391600713728
    local.set $r1
    ;; 4: r1 = *(u64 *)(r1 + 0)                             ; list-walk.bpf.s:11: r1 = *(u64 *)(r1 + 0)
    local.get $r1
    i32.wrap_i64
    i64.load $kernel align=1
    local.set $r1
    ;; 5: r0 = 0                                            ; list-walk.bpf.s:12: r0 = 0
    i64.const 0
    local.set $r0
    loop $loop1
      block $out2
        ;; 6: if r1 == 0 goto +6                            ; list-walk.bpf.s:14: if r1 == 0 goto out
        local.get $r1
        i64.const 0
        i64.eq
        br_if $out2
        ;; 7: may_goto +5                                   ; list-walk.bpf.s:15: may_goto out
        local.get $left
        i32.const 1
        i32.sub
        local.tee $left
        i32.eqz
        if $out3 (result i32) ;; unlikely
          call $host.tick
          global.get $area
          local.get $frame
          i32.const 9
          i32.shr_u
          i32.const 15
          i32.and
          i32.add
          i32.load8_u $kernel offset=104
          local.tee $scratch32
          i32.eqz
          if $out4 (result i32) ;; unlikely
            i32.const 1
            local.tee $left
          else
            global.get $area
            local.get $frame
            i32.const 9
            i32.shr_u
            i32.const 15
            i32.and
            i32.add
            local.get $scratch32
            i32.const 1
            i32.sub
            i32.store8 $kernel offset=104
            i32.const 65536
            local.set $left
            i32.const 0
          end
        else
          i32.const 0
        end
        br_if $out2 ;; unlikely
        ;; 8: r1 = addr_space_cast(r1, 0, 1)                ; list-walk.bpf.s:16: r1 = addr_space_cast(r1, 0, 1)
        local.get $r1
        i32.wrap_i64
        i64.extend_i32_u
        local.set $r1
        local.get $r1
        i32.wrap_i64
        i32.const 3
        i32.rotr
        i32.const 536870910
        i32.gt_u
        if $out5 ;; unlikely
          ;; 9: r2 = *(u64 *)(r1 + 8)                       ; list-walk.bpf.s:17: r2 = *(u64 *)(r1 + item.value)
          local.get $r1
          i32.wrap_i64
          i32.const 3
          i32.rotr
          i32.const 536870910
          i32.gt_u
          if $out6 (result i64) ;; unlikely
            local.get $r1
            i32.wrap_i64
            i64.extend_i32_u
            i64.const 8
            i64.add
            call $arena_load_8
          else
            local.get $r1
            i32.wrap_i64
            i64.load $arena offset=8
          end
          local.set $r2
          ;; 10: r0 += r2                                   ; list-walk.bpf.s:18: r0 += r2
          local.get $r0
          local.get $r2
          i64.add
          local.set $r0
          ;; 11: r1 = *(u64 *)(r1 + 0)                      ; list-walk.bpf.s:19: r1 = *(u64 *)(r1 + item.next)
          local.get $r1
          i32.wrap_i64
          i32.const 7
          i32.and
          if $out7 (result i64) ;; unlikely
            local.get $r1
            i32.wrap_i64
            i64.extend_i32_u
            call $arena_load_8
          else
            local.get $r1
            i32.wrap_i64
            i64.load $arena
          end
          local.set $r1
        else
          ;; 9: r2 = *(u64 *)(r1 + 8)                       ; list-walk.bpf.s:17: r2 = *(u64 *)(r1 + item.value)
          local.get $r1
          i32.wrap_i64
          i64.load $arena offset=8 align=1
          local.set $r2
          ;; 10: r0 += r2                                   ; list-walk.bpf.s:18: r0 += r2
          local.get $r0
          local.get $r2
          i64.add
          local.set $r0
          ;; 11: r1 = *(u64 *)(r1 + 0)                      ; list-walk.bpf.s:19: r1 = *(u64 *)(r1 + item.next)
          local.get $r1
          i32.wrap_i64
          i64.load $arena align=1
          local.set $r1
        end
        ;; 6: if r1 == 0 goto +6                            ; list-walk.bpf.s:14: if r1 == 0 goto out
        local.get $r1
        i64.const 0
        i64.eq
        br_if $out2
        ;; 7: may_goto +5                                   ; list-walk.bpf.s:15: may_goto out
        local.get $left
        i32.const 1
        i32.sub
        local.tee $left
        i32.eqz
        if $out8 (result i32) ;; unlikely
          call $host.tick
          global.get $area
          local.get $frame
          i32.const 9
          i32.shr_u
          i32.const 15
          i32.and
          i32.add
          i32.load8_u $kernel offset=104
          local.tee $scratch32
          i32.eqz
          if $out9 (result i32) ;; unlikely
            i32.const 1
            local.tee $left
          else
            global.get $area
            local.get $frame
            i32.const 9
            i32.shr_u
            i32.const 15
            i32.and
            i32.add
            local.get $scratch32
            i32.const 1
            i32.sub
            i32.store8 $kernel offset=104
            i32.const 65536
            local.set $left
            i32.const 0
          end
        else
          i32.const 0
        end
        br_if $out2 ;; unlikely
        ;; 8: r1 = addr_space_cast(r1, 0, 1)                ; list-walk.bpf.s:16: r1 = addr_space_cast(r1, 0, 1)
        local.get $r1
        i32.wrap_i64
        i64.extend_i32_u
        local.set $r1
        local.get $r1
        i32.wrap_i64
        i32.const 3
        i32.rotr
        i32.const 536870910
        i32.gt_u
        if $out10 ;; unlikely
          ;; 9: r2 = *(u64 *)(r1 + 8)                       ; list-walk.bpf.s:17: r2 = *(u64 *)(r1 + item.value)
          local.get $r1
          i32.wrap_i64
          i32.const 3
          i32.rotr
          i32.const 536870910
          i32.gt_u
          if $out11 (result i64) ;; unlikely
            local.get $r1
            i32.wrap_i64
            i64.extend_i32_u
            i64.const 8
            i64.add
            call $arena_load_8
          else
            local.get $r1
            i32.wrap_i64
            i64.load $arena offset=8
          end
          local.set $r2
          ;; 10: r0 += r2                                   ; list-walk.bpf.s:18: r0 += r2
          local.get $r0
          local.get $r2
          i64.add
          local.set $r0
          ;; 11: r1 = *(u64 *)(r1 + 0)                      ; list-walk.bpf.s:19: r1 = *(u64 *)(r1 + item.next)
          local.get $r1
          i32.wrap_i64
          i32.const 7
          i32.and
          if $out12 (result i64) ;; unlikely
            local.get $r1
            i32.wrap_i64
            i64.extend_i32_u
            call $arena_load_8
          else
            local.get $r1
            i32.wrap_i64
            i64.load $arena
          end
          local.set $r1
        else
          ;; 9: r2 = *(u64 *)(r1 + 8)                       ; list-walk.bpf.s:17: r2 = *(u64 *)(r1 + item.value)
          local.get $r1
          i32.wrap_i64
          i64.load $arena offset=8 align=1
          local.set $r2
          ;; 10: r0 += r2                                   ; list-walk.bpf.s:18: r0 += r2
          local.get $r0
          local.get $r2
          i64.add
          local.set $r0
          ;; 11: r1 = *(u64 *)(r1 + 0)                      ; list-walk.bpf.s:19: r1 = *(u64 *)(r1 + item.next)
          local.get $r1
          i32.wrap_i64
          i64.load $arena align=1
          local.set $r1
        end
        ;; 6: if r1 == 0 goto +6                            ; list-walk.bpf.s:14: if r1 == 0 goto out
        local.get $r1
        i64.const 0
        i64.eq
        br_if $out2
        ;; 7: may_goto +5                                   ; list-walk.bpf.s:15: may_goto out
        local.get $left
        i32.const 1
        i32.sub
        local.tee $left
        i32.eqz
        if $out13 (result i32) ;; unlikely
          call $host.tick
          global.get $area
          local.get $frame
          i32.const 9
          i32.shr_u
          i32.const 15
          i32.and
          i32.add
          i32.load8_u $kernel offset=104
          local.tee $scratch32
          i32.eqz
          if $out14 (result i32) ;; unlikely
            i32.const 1
            local.tee $left
          else
            global.get $area
            local.get $frame
            i32.const 9
            i32.shr_u
            i32.const 15
            i32.and
            i32.add
            local.get $scratch32
            i32.const 1
            i32.sub
            i32.store8 $kernel offset=104
            i32.const 65536
            local.set $left
            i32.const 0
          end
        else
          i32.const 0
        end
        br_if $out2 ;; unlikely
        ;; 8: r1 = addr_space_cast(r1, 0, 1)                ; list-walk.bpf.s:16: r1 = addr_space_cast(r1, 0, 1)
        local.get $r1
        i32.wrap_i64
        i64.extend_i32_u
        local.set $r1
        local.get $r1
        i32.wrap_i64
        i32.const 3
        i32.rotr
        i32.const 536870910
        i32.gt_u
        if $out15 ;; unlikely
          ;; 9: r2 = *(u64 *)(r1 + 8)                       ; list-walk.bpf.s:17: r2 = *(u64 *)(r1 + item.value)
          local.get $r1
          i32.wrap_i64
          i32.const 3
          i32.rotr
          i32.const 536870910
          i32.gt_u
          if $out16 (result i64) ;; unlikely
            local.get $r1
            i32.wrap_i64
            i64.extend_i32_u
            i64.const 8
            i64.add
            call $arena_load_8
          else
            local.get $r1
            i32.wrap_i64
            i64.load $arena offset=8
          end
          local.set $r2
          ;; 10: r0 += r2                                   ; list-walk.bpf.s:18: r0 += r2
          local.get $r0
          local.get $r2
          i64.add
          local.set $r0
          ;; 11: r1 = *(u64 *)(r1 + 0)                      ; list-walk.bpf.s:19: r1 = *(u64 *)(r1 + item.next)
          local.get $r1
          i32.wrap_i64
          i32.const 7
          i32.and
          if $out17 (result i64) ;; unlikely
            local.get $r1
            i32.wrap_i64
            i64.extend_i32_u
            call $arena_load_8
          else
            local.get $r1
            i32.wrap_i64
            i64.load $arena
          end
          local.set $r1
        else
          ;; 9: r2 = *(u64 *)(r1 + 8)                       ; list-walk.bpf.s:17: r2 = *(u64 *)(r1 + item.value)
          local.get $r1
          i32.wrap_i64
          i64.load $arena offset=8 align=1
          local.set $r2
          ;; 10: r0 += r2                                   ; list-walk.bpf.s:18: r0 += r2
          local.get $r0
          local.get $r2
          i64.add
          local.set $r0
          ;; 11: r1 = *(u64 *)(r1 + 0)                      ; list-walk.bpf.s:19: r1 = *(u64 *)(r1 + item.next)
          local.get $r1
          i32.wrap_i64
          i64.load $arena align=1
          local.set $r1
        end
        ;; 6: if r1 == 0 goto +6                            ; list-walk.bpf.s:14: if r1 == 0 goto out
        local.get $r1
        i64.const 0
        i64.eq
        br_if $out2
        ;; 7: may_goto +5                                   ; list-walk.bpf.s:15: may_goto out
        local.get $left
        i32.const 1
        i32.sub
        local.tee $left
        i32.eqz
        if $out18 (result i32) ;; unlikely
          call $host.tick
          global.get $area
          local.get $frame
          i32.const 9
          i32.shr_u
          i32.const 15
          i32.and
          i32.add
          i32.load8_u $kernel offset=104
          local.tee $scratch32
          i32.eqz
          if $out19 (result i32) ;; unlikely
            i32.const 1
            local.tee $left
          else
            global.get $area
            local.get $frame
            i32.const 9
            i32.shr_u
            i32.const 15
            i32.and
            i32.add
            local.get $scratch32
            i32.const 1
            i32.sub
            i32.store8 $kernel offset=104
            i32.const 65536
            local.set $left
            i32.const 0
          end
        else
          i32.const 0
        end
        br_if $out2 ;; unlikely
        ;; 8: r1 = addr_space_cast(r1, 0, 1)                ; list-walk.bpf.s:16: r1 = addr_space_cast(r1, 0, 1)
        local.get $r1
        i32.wrap_i64
        i64.extend_i32_u
        local.set $r1
        local.get $r1
        i32.wrap_i64
        i32.const 3
        i32.rotr
        i32.const 536870910
        i32.gt_u
        if $out20 ;; unlikely
          ;; 9: r2 = *(u64 *)(r1 + 8)                       ; list-walk.bpf.s:17: r2 = *(u64 *)(r1 + item.value)
          local.get $r1
          i32.wrap_i64
          i32.const 3
          i32.rotr
          i32.const 536870910
          i32.gt_u
          if $out21 (result i64) ;; unlikely
            local.get $r1
            i32.wrap_i64
            i64.extend_i32_u
            i64.const 8
            i64.add
            call $arena_load_8
          else
            local.get $r1
            i32.wrap_i64
            i64.load $arena offset=8
          end
          local.set $r2
          ;; 10: r0 += r2                                   ; list-walk.bpf.s:18: r0 += r2
          local.get $r0
          local.get $r2
          i64.add
          local.set $r0
          ;; 11: r1 = *(u64 *)(r1 + 0)                      ; list-walk.bpf.s:19: r1 = *(u64 *)(r1 + item.next)
          local.get $r1
          i32.wrap_i64
          i32.const 7
          i32.and
          if $out22 (result i64) ;; unlikely
            local.get $r1
            i32.wrap_i64
            i64.extend_i32_u
            call $arena_load_8
          else
            local.get $r1
            i32.wrap_i64
            i64.load $arena
          end
          local.set $r1
        else
          ;; 9: r2 = *(u64 *)(r1 + 8)                       ; list-walk.bpf.s:17: r2 = *(u64 *)(r1 + item.value)
          local.get $r1
          i32.wrap_i64
          i64.load $arena offset=8 align=1
          local.set $r2
          ;; 10: r0 += r2                                   ; list-walk.bpf.s:18: r0 += r2
          local.get $r0
          local.get $r2
          i64.add
          local.set $r0
          ;; 11: r1 = *(u64 *)(r1 + 0)                      ; list-walk.bpf.s:19: r1 = *(u64 *)(r1 + item.next)
          local.get $r1
          i32.wrap_i64
          i64.load $arena align=1
          local.set $r1
        end
        ;; 12: goto -7                                      ; list-walk.bpf.s:20: goto next
        br $loop1
      end
      ;; 13: exit                                           ; list-walk.bpf.s:22: exit
      local.get $r0
      return
    end
    unreachable
  )

  (func $arena_load_8 (;3;) (param $l0 i64) (result i64)
    (local $l1 i32)
    local.get $l0
    i64.const 4294967288
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
    i32.const 7
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
    i64.load $arena align=1
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
    call $walk
    i64.store $kernel
    local.get $l2
    global.set $area
  )
)
