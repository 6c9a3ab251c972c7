/**
 * Programs, and the logs that Linux 6.18.44 wrote of them, word for word: kernel addresses became ADDRESS, and a kfunc
 * call has harena's number (what stands behind it on the line moves with its length).
 */
export interface RecordedLog {
  readonly name: string
  readonly source: string
  /** '' when it was accepted. */
  readonly errno: string
  readonly level1: string
  readonly level2: string
}

export const RECORDED_LOGS: readonly RecordedLog[] = [
  {
    name: 'arena',
    errno: 'EACCES',
    source: `.map arena type=arena entries=10 extra=0x100000010000
.program arenause type=syscall
 r1 = arena ll
 r2 = 0
 w3 = 1
 w4 = -1
 r5 = 0
 call bpf_arena_alloc_pages
 r6 = addr_space_cast(r0, 0, 1)
 if r6 == 0 goto 1f
 *(u64 *)(r6 + 8) = r0
 *(u64 *)(r10 - 8) = r6
 r7 = *(u64 *)(r10 - 8)
 r7 += 16
 lock *(u64 *)(r7 + 0) += r0
1:
 r0 = *(u64 *)(r0 + 0)
 exit
`,
    level1: `0: R1=ctx() R10=fp0
0: (18) r1 = ADDRESS       ; R1=map_ptr(map=arena,ks=0,vs=0)
2: (b7) r2 = 0                        ; R2=0
3: (b4) w3 = 1                        ; R3=1
4: (b4) w4 = -1                       ; R4=0xffffffff
5: (b7) r5 = 0                        ; R5=0
6: (85) call bpf_arena_alloc_pages#1      ; R0=scalar()
7: (bf) r6 = addr_space_cast(r0, 0, 1)        ; R0=scalar() R6=arena
8: (15) if r6 == 0x0 goto pc+5        ; R6=arena
9: (7b) *(u64 *)(r6 +8) = r0          ; R0=scalar() R6=arena
10: (7b) *(u64 *)(r10 -8) = r6        ; R6=arena R10=fp0 fp-8=arena
11: (79) r7 = *(u64 *)(r10 -8)        ; R7=arena R10=fp0 fp-8=arena
12: (07) r7 += 16                     ; R7=arena
13: (db) lock *(u64 *)(r7 +0) += r0   ; R0=scalar() R7=arena
14: (79) r0 = *(u64 *)(r0 +0)
R0 invalid mem access 'scalar'
processed 14 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0
`,
    level2: `func#0 @0
Live regs before insn:
      0: .......... (18) r1 = ADDRESS
      2: .1........ (b7) r2 = 0
      3: .12....... (b4) w3 = 1
      4: .123...... (b4) w4 = -1
      5: .1234..... (b7) r5 = 0
      6: .12345.... (85) call bpf_arena_alloc_pages#1
      7: 0......... (bf) r6 = addr_space_cast(r0, 0, 1)
      8: 0.....6... (15) if r6 == 0x0 goto pc+5
      9: 0.....6... (7b) *(u64 *)(r6 +8) = r0
     10: 0.....6... (7b) *(u64 *)(r10 -8) = r6
     11: 0......... (79) r7 = *(u64 *)(r10 -8)
     12: 0......7.. (07) r7 += 16
     13: 0......7.. (db) lock *(u64 *)(r7 +0) += r0
     14: 0......... (79) r0 = *(u64 *)(r0 +0)
     15: 0......... (95) exit
0: R1=ctx() R10=fp0
0: (18) r1 = ADDRESS       ; R1=map_ptr(map=arena,ks=0,vs=0)
2: (b7) r2 = 0                        ; R2=0
3: (b4) w3 = 1                        ; R3=1
4: (b4) w4 = -1                       ; R4=0xffffffff
5: (b7) r5 = 0                        ; R5=0
6: (85) call bpf_arena_alloc_pages#1      ; R0=scalar()
7: (bf) r6 = addr_space_cast(r0, 0, 1)        ; R0=scalar() R6=arena
8: (15) if r6 == 0x0 goto pc+5        ; R6=arena
9: (7b) *(u64 *)(r6 +8) = r0          ; R0=scalar() R6=arena
10: (7b) *(u64 *)(r10 -8) = r6        ; R6=arena R10=fp0 fp-8=arena
11: (79) r7 = *(u64 *)(r10 -8)        ; R7=arena R10=fp0 fp-8=arena
12: (07) r7 += 16                     ; R7=arena
13: (db) lock *(u64 *)(r7 +0) += r0   ; R0=scalar() R7=arena
14: (79) r0 = *(u64 *)(r0 +0)
R0 invalid mem access 'scalar'
processed 14 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0
`,
  },
  {
    name: 'branch',
    errno: 'EACCES',
    source: `.program branch type=syscall
 call bpf_get_prandom_u32
 if r0 == 0 goto 1f
 r0 = 0
 exit
1:
 r0 = *(u32 *)(r10 + 8)
 exit
`,
    level1: `0: R1=ctx() R10=fp0
0: (85) call bpf_get_prandom_u32#7    ; R0=scalar()
1: (15) if r0 == 0x0 goto pc+2 4: R0=0 R10=fp0
4: (61) r0 = *(u32 *)(r10 +8)
invalid read from stack R10 off=8 size=4
processed 5 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`,
    level2: `func#0 @0
Live regs before insn:
      0: .......... (85) call bpf_get_prandom_u32#7
      1: 0......... (15) if r0 == 0x0 goto pc+2
      2: .......... (b7) r0 = 0
      3: 0......... (95) exit
      4: .......... (61) r0 = *(u32 *)(r10 +8)
      5: 0......... (95) exit
0: R1=ctx() R10=fp0
0: (85) call bpf_get_prandom_u32#7    ; R0=scalar()
1: (15) if r0 == 0x0 goto pc+2        ; R0=scalar(umin=1)
2: (b7) r0 = 0                        ; R0=0
3: (95) exit

from 1 to 4: R0=0 R10=fp0
4: R0=0 R10=fp0
4: (61) r0 = *(u32 *)(r10 +8)
invalid read from stack R10 off=8 size=4
processed 5 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`,
  },
  {
    name: 'endless',
    errno: 'EINVAL',
    source: `.program endless type=syscall
 call bpf_get_prandom_u32
 if r0 == 0 goto 2f
1:
 goto 1b
2:
 r0 = 0
 exit
`,
    level1: `0: R1=ctx() R10=fp0
0: (85) call bpf_get_prandom_u32#7    ; R0=scalar()
1: (15) if r0 == 0x0 goto pc+1        ; R0=scalar(umin=1)
2: (05) goto pc-1
2: (05) goto pc-1
2: (05) goto pc-1
2: (05) goto pc-1
2: (05) goto pc-1
2: (05) goto pc-1
infinite loop detected at insn 2
cur state: R0=scalar(umin=1) R10=fp0
old state: R0=scalar(umin=1) R10=fp0
processed 9 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0
`,
    level2: `func#0 @0
Live regs before insn:
      0: .......... (85) call bpf_get_prandom_u32#7
      1: 0......... (15) if r0 == 0x0 goto pc+1
  1   2: .......... (05) goto pc-1
      3: .......... (b7) r0 = 0
      4: 0......... (95) exit
0: R1=ctx() R10=fp0
0: (85) call bpf_get_prandom_u32#7    ; R0=scalar()
1: (15) if r0 == 0x0 goto pc+1        ; R0=scalar(umin=1)
2: (05) goto pc-1
2: (05) goto pc-1
2: (05) goto pc-1
2: (05) goto pc-1
2: (05) goto pc-1
SCC enter (1)
2: (05) goto pc-1
infinite loop detected at insn 2
cur state: R0=scalar(umin=1) R10=fp0
old state: R0=scalar(umin=1) R10=fp0
processed 9 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0
`,
  },
  {
    name: 'lookup',
    errno: 'EACCES',
    source: `.map arr type=array key=4 value=48 entries=4
.program lookup type=syscall
 r1 = arr ll
 r2 = r10
 r2 += -4
 *(u32 *)(r10 - 4) = 0
 call bpf_map_lookup_elem
 *(u64 *)(r0 + 0) = 1
 r1 = arr ll
 r2 = r10
 r2 += -16
 *(u32 *)(r10 - 16) = 3
 call bpf_map_lookup_elem
 r6 = r0
 r1 = r10
 r1 += -32
 r2 = 32
 call bpf_trace_printk
 r0 = *(u64 *)(r6 + 48)
 exit
`,
    level1: `0: R1=ctx() R10=fp0
0: (18) r1 = ADDRESS       ; R1=map_ptr(map=arr,ks=4,vs=48)
2: (bf) r2 = r10                      ; R2=fp0 R10=fp0
3: (07) r2 += -4                      ; R2=fp-4
4: (62) *(u32 *)(r10 -4) = 0          ; R10=fp0 fp-8=0000????
5: (85) call bpf_map_lookup_elem#1    ; R0=map_value(map=arr,ks=4,vs=48)
6: (7a) *(u64 *)(r0 +0) = 1           ; R0=map_value(map=arr,ks=4,vs=48)
7: (18) r1 = ADDRESS       ; R1=map_ptr(map=arr,ks=4,vs=48)
9: (bf) r2 = r10                      ; R2=fp0 R10=fp0
10: (07) r2 += -16                    ; R2=fp-16
11: (62) *(u32 *)(r10 -16) = 3        ; R10=fp0 fp-16=????3
12: (85) call bpf_map_lookup_elem#1   ; R0=map_value(map=arr,ks=4,vs=48)
13: (bf) r6 = r0                      ; R0=map_value(map=arr,ks=4,vs=48) R6=map_value(map=arr,ks=4,vs=48)
14: (bf) r1 = r10                     ; R1=fp0 R10=fp0
15: (07) r1 += -32                    ; R1=fp-32
16: (b7) r2 = 32                      ; R2=32
17: (85) call bpf_trace_printk#6      ; R0=scalar()
18: (79) r0 = *(u64 *)(r6 +48)
invalid access to map value, value_size=48 off=48 size=8
R6 min value is outside of the allowed memory range
processed 17 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0
`,
    level2: `func#0 @0
Live regs before insn:
      0: .......... (18) r1 = ADDRESS
      2: .1........ (bf) r2 = r10
      3: .12....... (07) r2 += -4
      4: .12....... (62) *(u32 *)(r10 -4) = 0
      5: .12....... (85) call bpf_map_lookup_elem#1
      6: 0......... (7a) *(u64 *)(r0 +0) = 1
      7: .......... (18) r1 = ADDRESS
      9: .1........ (bf) r2 = r10
     10: .12....... (07) r2 += -16
     11: .12....... (62) *(u32 *)(r10 -16) = 3
     12: .12....... (85) call bpf_map_lookup_elem#1
     13: 0......... (bf) r6 = r0
     14: ......6... (bf) r1 = r10
     15: .1....6... (07) r1 += -32
     16: .1....6... (b7) r2 = 32
     17: .12...6... (85) call bpf_trace_printk#6
     18: ......6... (79) r0 = *(u64 *)(r6 +48)
     19: 0......... (95) exit
0: R1=ctx() R10=fp0
0: (18) r1 = ADDRESS       ; R1=map_ptr(map=arr,ks=4,vs=48)
2: (bf) r2 = r10                      ; R2=fp0 R10=fp0
3: (07) r2 += -4                      ; R2=fp-4
4: (62) *(u32 *)(r10 -4) = 0          ; R10=fp0 fp-8=0000????
5: (85) call bpf_map_lookup_elem#1    ; R0=map_value(map=arr,ks=4,vs=48)
6: (7a) *(u64 *)(r0 +0) = 1           ; R0=map_value(map=arr,ks=4,vs=48)
7: (18) r1 = ADDRESS       ; R1=map_ptr(map=arr,ks=4,vs=48)
9: (bf) r2 = r10                      ; R2=fp0 R10=fp0
10: (07) r2 += -16                    ; R2=fp-16
11: (62) *(u32 *)(r10 -16) = 3        ; R10=fp0 fp-16=????3
12: (85) call bpf_map_lookup_elem#1
mark_precise: frame0: last_idx 12 first_idx 0 subseq_idx -1 
mark_precise: frame0: regs= stack=-16 before 11: (62) *(u32 *)(r10 -16) = 3
13: R0=map_value(map=arr,ks=4,vs=48)
13: (bf) r6 = r0                      ; R0=map_value(map=arr,ks=4,vs=48) R6=map_value(map=arr,ks=4,vs=48)
14: (bf) r1 = r10                     ; R1=fp0 R10=fp0
15: (07) r1 += -32                    ; R1=fp-32
16: (b7) r2 = 32                      ; R2=32
17: (85) call bpf_trace_printk#6
mark_precise: frame0: last_idx 17 first_idx 13 subseq_idx -1 
mark_precise: frame0: regs=r2 stack= before 16: (b7) r2 = 32
18: R0=scalar()
18: (79) r0 = *(u64 *)(r6 +48)
invalid access to map value, value_size=48 off=48 size=8
R6 min value is outside of the allowed memory range
processed 17 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0
`,
  },
  {
    name: 'loops',
    errno: '',
    source: `.program loops type=syscall
 call bpf_get_prandom_u32
 r6 = r0
 r7 = 0
1:
 r7 += 1
 if r7 < 4 goto 1b
 r6 &= 7
2:
 may_goto 3f
 r6 += 1
 goto 2b
3:
 r0 = r6
 exit
`,
    level1: `processed 28 insns (limit 1000000) max_states_per_insn 2 total_states 4 peak_states 5 mark_read 0
`,
    level2: `func#0 @0
Live regs before insn:
      0: .......... (85) call bpf_get_prandom_u32#7
      1: 0......... (bf) r6 = r0
      2: ......6... (b7) r7 = 0
  2   3: ......67.. (07) r7 += 1
  2   4: ......67.. (a5) if r7 < 0x4 goto pc-2
      5: ......6... (57) r6 &= 7
  1   6: ......6... (e5) may_goto pc+2
  1   7: ......6... (07) r6 += 1
  1   8: ......6... (05) goto pc-3
      9: ......6... (bf) r0 = r6
     10: 0......... (95) exit
0: R1=ctx() R10=fp0
0: (85) call bpf_get_prandom_u32#7    ; R0=scalar()
1: (bf) r6 = r0                       ; R0=scalar(id=1) R6=scalar(id=1)
2: (b7) r7 = 0                        ; R7=0
3: (07) r7 += 1                       ; R7=1
4: (a5) if r7 < 0x4 goto pc-2
mark_precise: frame0: last_idx 4 first_idx 0 subseq_idx -1 
mark_precise: frame0: regs=r7 stack= before 3: (07) r7 += 1
mark_precise: frame0: regs=r7 stack= before 2: (b7) r7 = 0
4: R7=1
3: (07) r7 += 1                       ; R7=2
4: (a5) if r7 < 0x4 goto pc-2
mark_precise: frame0: last_idx 4 first_idx 0 subseq_idx -1 
mark_precise: frame0: regs=r7 stack= before 3: (07) r7 += 1
mark_precise: frame0: regs=r7 stack= before 4: (a5) if r7 < 0x4 goto pc-2
mark_precise: frame0: regs=r7 stack= before 3: (07) r7 += 1
mark_precise: frame0: regs=r7 stack= before 2: (b7) r7 = 0
4: R7=2
SCC enter (2)
3: (07) r7 += 1                       ; R7=3
4: (a5) if r7 < 0x4 goto pc-2
mark_precise: frame0: last_idx 4 first_idx 3 subseq_idx -1 
mark_precise: frame0: regs=r7 stack= before 3: (07) r7 += 1
mark_precise: frame0: parent state regs=r7 stack=:  R0=scalar(id=1) R6=scalar(id=1) R7=P2 R10=fp0
mark_precise: frame0: last_idx 4 first_idx 0 subseq_idx 3 
mark_precise: frame0: regs=r7 stack= before 4: (a5) if r7 < 0x4 goto pc-2
mark_precise: frame0: regs=r7 stack= before 3: (07) r7 += 1
mark_precise: frame0: regs=r7 stack= before 4: (a5) if r7 < 0x4 goto pc-2
mark_precise: frame0: regs=r7 stack= before 3: (07) r7 += 1
mark_precise: frame0: regs=r7 stack= before 2: (b7) r7 = 0
4: R7=3
3: (07) r7 += 1                       ; R7=4
4: (a5) if r7 < 0x4 goto pc-2
mark_precise: frame0: last_idx 4 first_idx 3 subseq_idx -1 
mark_precise: frame0: regs=r7 stack= before 3: (07) r7 += 1
mark_precise: frame0: regs=r7 stack= before 4: (a5) if r7 < 0x4 goto pc-2
mark_precise: frame0: regs=r7 stack= before 3: (07) r7 += 1
mark_precise: frame0: parent state regs= stack=:  R0=scalar(id=1) R6=scalar(id=1) R7=P2 R10=fp0
4: R7=4
5: (57) r6 &= 7
SCC enter (1)
6: R6=scalar(smin=smin32=0,smax=umax=smax32=umax32=7,var_off=(0x0; 0x7))
6: (e5) may_goto pc+2
9: (bf) r0 = r6                       ; R0=scalar(id=2,smin=smin32=0,smax=umax=smax32=umax32=7,var_off=(0x0; 0x7)) R6=scalar(id=2,smin=smin32=0,smax=umax=smax32=umax32=7,var_off=(0x0; 0x7))
10: (95) exit

from 6 to 7: R0=scalar(id=1) R6=scalar(smin=smin32=0,smax=umax=smax32=umax32=7,var_off=(0x0; 0x7)) R7=4 R10=fp0
7: R0=scalar(id=1) R6=scalar(smin=smin32=0,smax=umax=smax32=umax32=7,var_off=(0x0; 0x7)) R7=4 R10=fp0
7: (07) r6 += 1                       ; R6=scalar(smin=umin=smin32=umin32=1,smax=umax=smax32=umax32=8,var_off=(0x0; 0xf))
8: (05) goto pc-3
6: (e5) may_goto pc+2
9: (bf) r0 = r6                       ; R0=scalar(id=3,smin=umin=smin32=umin32=1,smax=umax=smax32=umax32=8,var_off=(0x0; 0xf)) R6=scalar(id=3,smin=umin=smin32=umin32=1,smax=umax=smax32=umax32=8,var_off=(0x0; 0xf))
10: (95) exit

from 6 to 7: R0=scalar(id=1) R6=scalar() R7=4 R10=fp0
7: R0=scalar(id=1) R6=scalar() R7=4 R10=fp0
7: (07) r6 += 1                       ; R6=scalar()
8: (05) goto pc-3
6: (e5) may_goto pc+2
9: (bf) r0 = r6                       ; R0=scalar(id=4) R6=scalar(id=4)
10: (95) exit

from 6 to 7: R0=scalar(id=1) R6=scalar() R7=4 R10=fp0
7: R0=scalar(id=1) R6=scalar() R7=4 R10=fp0
7: (07) r6 += 1                       ; R6=scalar()
8: (05) goto pc-3
SCC backedge (1)
6: safe
SCC exit (1)
SCC exit (2)
processed 28 insns (limit 1000000) max_states_per_insn 2 total_states 4 peak_states 5 mark_read 0
`,
  },
  {
    name: 'precise',
    errno: '',
    source: `.map hm type=hash key=4 value=64 entries=8
.program precise type=syscall
 r1 = *(u32 *)(r1 + 0)
 *(u32 *)(r10 - 4) = r1
 r2 = r10
 r2 += -4
 r1 = hm ll
 call bpf_map_lookup_elem
 r1 = r0
 if r0 == 0 goto 1f
 r0 = 0
 r2 = *(u64 *)(r1 + 0)
 if r2 > 39 goto 1f
 r1 += r2
 r0 = *(s8 *)(r1 + 12)
1:
 exit
`,
    level1: `processed 16 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0
`,
    level2: `func#0 @0
Live regs before insn:
      0: .1........ (61) r1 = *(u32 *)(r1 +0)
      1: .1........ (63) *(u32 *)(r10 -4) = r1
      2: .......... (bf) r2 = r10
      3: ..2....... (07) r2 += -4
      4: ..2....... (18) r1 = ADDRESS
      6: .12....... (85) call bpf_map_lookup_elem#1
      7: 0......... (bf) r1 = r0
      8: 01........ (15) if r0 == 0x0 goto pc+5
      9: .1........ (b7) r0 = 0
     10: 01........ (79) r2 = *(u64 *)(r1 +0)
     11: 012....... (25) if r2 > 0x27 goto pc+2
     12: .12....... (0f) r1 += r2
     13: .1........ (91) r0 = *(s8 *)(r1 +12)
     14: 0......... (95) exit
0: R1=ctx() R10=fp0
0: (61) r1 = *(u32 *)(r1 +0)          ; R1=scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))
1: (63) *(u32 *)(r10 -4) = r1         ; R1=scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff)) R10=fp0 fp-8=mmmm????
2: (bf) r2 = r10                      ; R2=fp0 R10=fp0
3: (07) r2 += -4                      ; R2=fp-4
4: (18) r1 = ADDRESS       ; R1=map_ptr(map=hm,ks=4,vs=64)
6: (85) call bpf_map_lookup_elem#1    ; R0=map_value_or_null(id=1,map=hm,ks=4,vs=64)
7: (bf) r1 = r0                       ; R0=map_value_or_null(id=1,map=hm,ks=4,vs=64) R1=map_value_or_null(id=1,map=hm,ks=4,vs=64)
8: (15) if r0 == 0x0 goto pc+5        ; R0=map_value(map=hm,ks=4,vs=64)
9: (b7) r0 = 0                        ; R0=0
10: (79) r2 = *(u64 *)(r1 +0)         ; R1=map_value(map=hm,ks=4,vs=64) R2=scalar()
11: (25) if r2 > 0x27 goto pc+2       ; R2=scalar(smin=smin32=0,smax=umax=smax32=umax32=39,var_off=(0x0; 0x3f))
12: (0f) r1 += r2
mark_precise: frame0: last_idx 12 first_idx 11 subseq_idx -1 
mark_precise: frame0: regs=r2 stack= before 11: (25) if r2 > 0x27 goto pc+2
mark_precise: frame0: parent state regs=r2 stack=:  R0=0 R1=map_value(map=hm,ks=4,vs=64) R2=Pscalar() R10=fp0 fp-8=mmmm????
mark_precise: frame0: last_idx 10 first_idx 0 subseq_idx 11 
mark_precise: frame0: regs=r2 stack= before 10: (79) r2 = *(u64 *)(r1 +0)
13: R1=map_value(map=hm,ks=4,vs=64,smin=smin32=0,smax=umax=smax32=umax32=39,var_off=(0x0; 0x3f)) R2=scalar(smin=smin32=0,smax=umax=smax32=umax32=39,var_off=(0x0; 0x3f))
13: (91) r0 = *(s8 *)(r1 +12)         ; R0=scalar(smin=smin32=-128,smax=smax32=127) R1=map_value(map=hm,ks=4,vs=64,smin=smin32=0,smax=umax=smax32=umax32=39,var_off=(0x0; 0x3f))
14: (95) exit
(0) frame 0 insn 6 +live -8 
(0) frame 0 insn 0 +live -8 
(0) live stack update done in 2 iterations

from 11 to 14: R0=0 R1=map_value(map=hm,ks=4,vs=64) R2=scalar(umin=40) R10=fp0 fp-8=mmmm????
14: R0=0 R1=map_value(map=hm,ks=4,vs=64) R2=scalar(umin=40) R10=fp0 fp-8=mmmm????
14: (95) exit

from 8 to 14: R0=0 R1=0 R10=fp0 fp-8=mmmm????
14: R0=0 R1=0 R10=fp0 fp-8=mmmm????
14: (95) exit
processed 16 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0
`,
  },
  {
    name: 'prune',
    errno: '',
    source: `.program prune type=syscall
 call bpf_get_prandom_u32
 r6 = r0
 *(u64 *)(r10 - 8) = r6
 r7 = 1
 if r6 > 10 goto 1f
 r7 = 2
1:
 *(u64 *)(r10 - 16) = r7
 r8 = 3
 if r6 s< 5 goto 2f
 r8 = 4
2:
 r7 += r8
 if r7 == 9 goto 3f
 r0 = *(u64 *)(r10 - 16)
 exit
3:
 r0 = *(u64 *)(r10 - 8)
 exit
`,
    level1: `processed 30 insns (limit 1000000) max_states_per_insn 1 total_states 3 peak_states 3 mark_read 0
`,
    level2: `func#0 @0
Live regs before insn:
      0: .......... (85) call bpf_get_prandom_u32#7
      1: 0......... (bf) r6 = r0
      2: ......6... (7b) *(u64 *)(r10 -8) = r6
      3: ......6... (b7) r7 = 1
      4: ......67.. (25) if r6 > 0xa goto pc+1
      5: ......6... (b7) r7 = 2
      6: ......67.. (7b) *(u64 *)(r10 -16) = r7
      7: ......67.. (b7) r8 = 3
      8: ......678. (c5) if r6 s< 0x5 goto pc+1
      9: .......7.. (b7) r8 = 4
     10: .......78. (0f) r7 += r8
     11: .......7.. (15) if r7 == 0x9 goto pc+2
     12: .......... (79) r0 = *(u64 *)(r10 -16)
     13: 0......... (95) exit
     14: .......... (79) r0 = *(u64 *)(r10 -8)
     15: 0......... (95) exit
0: R1=ctx() R10=fp0
0: (85) call bpf_get_prandom_u32#7    ; R0=scalar()
1: (bf) r6 = r0                       ; R0=scalar(id=1) R6=scalar(id=1)
2: (7b) *(u64 *)(r10 -8) = r6         ; R6=scalar(id=1) R10=fp0 fp-8=scalar(id=1)
3: (b7) r7 = 1                        ; R7=1
4: (25) if r6 > 0xa goto pc+1         ; R6=scalar(id=1,smin=smin32=0,smax=umax=smax32=umax32=10,var_off=(0x0; 0xf))
5: (b7) r7 = 2                        ; R7=2
6: (7b) *(u64 *)(r10 -16) = r7        ; R7=2 R10=fp0 fp-16=2
7: (b7) r8 = 3                        ; R8=3
8: (c5) if r6 s< 0x5 goto pc+1        ; R6=scalar(id=1,smin=umin=smin32=umin32=5,smax=umax=smax32=umax32=10,var_off=(0x0; 0xf))
9: (b7) r8 = 4                        ; R8=4
10: (0f) r7 += r8                     ; R7=6 R8=4
11: (15) if r7 == 0x9 goto pc+2
mark_precise: frame0: last_idx 11 first_idx 8 subseq_idx -1 
mark_precise: frame0: regs=r7 stack= before 10: (0f) r7 += r8
mark_precise: frame0: regs=r7,r8 stack= before 9: (b7) r8 = 4
mark_precise: frame0: regs=r7 stack= before 8: (c5) if r6 s< 0x5 goto pc+1
mark_precise: frame0: parent state regs=r7 stack=:  R0=scalar(id=1) R6=scalar(id=1,smin=smin32=0,smax=umax=smax32=umax32=10,var_off=(0x0; 0xf)) R7=P2 R8=3 R10=fp0 fp-8=scalar(id=1,smin=smin32=0,smax=umax=smax32=umax32=10,var_off=(0x0; 0xf)) fp-16=2
mark_precise: frame0: last_idx 7 first_idx 0 subseq_idx 8 
mark_precise: frame0: regs=r7 stack= before 7: (b7) r8 = 3
mark_precise: frame0: regs=r7 stack= before 6: (7b) *(u64 *)(r10 -16) = r7
mark_precise: frame0: regs=r7 stack= before 5: (b7) r7 = 2
11: R7=6
12: (79) r0 = *(u64 *)(r10 -16)       ; R0=2 R10=fp0 fp-16=2
13: (95) exit
(0) frame 0 insn 12 +live -16 
(0) frame 0 insn 11 +live -16 
(0) frame 0 insn 10 +live -16 
(0) frame 0 insn 8 +live -16 
(0) frame 0 insn 6 +written -16 
(0) frame 0 insn 4 +written -16 
(0) frame 0 insn 2 +written -8,-16 
(0) frame 0 insn 1 +written -8,-16 
(0) frame 0 insn 0 +written -8,-16 
(0) live stack update done in 2 iterations

from 8 to 10: R0=scalar(id=1) R6=scalar(id=1,smin=smin32=0,smax=umax=smax32=umax32=4,var_off=(0x0; 0x7)) R7=2 R8=3 R10=fp0 fp-8=scalar(id=1,smin=smin32=0,smax=umax=smax32=umax32=4,var_off=(0x0; 0x7)) fp-16=2
10: R0=scalar(id=1) R6=scalar(id=1,smin=smin32=0,smax=umax=smax32=umax32=4,var_off=(0x0; 0x7)) R7=2 R8=3 R10=fp0 fp-8=scalar(id=1,smin=smin32=0,smax=umax=smax32=umax32=4,var_off=(0x0; 0x7)) fp-16=2
10: (0f) r7 += r8                     ; R7=5 R8=3
11: (15) if r7 == 0x9 goto pc+2
mark_precise: frame0: last_idx 11 first_idx 8 subseq_idx -1 
mark_precise: frame0: regs=r7 stack= before 10: (0f) r7 += r8
mark_precise: frame0: regs=r7,r8 stack= before 8: (c5) if r6 s< 0x5 goto pc+1
mark_precise: frame0: parent state regs=r8 stack=:  R0=scalar(id=1) R6=scalar(id=1,smin=smin32=0,smax=umax=smax32=umax32=10,var_off=(0x0; 0xf)) R7=P2 R8=P3 R10=fp0 fp-8=scalar(id=1,smin=smin32=0,smax=umax=smax32=umax32=10,var_off=(0x0; 0xf)) fp-16=2
mark_precise: frame0: last_idx 7 first_idx 0 subseq_idx 8 
mark_precise: frame0: regs=r8 stack= before 7: (b7) r8 = 3
11: R7=5
12: (79) r0 = *(u64 *)(r10 -16)       ; R0=2 R10=fp0 fp-16=2
13: (95) exit

from 4 to 6: R0=scalar(id=1) R6=scalar(id=1,umin=11) R7=1 R10=fp0 fp-8=scalar(id=1,umin=11)
6: R0=scalar(id=1) R6=scalar(id=1,umin=11) R7=1 R10=fp0 fp-8=scalar(id=1,umin=11)
6: (7b) *(u64 *)(r10 -16) = r7        ; R7=1 R10=fp0 fp-16=1
7: (b7) r8 = 3                        ; R8=3
8: (c5) if r6 s< 0x5 goto pc+1        ; R6=scalar(id=1,smin=umin=11,umax=0x7fffffffffffffff,var_off=(0x0; 0x7fffffffffffffff))
9: (b7) r8 = 4                        ; R8=4
10: (0f) r7 += r8                     ; R7=5 R8=4
11: (15) if r7 == 0x9 goto pc+2
mark_precise: frame0: last_idx 11 first_idx 6 subseq_idx -1 
mark_precise: frame0: regs=r7 stack= before 10: (0f) r7 += r8
mark_precise: frame0: regs=r7,r8 stack= before 9: (b7) r8 = 4
mark_precise: frame0: regs=r7 stack= before 8: (c5) if r6 s< 0x5 goto pc+1
mark_precise: frame0: regs=r7 stack= before 7: (b7) r8 = 3
mark_precise: frame0: regs=r7 stack= before 6: (7b) *(u64 *)(r10 -16) = r7
mark_precise: frame0: parent state regs=r7 stack=:  R0=scalar(id=1) R6=scalar(id=1,umin=11) R7=P1 R10=fp0 fp-8=scalar(id=1,umin=11)
mark_precise: frame0: last_idx 4 first_idx 0 subseq_idx 6 
mark_precise: frame0: regs=r7 stack= before 4: (25) if r6 > 0xa goto pc+1
mark_precise: frame0: regs=r7 stack= before 3: (b7) r7 = 1
11: R7=5
12: (79) r0 = *(u64 *)(r10 -16)       ; R0=1 R10=fp0 fp-16=1
13: (95) exit

from 8 to 10: R0=scalar(id=1) R6=scalar(id=1,smax=-1,umin=0x8000000000000000,var_off=(0x8000000000000000; 0x7fffffffffffffff)) R7=1 R8=3 R10=fp0 fp-8=scalar(id=1,smax=-1,umin=0x8000000000000000,var_off=(0x8000000000000000; 0x7fffffffffffffff)) fp-16=1
10: R0=scalar(id=1) R6=scalar(id=1,smax=-1,umin=0x8000000000000000,var_off=(0x8000000000000000; 0x7fffffffffffffff)) R7=1 R8=3 R10=fp0 fp-8=scalar(id=1,smax=-1,umin=0x8000000000000000,var_off=(0x8000000000000000; 0x7fffffffffffffff)) fp-16=1
10: (0f) r7 += r8                     ; R7=4 R8=3
11: (15) if r7 == 0x9 goto pc+2
mark_precise: frame0: last_idx 11 first_idx 10 subseq_idx -1 
mark_precise: frame0: regs=r7 stack= before 10: (0f) r7 += r8
mark_precise: frame0: parent state regs=r7,r8 stack=:  R0=scalar(id=1) R6=scalar(id=1,smax=-1,umin=0x8000000000000000,var_off=(0x8000000000000000; 0x7fffffffffffffff)) R7=P1 R8=P3 R10=fp0 fp-8=scalar(id=1,smax=-1,umin=0x8000000000000000,var_off=(0x8000000000000000; 0x7fffffffffffffff)) fp-16=1
mark_precise: frame0: last_idx 8 first_idx 6 subseq_idx 10 
mark_precise: frame0: regs=r7,r8 stack= before 8: (c5) if r6 s< 0x5 goto pc+1
mark_precise: frame0: regs=r7,r8 stack= before 7: (b7) r8 = 3
mark_precise: frame0: regs=r7 stack= before 6: (7b) *(u64 *)(r10 -16) = r7
mark_precise: frame0: parent state regs= stack=:  R0=scalar(id=1) R6=scalar(id=1,umin=11) R7=P1 R10=fp0 fp-8=scalar(id=1,umin=11)
11: R7=4
12: (79) r0 = *(u64 *)(r10 -16)       ; R0=1 R10=fp0 fp-16=1
13: (95) exit
processed 30 insns (limit 1000000) max_states_per_insn 1 total_states 3 peak_states 3 mark_read 0
`,
  },
  {
    name: 'subprog',
    errno: '',
    source: `.program subprog type=syscall
 r2 = 5
 *(u64 *)(r10 - 8) = r2
 r1 = r10
 r1 += -8
 call load
 if r0 > 4 goto 1f
 r0 = 1
1:
 exit
.func load
 r1 = *(u64 *)(r1 + 0)
 call twice
 exit
.func twice
 r0 = r1
 exit
`,
    level1: `processed 12 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0
`,
    level2: `func#0 @0
func#1 @8
func#2 @11
Live regs before insn:
      0: ...345.... (b7) r2 = 5
      1: ..2345.... (7b) *(u64 *)(r10 -8) = r2
      2: ..2345.... (bf) r1 = r10
      3: .12345.... (07) r1 += -8
      4: .12345.... (85) call pc+3
      5: 0......... (25) if r0 > 0x4 goto pc+1
      6: .......... (b7) r0 = 1
      7: 0......... (95) exit
      8: .12345.... (79) r1 = *(u64 *)(r1 +0)
      9: .12345.... (85) call pc+1
     10: 0......... (95) exit
     11: .1........ (bf) r0 = r1
     12: 0......... (95) exit
0: R1=ctx() R10=fp0
0: (b7) r2 = 5                        ; R2=5
1: (7b) *(u64 *)(r10 -8) = r2         ; R2=5 R10=fp0 fp-8=5
2: (bf) r1 = r10                      ; R1=fp0 R10=fp0
3: (07) r1 += -8                      ; R1=fp-8
4: (85) call pc+3
caller:
 R10=fp0 fp-8=5
callee:
 frame1: R1=fp[0]-8 R2=5 R10=fp0
8: frame1: R1=fp[0]-8 R2=5 R10=fp0
8: (79) r1 = *(u64 *)(r1 +0)          ; frame1: R1=5
9: (85) call pc+1
caller:
 frame1: R10=fp0
callee:
 frame2: R1=5 R2=5 R10=fp0
11: frame2: R1=5 R2=5 R10=fp0
11: (bf) r0 = r1                      ; frame2: R0=5 R1=5
12: (95) exit
(4,8) frame 0 insn 8 +live -8 
(4,8) live stack update done in 2 iterations
(0) frame 0 insn 4 +live -8 
(0) frame 0 insn 1 +written -8 
(0) frame 0 insn 0 +written -8 
(0) live stack update done in 2 iterations
returning from callee:
 frame2: R0=5 R1=5 R2=5 R10=fp0
to caller at 10:
 frame1: R0=5 R10=fp0

from 12 to 10: frame1: R0=5 R10=fp0
10: (95) exit
returning from callee:
 frame1: R0=5 R10=fp0
to caller at 5:
 R0=5 R10=fp0 fp-8=5

from 10 to 5: R0=5 R10=fp0 fp-8=5
5: (25) if r0 > 0x4 goto pc+1
mark_precise: frame0: last_idx 5 first_idx 11 subseq_idx -1 
mark_precise: frame0: regs=r0 stack= before 10: (95) exit
mark_precise: frame1: regs=r0 stack= before 12: (95) exit
mark_precise: frame2: regs=r0 stack= before 11: (bf) r0 = r1
mark_precise: frame2: parent state regs=r1 stack=:  frame2: R1=P5 R2=5 R10=fp0
mark_precise: frame1: parent state regs= stack=:  frame1: R10=fp0
mark_precise: frame0: parent state regs= stack=:  R10=fp0 fp-8=5
mark_precise: frame2: last_idx 9 first_idx 0 subseq_idx 11 
mark_precise: frame2: regs=r1 stack= before 9: (85) call pc+1
mark_precise: frame1: regs=r1 stack= before 8: (79) r1 = *(u64 *)(r1 +0)
mark_precise: frame1: regs= stack= before 4: (85) call pc+3
mark_precise: frame0: regs= stack=-8 before 3: (07) r1 += -8
mark_precise: frame0: regs= stack=-8 before 2: (bf) r1 = r10
mark_precise: frame0: regs= stack=-8 before 1: (7b) *(u64 *)(r10 -8) = r2
mark_precise: frame0: regs=r2 stack= before 0: (b7) r2 = 5
5: R0=5
7: (95) exit
processed 12 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0
`,
  },
  {
    name: 'update',
    errno: '',
    source: `.map arr type=array key=4 value=16 entries=4
.program update type=syscall
 r6 = r1
 *(u64 *)(r10 - 16) = 5
 *(u32 *)(r10 - 24) = 2
 *(u64 *)(r10 - 8) = 1
 r1 = arr ll
 r2 = r10
 r2 += -24
 r3 = r10
 r3 += -16
 r4 = 0
 call bpf_map_update_elem
 r1 = r10
 r1 += -16
 r2 = *(u32 *)(r6 + 0)
 r2 &= 7
 r2 += 1
 call bpf_get_current_comm
 r1 = *(u64 *)(r10 - 16)
 r1 = arr ll
 r2 = r10
 r2 += -24
 call bpf_map_delete_elem
 r0 = 0
 exit
`,
    level1: `processed 24 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0
`,
    level2: `func#0 @0
Live regs before insn:
      0: .1........ (bf) r6 = r1
      1: ......6... (7a) *(u64 *)(r10 -16) = 5
      2: ......6... (62) *(u32 *)(r10 -24) = 2
      3: ......6... (7a) *(u64 *)(r10 -8) = 1
      4: ......6... (18) r1 = ADDRESS
      6: .1....6... (bf) r2 = r10
      7: .12...6... (07) r2 += -24
      8: .12...6... (bf) r3 = r10
      9: .123..6... (07) r3 += -16
     10: .123..6... (b7) r4 = 0
     11: .1234.6... (85) call bpf_map_update_elem#2
     12: ......6... (bf) r1 = r10
     13: .1....6... (07) r1 += -16
     14: .1....6... (61) r2 = *(u32 *)(r6 +0)
     15: .12....... (57) r2 &= 7
     16: .12....... (07) r2 += 1
     17: .12....... (85) call bpf_get_current_comm#16
     18: .......... (79) r1 = *(u64 *)(r10 -16)
     19: .......... (18) r1 = ADDRESS
     21: .1........ (bf) r2 = r10
     22: .12....... (07) r2 += -24
     23: .12....... (85) call bpf_map_delete_elem#3
     24: .......... (b7) r0 = 0
     25: 0......... (95) exit
0: R1=ctx() R10=fp0
0: (bf) r6 = r1                       ; R1=ctx() R6=ctx()
1: (7a) *(u64 *)(r10 -16) = 5         ; R10=fp0 fp-16=5
2: (62) *(u32 *)(r10 -24) = 2         ; R10=fp0 fp-24=????2
3: (7a) *(u64 *)(r10 -8) = 1          ; R10=fp0 fp-8=1
4: (18) r1 = ADDRESS       ; R1=map_ptr(map=arr,ks=4,vs=16)
6: (bf) r2 = r10                      ; R2=fp0 R10=fp0
7: (07) r2 += -24                     ; R2=fp-24
8: (bf) r3 = r10                      ; R3=fp0 R10=fp0
9: (07) r3 += -16                     ; R3=fp-16
10: (b7) r4 = 0                       ; R4=0
11: (85) call bpf_map_update_elem#2
mark_precise: frame0: last_idx 11 first_idx 0 subseq_idx -1 
mark_precise: frame0: regs= stack=-24 before 10: (b7) r4 = 0
mark_precise: frame0: regs= stack=-24 before 9: (07) r3 += -16
mark_precise: frame0: regs= stack=-24 before 8: (bf) r3 = r10
mark_precise: frame0: regs= stack=-24 before 7: (07) r2 += -24
mark_precise: frame0: regs= stack=-24 before 6: (bf) r2 = r10
mark_precise: frame0: regs= stack=-24 before 4: (18) r1 = ADDRESS
mark_precise: frame0: regs= stack=-24 before 3: (7a) *(u64 *)(r10 -8) = 1
mark_precise: frame0: regs= stack=-24 before 2: (62) *(u32 *)(r10 -24) = 2
12: R0=scalar()
12: (bf) r1 = r10                     ; R1=fp0 R10=fp0
13: (07) r1 += -16                    ; R1=fp-16
14: (61) r2 = *(u32 *)(r6 +0)         ; R2=scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff)) R6=ctx()
15: (57) r2 &= 7                      ; R2=scalar(smin=smin32=0,smax=umax=smax32=umax32=7,var_off=(0x0; 0x7))
16: (07) r2 += 1                      ; R2=scalar(smin=umin=smin32=umin32=1,smax=umax=smax32=umax32=8,var_off=(0x0; 0xf))
17: (85) call bpf_get_current_comm#16
mark_precise: frame0: last_idx 17 first_idx 0 subseq_idx -1 
mark_precise: frame0: regs=r2 stack= before 16: (07) r2 += 1
mark_precise: frame0: regs=r2 stack= before 15: (57) r2 &= 7
mark_precise: frame0: regs=r2 stack= before 14: (61) r2 = *(u32 *)(r6 +0)
18: R0=scalar()
18: (79) r1 = *(u64 *)(r10 -16)       ; R1=scalar() R10=fp0 fp-16=mmmmmmmm
19: (18) r1 = ADDRESS      ; R1=map_ptr(map=arr,ks=4,vs=16)
21: (bf) r2 = r10                     ; R2=fp0 R10=fp0
22: (07) r2 += -24                    ; R2=fp-24
23: (85) call bpf_map_delete_elem#3
mark_precise: frame0: last_idx 23 first_idx 18 subseq_idx -1 
mark_precise: frame0: regs= stack=-24 before 22: (07) r2 += -24
mark_precise: frame0: regs= stack=-24 before 21: (bf) r2 = r10
mark_precise: frame0: regs= stack=-24 before 19: (18) r1 = ADDRESS
mark_precise: frame0: regs= stack=-24 before 18: (79) r1 = *(u64 *)(r10 -16)
mark_precise: frame0: parent state regs= stack=-24:  R0=scalar() R6=ctx() R10=fp0 fp-8=1 fp-16=mmmmmmmm fp-24=????P2
mark_precise: frame0: last_idx 17 first_idx 0 subseq_idx 18 
mark_precise: frame0: regs= stack=-24 before 17: (85) call bpf_get_current_comm#16
mark_precise: frame0: regs= stack=-24 before 16: (07) r2 += 1
mark_precise: frame0: regs= stack=-24 before 15: (57) r2 &= 7
mark_precise: frame0: regs= stack=-24 before 14: (61) r2 = *(u32 *)(r6 +0)
mark_precise: frame0: regs= stack=-24 before 13: (07) r1 += -16
mark_precise: frame0: regs= stack=-24 before 12: (bf) r1 = r10
mark_precise: frame0: regs= stack=-24 before 11: (85) call bpf_map_update_elem#2
mark_precise: frame0: regs= stack=-24 before 10: (b7) r4 = 0
mark_precise: frame0: regs= stack=-24 before 9: (07) r3 += -16
mark_precise: frame0: regs= stack=-24 before 8: (bf) r3 = r10
mark_precise: frame0: regs= stack=-24 before 7: (07) r2 += -24
mark_precise: frame0: regs= stack=-24 before 6: (bf) r2 = r10
mark_precise: frame0: regs= stack=-24 before 4: (18) r1 = ADDRESS
mark_precise: frame0: regs= stack=-24 before 3: (7a) *(u64 *)(r10 -8) = 1
mark_precise: frame0: regs= stack=-24 before 2: (62) *(u32 *)(r10 -24) = 2
24: R0=scalar()
24: (b7) r0 = 0                       ; R0=0
25: (95) exit
(0) frame 0 insn 23 +live -24 
(0) frame 0 insn 18 +live -16,-24 
(0) frame 0 insn 17 +live -16,-24 
(0) frame 0 insn 12 +live -16,-24 
(0) frame 0 insn 11 +live -8,-16,-24 
(0) frame 0 insn 3 +live -16,-24 
(0) frame 0 insn 3 +written -8 
(0) frame 0 insn 1 +live -24 
(0) frame 0 insn 1 +written -8,-16 
(0) frame 0 insn 0 +live -24 
(0) frame 0 insn 0 +written -8,-16 
(0) live stack update done in 2 iterations
processed 24 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0
`,
  },
  {
    name: 'global',
    errno: '',
    source: `.struct item
 a: u64
 b: u64
.end
.program p type=syscall
 r6 = r1
 *(u64 *)(r10 - 8) = 1
 *(u64 *)(r10 - 16) = 2
 r2 = 7
 r3 = r10
 r3 += -16
 call glob
 r7 = *(u64 *)(r10 - 8)
 r0 += r7
 exit
.func glob(ctx, a: u32, p: ptr item) global
 if r3 == 0 goto out
 r4 = *(u64 *)(r3 + item.b)
 r2 += r4
out:
 r0 = r2
 exit
`,
    level1: `Func#1 ('glob') is safe for any args that match its prototype
processed 17 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0
`,
    level2: `func#0 @0
func#1 @10
Live regs before insn:
      0: .1..45.... (bf) r6 = r1
      1: .1..45.... (7a) *(u64 *)(r10 -8) = 1
      2: .1..45.... (7a) *(u64 *)(r10 -16) = 2
      3: .1..45.... (b7) r2 = 7
      4: .12.45.... (bf) r3 = r10
      5: .12345.... (07) r3 += -16
      6: .12345.... (85) call pc+3
      7: 0......... (79) r7 = *(u64 *)(r10 -8)
      8: 0......7.. (0f) r0 += r7
      9: 0......... (95) exit
     10: ..23...... (15) if r3 == 0x0 goto pc+2
     11: ..23...... (79) r4 = *(u64 *)(r3 +8)
     12: ..2.4..... (0f) r2 += r4
     13: ..2....... (bf) r0 = r2
     14: 0......... (95) exit
0: R1=ctx() R10=fp0
0: (bf) r6 = r1                       ; R1=ctx() R6=ctx()
1: (7a) *(u64 *)(r10 -8) = 1          ; R10=fp0 fp-8=1
2: (7a) *(u64 *)(r10 -16) = 2         ; R10=fp0 fp-16=2
3: (b7) r2 = 7                        ; R2=7
4: (bf) r3 = r10                      ; R3=fp0 R10=fp0
5: (07) r3 += -16                     ; R3=fp-16
6: (85) call pc+3
Func#1 ('glob') is global and assumed valid.
7: R0=scalar()
7: (79) r7 = *(u64 *)(r10 -8)         ; R7=scalar() R10=fp0 fp-8=mmmmmmmm
8: (0f) r0 += r7                      ; R0=scalar() R7=scalar()
9: (95) exit
(0) frame 0 insn 7 +live -8 
(0) frame 0 insn 6 +live -8,-16 
(0) frame 0 insn 2 +live -8 
(0) frame 0 insn 2 +written -16 
(0) frame 0 insn 1 +written -8,-16 
(0) frame 0 insn 0 +written -8,-16 
(0) live stack update done in 2 iterations
Validating glob() func#1...
10: R1=ctx() R2=scalar() R3=mem_or_null(id=1,sz=16) R10=fp0
10: (15) if r3 == 0x0 goto pc+2       ; R3=mem(sz=16)
11: (79) r4 = *(u64 *)(r3 +8)         ; R3=mem(sz=16) R4=scalar()
12: (0f) r2 += r4                     ; R2=scalar() R4=scalar()
13: (bf) r0 = r2                      ; R0=scalar(id=2) R2=scalar(id=2)
14: (95) exit

from 10 to 13: R1=ctx() R2=scalar() R3=0 R10=fp0
13: R1=ctx() R2=scalar() R3=0 R10=fp0
13: (bf) r0 = r2                      ; R0=scalar(id=3) R2=scalar(id=3)
14: (95) exit
Func#1 ('glob') is safe for any args that match its prototype
processed 17 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0
`,
  },
  {
    name: 'global function: nonnull',
    errno: '',
    source: `.struct item
 a: u64
 b: u64
.end
.program p type=syscall
 *(u64 *)(r10 - 8) = 3
 r1 = r10
 r1 += -8
 call glob
 r0 = *(u64 *)(r10 - 8)
 exit
.func glob(p: ptr u64 nonnull) global
 r0 = *(u64 *)(r1 + 0)
 *(u64 *)(r1 + 0) = 4
 exit
`,
    level1: `Func#1 ('glob') is safe for any args that match its prototype
processed 9 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`,
    level2: `func#0 @0
func#1 @6
Live regs before insn:
      0: ..2345.... (7a) *(u64 *)(r10 -8) = 3
      1: ..2345.... (bf) r1 = r10
      2: .12345.... (07) r1 += -8
      3: .12345.... (85) call pc+2
      4: .......... (79) r0 = *(u64 *)(r10 -8)
      5: 0......... (95) exit
      6: .1........ (79) r0 = *(u64 *)(r1 +0)
      7: 01........ (7a) *(u64 *)(r1 +0) = 4
      8: 0......... (95) exit
0: R1=ctx() R10=fp0
0: (7a) *(u64 *)(r10 -8) = 3          ; R10=fp0 fp-8=3
1: (bf) r1 = r10                      ; R1=fp0 R10=fp0
2: (07) r1 += -8                      ; R1=fp-8
3: (85) call pc+2
Func#1 ('glob') is global and assumed valid.
4: R0=scalar()
4: (79) r0 = *(u64 *)(r10 -8)         ; R0=scalar() R10=fp0 fp-8=mmmmmmmm
5: (95) exit
(0) frame 0 insn 4 +live -8 
(0) frame 0 insn 3 +live -8 
(0) frame 0 insn 0 +written -8 
(0) live stack update done in 2 iterations
Validating glob() func#1...
6: R1=mem(sz=8) R10=fp0
6: (79) r0 = *(u64 *)(r1 +0)          ; R0=scalar() R1=mem(sz=8)
7: (7a) *(u64 *)(r1 +0) = 4           ; R1=mem(sz=8)
8: (95) exit
Func#1 ('glob') is safe for any args that match its prototype
processed 9 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`,
  },
  {
    name: 'global function: nested',
    errno: '',
    source: `.struct item
 a: u64
 b: u64
.end
.program p type=syscall
 r1 = 5
 call glob
 if r0 > 4 goto 1f
 r1 = 2
 call g2
 1:
 exit
.func glob(a: u64) global
 r6 = r1
 call g2
 r0 += r6
 exit
.func g2(a: u64) global
 if r1 > 7 goto gg
 r0 = 1
 exit
gg:
 r0 = 2
 exit
`,
    level1: `Func#2 ('g2') is safe for any args that match its prototype
processed 16 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0
`,
    level2: `func#0 @0
func#1 @6
func#2 @10
Live regs before insn:
      0: ..2345.... (b7) r1 = 5
      1: .12345.... (85) call pc+4
      2: 0.2345.... (25) if r0 > 0x4 goto pc+2
      3: ..2345.... (b7) r1 = 2
      4: .12345.... (85) call pc+5
      5: 0......... (95) exit
      6: .12345.... (bf) r6 = r1
      7: .123456... (85) call pc+2
      8: 0.....6... (0f) r0 += r6
      9: 0......... (95) exit
     10: .1........ (25) if r1 > 0x7 goto pc+2
     11: .......... (b7) r0 = 1
     12: 0......... (95) exit
     13: .......... (b7) r0 = 2
     14: 0......... (95) exit
0: R1=ctx() R10=fp0
0: (b7) r1 = 5                        ; R1=5
1: (85) call pc+4
Func#1 ('glob') is global and assumed valid.
2: R0=scalar()
2: (25) if r0 > 0x4 goto pc+2         ; R0=scalar(smin=smin32=0,smax=umax=smax32=umax32=4,var_off=(0x0; 0x7))
3: (b7) r1 = 2                        ; R1=2
4: (85) call pc+5
Func#2 ('g2') is global and assumed valid.
5: R0=scalar()
5: (95) exit

from 2 to 5: R0=scalar(umin=5) R10=fp0
5: R0=scalar(umin=5) R10=fp0
5: (95) exit
Validating glob() func#1...
6: R1=scalar() R10=fp0
6: (bf) r6 = r1                       ; R1=scalar(id=1) R6=scalar(id=1)
7: (85) call pc+2
Func#2 ('g2') is global and assumed valid.
8: R0=scalar()
8: (0f) r0 += r6                      ; R0=scalar() R6=scalar(id=1)
9: (95) exit
Func#1 ('glob') is safe for any args that match its prototype
Validating g2() func#2...
10: R1=scalar() R10=fp0
10: (25) if r1 > 0x7 goto pc+2        ; R1=scalar(smin=smin32=0,smax=umax=smax32=umax32=7,var_off=(0x0; 0x7))
11: (b7) r0 = 1                       ; R0=1
12: (95) exit

from 10 to 13: R1=scalar(umin=8) R10=fp0
13: R1=scalar(umin=8) R10=fp0
13: (b7) r0 = 2                       ; R0=2
14: (95) exit
Func#2 ('g2') is safe for any args that match its prototype
processed 16 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0
`,
  },
  {
    name: 'global function: recur',
    errno: 'E2BIG',
    source: `.struct item
 a: u64
 b: u64
.end
.program p type=syscall
 r1 = 5
 call glob
 exit
.func glob(a: u32) global
 r1 = 3
 call glob
 exit
`,
    level1: `Func#1 ('glob') is safe for any args that match its prototype
the call stack of 8 frames is too deep !
processed 6 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`,
    level2: `func#0 @0
func#1 @3
Live regs before insn:
      0: ..2345.... (b7) r1 = 5
      1: .12345.... (85) call pc+1
      2: 0......... (95) exit
      3: ..2345.... (b7) r1 = 3
      4: .12345.... (85) call pc-2
      5: 0......... (95) exit
0: R1=ctx() R10=fp0
0: (b7) r1 = 5                        ; R1=5
1: (85) call pc+1
Func#1 ('glob') is global and assumed valid.
2: R0=scalar()
2: (95) exit
Validating glob() func#1...
3: R1=scalar() R10=fp0
3: (b7) r1 = 3                        ; R1=3
4: (85) call pc-2
Func#1 ('glob') is global and assumed valid.
5: R0=scalar()
5: (95) exit
Func#1 ('glob') is safe for any args that match its prototype
the call stack of 8 frames is too deep !
processed 6 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`,
  },
  {
    name: 'global function: small',
    errno: 'EINVAL',
    source: `.struct item
 a: u64
 b: u64
.end
.program p type=syscall
 *(u64 *)(r10 - 8) = 0
 r1 = r10
 r1 += -8
 call glob
 exit
.func glob(p: ptr item) global
 r0 = 0
 exit
`,
    level1: `0: R1=ctx() R10=fp0
0: (7a) *(u64 *)(r10 -8) = 0          ; R10=fp0 fp-8=0
1: (bf) r1 = r10                      ; R1=fp0 R10=fp0
2: (07) r1 += -8                      ; R1=fp-8
3: (85) call pc+1
invalid read from stack R1 off=-8 size=16
Caller passes invalid args into func#1 ('glob')
processed 4 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`,
    level2: `func#0 @0
func#1 @5
Live regs before insn:
      0: ..2345.... (7a) *(u64 *)(r10 -8) = 0
      1: ..2345.... (bf) r1 = r10
      2: .12345.... (07) r1 += -8
      3: .12345.... (85) call pc+1
      4: 0......... (95) exit
      5: .......... (b7) r0 = 0
      6: 0......... (95) exit
0: R1=ctx() R10=fp0
0: (7a) *(u64 *)(r10 -8) = 0          ; R10=fp0 fp-8=0
1: (bf) r1 = r10                      ; R1=fp0 R10=fp0
2: (07) r1 += -8                      ; R1=fp-8
3: (85) call pc+1
invalid read from stack R1 off=-8 size=16
Caller passes invalid args into func#1 ('glob')
processed 4 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`,
  },
  {
    name: 'global function: uninit2',
    errno: 'EINVAL',
    source: `.struct item
 a: u64
 b: u64
.end
.program p type=syscall
 call glob
 exit
.func glob(a: u32, b: u32) global
 r0 = r1
 exit
`,
    level1: `0: R1=ctx() R10=fp0
0: (85) call pc+1
R1 is not a scalar
Caller passes invalid args into func#1 ('glob')
processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`,
    level2: `func#0 @0
func#1 @2
Live regs before insn:
      0: .12345.... (85) call pc+1
      1: 0......... (95) exit
      2: .1........ (bf) r0 = r1
      3: 0......... (95) exit
0: R1=ctx() R10=fp0
0: (85) call pc+1
R1 is not a scalar
Caller passes invalid args into func#1 ('glob')
processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`,
  },
  {
    name: 'global function: retptr',
    errno: 'EINVAL',
    source: `.struct item
 a: u64
 b: u64
.end
.program p type=syscall
 r1 = 1
 call glob
 exit
.func glob(a: u32) global
 r0 = r10
 exit
`,
    level1: `Validating glob() func#1...
3: R1=scalar() R10=fp0
3: (bf) r0 = r10                      ; R0=fp0 R10=fp0
4: (95) exit
At subprogram exit the register R0 is not a scalar value (fp)
processed 5 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`,
    level2: `func#0 @0
func#1 @3
Live regs before insn:
      0: ..2345.... (b7) r1 = 1
      1: .12345.... (85) call pc+1
      2: 0......... (95) exit
      3: .......... (bf) r0 = r10
      4: 0......... (95) exit
0: R1=ctx() R10=fp0
0: (b7) r1 = 1                        ; R1=1
1: (85) call pc+1
Func#1 ('glob') is global and assumed valid.
2: R0=scalar()
2: (95) exit
Validating glob() func#1...
3: R1=scalar() R10=fp0
3: (bf) r0 = r10                      ; R0=fp0 R10=fp0
4: (95) exit
At subprogram exit the register R0 is not a scalar value (fp)
processed 5 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`,
  },
]
