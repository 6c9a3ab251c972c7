;; program build, syscall, 22 instructions
(module
  (import "memory" "kernel" (memory $kernel (;0;) 65536 65536 shared))
  (import "memory" "arena" (memory $arena (;1;) 65536 65536 shared))
  (import "kfunc" "1" (func $bpf_arena_alloc_pages (;0;)))
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

  (func $build (;8;) (param $frame i32) (result i64)
    (local $r1 i64) (local $r2 i64) (local $r3 i64) (local $r4 i64) (local $r5 i64) (local $scratch32 i32) (local $r0 i64) (local $r6 i64) (local $r7 i64) (local $r8 i64) (local $page6 i32) (local $page1 i32)
    ;; 0: r1 = arena ll                                     ; list-build.bpf.s:5: r1 = arena ll
    i64.const -131391600717824
    local.set $r1
    ;; 2: r2 = 0                                            ; list-build.bpf.s:6: r2 = 0
    i64.const 0
    local.set $r2
    ;; 3: w3 = 1                                            ; list-build.bpf.s:7: w3 = 1
    i32.const 1
    i64.extend_i32_u
    local.set $r3
    ;; 4: w4 = -1                                           ; list-build.bpf.s:8: w4 = -1
    i32.const -1
    i64.extend_i32_u
    local.set $r4
    ;; 5: r5 = 0                                            ; list-build.bpf.s:9: r5 = 0
    i64.const 0
    local.set $r5
    ;; 6: call bpf_arena_alloc_pages                        ; list-build.bpf.s:10: call bpf_arena_alloc_pages
    global.get $area
    local.set $scratch32
    local.get $scratch32
    local.get $r1
    i64.store $kernel offset=8
    local.get $scratch32
    local.get $r2
    i64.store $kernel offset=16
    local.get $scratch32
    local.get $r3
    i64.store $kernel offset=24
    local.get $scratch32
    local.get $r4
    i64.store $kernel offset=32
    local.get $scratch32
    local.get $r5
    i64.store $kernel offset=40
    global.get $area
    i32.const 6
    i32.store $kernel offset=88
    call $bpf_arena_alloc_pages
    global.get $area
    i64.load $kernel
    local.set $r0
    ;; 7: r6 = r0                                           ; list-build.bpf.s:11: r6 = r0
    local.get $r0
    local.set $r6
    ;; 8: r7 = 100                                          ; list-build.bpf.s:12: r7 = 100
    i64.const 100
    local.set $r7
    ;; 9: r8 = 0                                            ; list-build.bpf.s:13: r8 = 0
    i64.const 0
    local.set $r8
    loop $loop0
      block $out1
        local.get $r6
        i32.wrap_i64
        i32.const 12
        i32.shr_u
        i32.load8_u $kernel offset=37748736
        local.set $page6
        ;; 10: r1 = addr_space_cast(r6, 0, 1)               ; list-build.bpf.s:15: r1 = addr_space_cast(r6, 0, 1)
        local.get $r6
        i32.wrap_i64
        i64.extend_i32_u
        local.set $r1
        local.get $page6
        local.set $page1
        block $out2
          block $out3
            local.get $page1
            i32.const 7
            i32.ne
            if $out4
              local.get $page1
              i32.const 1
              i32.and
              local.get $r1
              i32.wrap_i64
              i32.const 4095
              i32.and
              i32.const 0
              i32.add
              i32.const 4080
              i32.le_u
              i32.and
              i32.eqz
              br_if $out3 ;; unlikely
            end
            ;; 11: *(u64 *)(r1 + 0) = r8                    ; list-build.bpf.s:16: *(u64 *)(r1 + 0) = r8
            local.get $r1
            i32.wrap_i64
            local.get $r8
            i64.store $arena align=1
            ;; 12: *(u64 *)(r1 + 8) = r7                    ; list-build.bpf.s:17: *(u64 *)(r1 + 8) = r7
            local.get $r1
            i32.wrap_i64
            local.get $r7
            i64.store $arena offset=8 align=1
            br $out2
          end
          ;; 11: *(u64 *)(r1 + 0) = r8                      ; list-build.bpf.s:16: *(u64 *)(r1 + 0) = r8
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
          if $out5
            local.get $r1
            i32.wrap_i64
            local.get $r8
            i64.store $arena align=1
          else
            local.get $r1
            i32.wrap_i64
            i64.extend_i32_u
            local.get $r8
            call $arena_store_8
          end
          ;; 12: *(u64 *)(r1 + 8) = r7                      ; list-build.bpf.s:17: *(u64 *)(r1 + 8) = r7
          local.get $page1
          i32.const 1
          i32.and
          local.get $r1
          i32.wrap_i64
          i32.const 4095
          i32.and
          i32.const 8
          i32.add
          i32.const 4088
          i32.le_u
          i32.and
          if $out6
            local.get $r1
            i32.wrap_i64
            local.get $r7
            i64.store $arena offset=8 align=1
          else
            local.get $r1
            i32.wrap_i64
            i64.extend_i32_u
            i64.const 8
            i64.add
            local.get $r7
            call $arena_store_8
          end
        end
        ;; 13: r8 = r6                                      ; list-build.bpf.s:18: r8 = r6
        local.get $r6
        local.set $r8
        ;; 14: r6 += 16                                     ; list-build.bpf.s:19: r6 += 16
        local.get $r6
        i64.const 16
        i64.add
        local.set $r6
        ;; 15: r7 += -1                                     ; list-build.bpf.s:20: r7 += -1
        local.get $r7
        i64.const -1
        i64.add
        local.set $r7
        ;; 16: if r7 != 0 goto -7                           ; list-build.bpf.s:21: if r7 != 0 goto next
        local.get $r7
        i64.const 0
        i64.ne
        i32.eqz
        br_if $out1
        local.get $r6
        i32.wrap_i64
        i32.const 12
        i32.shr_u
        i32.load8_u $kernel offset=37748736
        local.set $page6
        ;; 10: r1 = addr_space_cast(r6, 0, 1)               ; list-build.bpf.s:15: r1 = addr_space_cast(r6, 0, 1)
        local.get $r6
        i32.wrap_i64
        i64.extend_i32_u
        local.set $r1
        local.get $page6
        local.set $page1
        block $out7
          block $out8
            local.get $page1
            i32.const 7
            i32.ne
            if $out9
              local.get $page1
              i32.const 1
              i32.and
              local.get $r1
              i32.wrap_i64
              i32.const 4095
              i32.and
              i32.const 0
              i32.add
              i32.const 4080
              i32.le_u
              i32.and
              i32.eqz
              br_if $out8 ;; unlikely
            end
            ;; 11: *(u64 *)(r1 + 0) = r8                    ; list-build.bpf.s:16: *(u64 *)(r1 + 0) = r8
            local.get $r1
            i32.wrap_i64
            local.get $r8
            i64.store $arena align=1
            ;; 12: *(u64 *)(r1 + 8) = r7                    ; list-build.bpf.s:17: *(u64 *)(r1 + 8) = r7
            local.get $r1
            i32.wrap_i64
            local.get $r7
            i64.store $arena offset=8 align=1
            br $out7
          end
          ;; 11: *(u64 *)(r1 + 0) = r8                      ; list-build.bpf.s:16: *(u64 *)(r1 + 0) = r8
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
          if $out10
            local.get $r1
            i32.wrap_i64
            local.get $r8
            i64.store $arena align=1
          else
            local.get $r1
            i32.wrap_i64
            i64.extend_i32_u
            local.get $r8
            call $arena_store_8
          end
          ;; 12: *(u64 *)(r1 + 8) = r7                      ; list-build.bpf.s:17: *(u64 *)(r1 + 8) = r7
          local.get $page1
          i32.const 1
          i32.and
          local.get $r1
          i32.wrap_i64
          i32.const 4095
          i32.and
          i32.const 8
          i32.add
          i32.const 4088
          i32.le_u
          i32.and
          if $out11
            local.get $r1
            i32.wrap_i64
            local.get $r7
            i64.store $arena offset=8 align=1
          else
            local.get $r1
            i32.wrap_i64
            i64.extend_i32_u
            i64.const 8
            i64.add
            local.get $r7
            call $arena_store_8
          end
        end
        ;; 13: r8 = r6                                      ; list-build.bpf.s:18: r8 = r6
        local.get $r6
        local.set $r8
        ;; 14: r6 += 16                                     ; list-build.bpf.s:19: r6 += 16
        local.get $r6
        i64.const 16
        i64.add
        local.set $r6
        ;; 15: r7 += -1                                     ; list-build.bpf.s:20: r7 += -1
        local.get $r7
        i64.const -1
        i64.add
        local.set $r7
        ;; 16: if r7 != 0 goto -7                           ; list-build.bpf.s:21: if r7 != 0 goto next
        local.get $r7
        i64.const 0
        i64.ne
        i32.eqz
        br_if $out1
        local.get $r6
        i32.wrap_i64
        i32.const 12
        i32.shr_u
        i32.load8_u $kernel offset=37748736
        local.set $page6
        ;; 10: r1 = addr_space_cast(r6, 0, 1)               ; list-build.bpf.s:15: r1 = addr_space_cast(r6, 0, 1)
        local.get $r6
        i32.wrap_i64
        i64.extend_i32_u
        local.set $r1
        local.get $page6
        local.set $page1
        block $out12
          block $out13
            local.get $page1
            i32.const 7
            i32.ne
            if $out14
              local.get $page1
              i32.const 1
              i32.and
              local.get $r1
              i32.wrap_i64
              i32.const 4095
              i32.and
              i32.const 0
              i32.add
              i32.const 4080
              i32.le_u
              i32.and
              i32.eqz
              br_if $out13 ;; unlikely
            end
            ;; 11: *(u64 *)(r1 + 0) = r8                    ; list-build.bpf.s:16: *(u64 *)(r1 + 0) = r8
            local.get $r1
            i32.wrap_i64
            local.get $r8
            i64.store $arena align=1
            ;; 12: *(u64 *)(r1 + 8) = r7                    ; list-build.bpf.s:17: *(u64 *)(r1 + 8) = r7
            local.get $r1
            i32.wrap_i64
            local.get $r7
            i64.store $arena offset=8 align=1
            br $out12
          end
          ;; 11: *(u64 *)(r1 + 0) = r8                      ; list-build.bpf.s:16: *(u64 *)(r1 + 0) = r8
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
          if $out15
            local.get $r1
            i32.wrap_i64
            local.get $r8
            i64.store $arena align=1
          else
            local.get $r1
            i32.wrap_i64
            i64.extend_i32_u
            local.get $r8
            call $arena_store_8
          end
          ;; 12: *(u64 *)(r1 + 8) = r7                      ; list-build.bpf.s:17: *(u64 *)(r1 + 8) = r7
          local.get $page1
          i32.const 1
          i32.and
          local.get $r1
          i32.wrap_i64
          i32.const 4095
          i32.and
          i32.const 8
          i32.add
          i32.const 4088
          i32.le_u
          i32.and
          if $out16
            local.get $r1
            i32.wrap_i64
            local.get $r7
            i64.store $arena offset=8 align=1
          else
            local.get $r1
            i32.wrap_i64
            i64.extend_i32_u
            i64.const 8
            i64.add
            local.get $r7
            call $arena_store_8
          end
        end
        ;; 13: r8 = r6                                      ; list-build.bpf.s:18: r8 = r6
        local.get $r6
        local.set $r8
        ;; 14: r6 += 16                                     ; list-build.bpf.s:19: r6 += 16
        local.get $r6
        i64.const 16
        i64.add
        local.set $r6
        ;; 15: r7 += -1                                     ; list-build.bpf.s:20: r7 += -1
        local.get $r7
        i64.const -1
        i64.add
        local.set $r7
        ;; 16: if r7 != 0 goto -7                           ; list-build.bpf.s:21: if r7 != 0 goto next
        local.get $r7
        i64.const 0
        i64.ne
        i32.eqz
        br_if $out1
        local.get $r6
        i32.wrap_i64
        i32.const 12
        i32.shr_u
        i32.load8_u $kernel offset=37748736
        local.set $page6
        ;; 10: r1 = addr_space_cast(r6, 0, 1)               ; list-build.bpf.s:15: r1 = addr_space_cast(r6, 0, 1)
        local.get $r6
        i32.wrap_i64
        i64.extend_i32_u
        local.set $r1
        local.get $page6
        local.set $page1
        block $out17
          block $out18
            local.get $page1
            i32.const 7
            i32.ne
            if $out19
              local.get $page1
              i32.const 1
              i32.and
              local.get $r1
              i32.wrap_i64
              i32.const 4095
              i32.and
              i32.const 0
              i32.add
              i32.const 4080
              i32.le_u
              i32.and
              i32.eqz
              br_if $out18 ;; unlikely
            end
            ;; 11: *(u64 *)(r1 + 0) = r8                    ; list-build.bpf.s:16: *(u64 *)(r1 + 0) = r8
            local.get $r1
            i32.wrap_i64
            local.get $r8
            i64.store $arena align=1
            ;; 12: *(u64 *)(r1 + 8) = r7                    ; list-build.bpf.s:17: *(u64 *)(r1 + 8) = r7
            local.get $r1
            i32.wrap_i64
            local.get $r7
            i64.store $arena offset=8 align=1
            br $out17
          end
          ;; 11: *(u64 *)(r1 + 0) = r8                      ; list-build.bpf.s:16: *(u64 *)(r1 + 0) = r8
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
          if $out20
            local.get $r1
            i32.wrap_i64
            local.get $r8
            i64.store $arena align=1
          else
            local.get $r1
            i32.wrap_i64
            i64.extend_i32_u
            local.get $r8
            call $arena_store_8
          end
          ;; 12: *(u64 *)(r1 + 8) = r7                      ; list-build.bpf.s:17: *(u64 *)(r1 + 8) = r7
          local.get $page1
          i32.const 1
          i32.and
          local.get $r1
          i32.wrap_i64
          i32.const 4095
          i32.and
          i32.const 8
          i32.add
          i32.const 4088
          i32.le_u
          i32.and
          if $out21
            local.get $r1
            i32.wrap_i64
            local.get $r7
            i64.store $arena offset=8 align=1
          else
            local.get $r1
            i32.wrap_i64
            i64.extend_i32_u
            i64.const 8
            i64.add
            local.get $r7
            call $arena_store_8
          end
        end
        ;; 13: r8 = r6                                      ; list-build.bpf.s:18: r8 = r6
        local.get $r6
        local.set $r8
        ;; 14: r6 += 16                                     ; list-build.bpf.s:19: r6 += 16
        local.get $r6
        i64.const 16
        i64.add
        local.set $r6
        ;; 15: r7 += -1                                     ; list-build.bpf.s:20: r7 += -1
        local.get $r7
        i64.const -1
        i64.add
        local.set $r7
        ;; 16: if r7 != 0 goto -7                           ; list-build.bpf.s:21: if r7 != 0 goto next
        local.get $r7
        i64.const 0
        i64.ne
        br_if $loop0
        br $out1
      end
      ;; 17: r1 = .bss + 0 ll                               ; list-build.bpf.s:22: r1 = head ll
      i64.const -131391600713728
      local.set $r1
      ;; 19: *(u64 *)(r1 + 0) = r8                          ; list-build.bpf.s:23: *(u64 *)(r1 + 0) = r8
      local.get $r1
      i32.wrap_i64
      local.get $r8
      i64.store $kernel align=1
      ;; 20: r0 = 0                                         ; list-build.bpf.s:24: r0 = 0
      i64.const 0
      local.set $r0
      ;; 21: exit                                           ; list-build.bpf.s:25: exit
      local.get $r0
      return
    end
    unreachable
  )

  (func $arena_store_8 (;9;) (param $l0 i64) (param $l1 i64)
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
    call $build
    i64.store $kernel
    local.get $l2
    global.set $area
  )
)
