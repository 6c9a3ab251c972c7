;; program irreducible, syscall, 12 instructions
(module
  (import "memory" "kernel" (memory $kernel (;0;) 65536 65536 shared))
  (import "host" "tick" (func $host.tick (;0;)))
  (import "host" "trap" (func $host.trap (;1;) (param i32)))
  (global $area (;0;) (mut i32) (i32.const 0))
  (global $fuel (;1;) (mut i32) (i32.const 0))
  (export "run" (func $run))
  (export "area" (global $area))
  (export "fuel" (global $fuel))

  (func $irreducible (;2;) (param $frame i32) (param $r1 i64) (result i64)
    (local $label i32) (local $left i32) (local $scratch32 i32) (local $r2 i64) (local $r3 i64) (local $r0 i64)
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
    block $out1
      ;; 0: r2 = *(u64 *)(r1 + 0)                           ; irreducible.bpf.s:3: r2 = *(u64 *)(r1 + 0)
      local.get $r1
      i32.wrap_i64
      i64.load $kernel align=1
      local.set $r2
      ;; 1: r3 = *(u64 *)(r1 + 8)                           ; irreducible.bpf.s:4: r3 = *(u64 *)(r1 + 8)
      local.get $r1
      i32.wrap_i64
      i32.const 8
      i32.add
      i64.load $kernel align=1
      local.set $r3
      ;; 2: r0 = 0                                          ; irreducible.bpf.s:5: r0 = 0
      i64.const 0
      local.set $r0
      ;; 3: if r2 == 0 goto +3                              ; irreducible.bpf.s:6: if r2 == 0 goto second
      local.get $r2
      i64.const 0
      i64.eq
      if $out2
        i32.const 1
        local.set $label
        br $out1
      end
      i32.const 0
      local.set $label
      br $out1
    end
    loop $loop3
      block $out4
        block $out5
          block $out6
            local.get $label
            br_table $out5 $out6
          end
          ;; 7: may_goto +3                                 ; irreducible.bpf.s:12: may_goto out
          local.get $left
          i32.const 1
          i32.sub
          local.tee $left
          i32.eqz
          if $out7 (result i32) ;; unlikely
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
            if $out8 (result i32) ;; unlikely
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
          br_if $out4 ;; unlikely
          ;; 8: r0 += 2                                     ; irreducible.bpf.s:13: r0 += 2
          local.get $r0
          i64.const 2
          i64.add
          local.set $r0
          ;; 9: if r2 == r0 goto +1                         ; irreducible.bpf.s:14: if r2 == r0 goto out
          local.get $r2
          local.get $r0
          i64.eq
          br_if $out4
          ;; 10: goto -7                                    ; irreducible.bpf.s:15: goto first
          i32.const 0
          local.set $label
          br $loop3
        end
        ;; 4: may_goto +6                                   ; irreducible.bpf.s:8: may_goto out
        local.get $left
        i32.const 1
        i32.sub
        local.tee $left
        i32.eqz
        if $out9 (result i32) ;; unlikely
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
          if $out10 (result i32) ;; unlikely
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
        br_if $out4 ;; unlikely
        ;; 5: r0 += 1                                       ; irreducible.bpf.s:9: r0 += 1
        local.get $r0
        i64.const 1
        i64.add
        local.set $r0
        ;; 6: if r3 == r0 goto +4                           ; irreducible.bpf.s:10: if r3 == r0 goto out
        local.get $r3
        local.get $r0
        i64.eq
        br_if $out4
        i32.const 1
        local.set $label
        br $loop3
      end
      ;; 11: exit                                           ; irreducible.bpf.s:17: exit
      local.get $r0
      return
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
    local.get $l0
    i64.load $kernel offset=8
    call $irreducible
    i64.store $kernel
    local.get $l2
    global.set $area
  )
)
