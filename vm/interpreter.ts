/**
 * The interpreter: one switch over packed code (engine-ops.ts). Speed comes from four choices, each measured:
 * registers are 32-bit halves in one Int32Array; decoded words lie in another; case labels are constants of the module,
 * so that the switch compiles to a jump table; and what is rare is out of line (interpreter-rare.ts).
 *
 *     next: {
 *       switch (op)
 *         an operation:   do it; break next
 *         a jump:         taken: break          not taken: break next
 *       a jump is taken:  every so often look at the clock; pc = word 3; continue
 *     }
 *     pc += STRIDE
 *
 * Operations of verified programs check nothing: the verifier has. What can fault or needs exact arena rules is in
 * access.ts.
 */
import { hi, mul, sar, shl, shr } from '../memory/int64.ts'
import { KERNEL_HIGH } from '../memory/memory.ts'
import { loadArena, loadFrom, loadPacket, storeArena, storeTo } from './access.ts'
import { badCall, callNumber, enter, functionSlot, leave, tooDeep } from './calls.ts'
import { EngineOp, HOOK_BIT, STRIDE } from './engine-ops.ts'
import { executeRare } from './interpreter-rare.ts'
import { frameTop, MAX_FRAMES, MAY_GOTO_LIMIT, type Native, type RunState, refuel, SAVED_WORDS } from './state.ts'

// biome-ignore format: a list of names
const {
  ADD64_IMM, ADD64, MOV64, MOV_CONST, MOV32, LDX64_A, LDX64_K, STX64_K, STX64_A, JNE64, JEQ64, JA, SUB64, AND64,
  OR64, XOR64, LSH64_LOW, LSH64_HIGH, RSH64_LOW, RSH64_HIGH, ARSH64_LOW, ARSH64_HIGH, ADD32, SUB32, AND32, OR32,
  XOR32, LSH32, RSH32, ARSH32, MUL32, MUL64, JGT64, JGE64, JLT64, JLE64, JSGT64, JSGE64, JSLT64, JSLE64, JSET64,
  JEQ32, JNE32, JGT32, JGE32, JLT32, JLE32, JSGT32, JSGE32, JSLT32, JSLE32, JSET32, LDX32_A, LDX16_A, LDX8_A,
  LDXS32_A, STX32_A, STX16_A, STX8_A, LDX32_K, LDX16_K, LDX8_K, LDXS32_K, STX32_K, STX16_K, STX8_K, CAST_USER,
  CALL, CALL_LOCAL, EXIT, MAY_GOTO, LD_IMM64, NEG64, NEG32, LSH64, RSH64, ARSH64, MOVSX64_32, LD_ABS, LD_IND,
  CALLX, NOP,
} = EngineOp

/** Packed code and the natives that its CALL operations index. */
export interface Code {
  readonly words: Int32Array
  readonly natives: readonly Native[]
  /** First slots of functions, which callx may lead to. */
  readonly functions: ReadonlySet<number>
  /** The helper of this number, for callx. */
  readonly helper: (id: number) => Native | undefined
}

/**
 * Runs a program from its first instruction to its exit, on the registers in `state.regs`.
 *
 * 64-bit values are loaded and stored as two halves: all simulated CPUs run on this thread, and nothing sees the middle
 * of an instruction. Where other threads watch, aligned ones must become single accesses.
 */
export function interpret({ words: code, natives, functions, helper }: Code, state: RunState): void {
  const R = state.regs
  const { saved, kernel } = state
  const { u8: k8, u16: k16, i32: k32 } = kernel
  // A program without an arena has no operation that looks at these.
  const { u8: a8, u16: a16, i32: a32 } = (state.arena ?? { memory: kernel }).memory
  const table = state.arena?.table.base ?? 0
  let depth = 0
  let left = MAY_GOTO_LIMIT
  R[20] = frameTop(state, 0) | 0
  R[21] = KERNEL_HIGH
  let fuel = state.fuel
  let pc = 0
  let op = code[pc]!
  for (;;) {
    // biome-ignore lint/suspicious/noConfusingLabels: leaving this block is how every operation goes on
    next: {
      // The first operand, which nearly all have: the index of a register's low half.
      const a = code[pc + 1]!
      switch (op) {
        // A sum below one of its operands has wrapped: the carry.
        case ADD64_IMM: {
          const c = code[pc + 3]!
          const low = R[a]!
          const sum = (low + c) | 0
          R[a] = sum
          R[a + 1] = (R[a + 1]! + (c >> 31) + (sum >>> 0 < low >>> 0 ? 1 : 0)) | 0
          break next
        }
        case ADD64: {
          const b = code[pc + 2]!
          const low = R[a]!
          const sum = (low + R[b]!) | 0
          const high = R[a + 1]! + R[b + 1]! + (sum >>> 0 < low >>> 0 ? 1 : 0)
          R[a] = sum
          R[a + 1] = high
          break next
        }
        case MOV64: {
          const b = code[pc + 2]!
          R[a] = R[b]!
          R[a + 1] = R[b + 1]!
          break next
        }
        case MOV_CONST: {
          R[a] = code[pc + 2]!
          R[a + 1] = code[pc + 3]!
          break next
        }
        case MOV32: {
          R[a] = R[code[pc + 2]!]!
          R[a + 1] = 0
          break next
        }
        // Aligned, so within one page, whose bytes are 0 when it is absent; and in the same half of the window as its
        // base, so not wrapped. Everything else has exact rules.
        case LDX64_A: {
          const c = code[pc + 3]!
          const low = R[code[pc + 2]!]!
          const at = (low + c) | 0
          if (((at & 7) | ((at ^ low) >>> 31)) === 0) {
            const i = at >>> 2
            R[a] = a32[i]!
            R[a + 1] = a32[i + 1]!
          } else loadArena(state, R, a, low, c, 8, false)
          break next
        }
        // Typed arrays need alignment; Linux does not.
        case LDX64_K: {
          const at = (R[code[pc + 2]!]! + code[pc + 3]!) | 0
          if ((at & 3) === 0) {
            const i = at >>> 2
            R[a] = k32[i]!
            R[a + 1] = k32[i + 1]!
          } else loadFrom(kernel, at >>> 0, R, a, 8, false)
          break next
        }
        case STX64_K: {
          const b = code[pc + 2]!
          const at = (R[a]! + code[pc + 3]!) | 0
          if ((at & 3) === 0) {
            const i = at >>> 2
            k32[i] = R[b]!
            k32[i + 1] = R[b + 1]!
          } else storeTo(kernel, at >>> 0, R, b, 8)
          break next
        }
        // As a load, but absent pages must stay zero.
        case STX64_A: {
          const b = code[pc + 2]!
          const c = code[pc + 3]!
          const low = R[a]!
          const at = (low + c) | 0
          if (((at & 7) | ((at ^ low) >>> 31)) === 0 && (k8[table + (at >>> 12)]! & 1) !== 0) {
            const i = at >>> 2
            a32[i] = R[b]!
            a32[i + 1] = R[b + 1]!
          } else storeArena(state, R, b, low, c, 8)
          break next
        }
        case JNE64: {
          const b = code[pc + 2]!
          if (R[a] !== R[b] || R[a + 1] !== R[b + 1]) break
          break next
        }
        case JEQ64: {
          const b = code[pc + 2]!
          if (R[a] === R[b] && R[a + 1] === R[b + 1]) break
          break next
        }
        case JA:
          break
        // A difference of a smaller and a larger number borrows.
        case SUB64: {
          const b = code[pc + 2]!
          const low = R[a]!
          const other = R[b]!
          R[a + 1] = R[a + 1]! - R[b + 1]! - (low >>> 0 < other >>> 0 ? 1 : 0)
          R[a] = low - other
          break next
        }
        case AND64: {
          const b = code[pc + 2]!
          R[a] = R[a]! & R[b]!
          R[a + 1] = R[a + 1]! & R[b + 1]!
          break next
        }
        case OR64: {
          const b = code[pc + 2]!
          R[a] = R[a]! | R[b]!
          R[a + 1] = R[a + 1]! | R[b + 1]!
          break next
        }
        case XOR64: {
          const b = code[pc + 2]!
          R[a] = R[a]! ^ R[b]!
          R[a + 1] = R[a + 1]! ^ R[b + 1]!
          break next
        }
        // Constant shifts: by 1 to 31, then by 32 to 63. JavaScript takes the amount modulo 32.
        case LSH64_LOW: {
          const c = code[pc + 3]!
          const low = R[a]!
          R[a + 1] = (R[a + 1]! << c) | (low >>> (32 - c))
          R[a] = low << c
          break next
        }
        case LSH64_HIGH: {
          R[a + 1] = R[a]! << (code[pc + 3]! - 32)
          R[a] = 0
          break next
        }
        case RSH64_LOW: {
          const c = code[pc + 3]!
          const high = R[a + 1]!
          R[a] = (R[a]! >>> c) | (high << (32 - c))
          R[a + 1] = high >>> c
          break next
        }
        case RSH64_HIGH: {
          const high = R[a + 1]!
          R[a] = high >>> (code[pc + 3]! - 32)
          R[a + 1] = 0
          break next
        }
        case ARSH64_LOW: {
          const c = code[pc + 3]!
          const high = R[a + 1]!
          R[a] = (R[a]! >>> c) | (high << (32 - c))
          R[a + 1] = high >> c
          break next
        }
        case ARSH64_HIGH: {
          const high = R[a + 1]!
          R[a] = high >> (code[pc + 3]! - 32)
          R[a + 1] = high >> 31
          break next
        }
        // 32-bit forms clear the upper half.
        case ADD32: {
          R[a] = R[a]! + R[code[pc + 2]!]!
          R[a + 1] = 0
          break next
        }
        case SUB32: {
          R[a] = R[a]! - R[code[pc + 2]!]!
          R[a + 1] = 0
          break next
        }
        case AND32: {
          R[a] = R[a]! & R[code[pc + 2]!]!
          R[a + 1] = 0
          break next
        }
        case OR32: {
          R[a] = R[a]! | R[code[pc + 2]!]!
          R[a + 1] = 0
          break next
        }
        case XOR32: {
          R[a] = R[a]! ^ R[code[pc + 2]!]!
          R[a + 1] = 0
          break next
        }
        case LSH32: {
          R[a] = R[a]! << R[code[pc + 2]!]!
          R[a + 1] = 0
          break next
        }
        case RSH32: {
          R[a] = R[a]! >>> R[code[pc + 2]!]!
          R[a + 1] = 0
          break next
        }
        case ARSH32: {
          R[a] = R[a]! >> R[code[pc + 2]!]!
          R[a + 1] = 0
          break next
        }
        case MUL32: {
          R[a] = Math.imul(R[a]!, R[code[pc + 2]!]!)
          R[a + 1] = 0
          break next
        }
        case MUL64: {
          const b = code[pc + 2]!
          R[a] = mul(R[a]!, R[a + 1]!, R[b]!, R[b + 1]!)
          R[a + 1] = hi
          break next
        }
        // The upper halves decide unless they are equal; the lower ones are unsigned in any case.
        case JGT64: {
          const b = code[pc + 2]!
          const high = R[a + 1]! >>> 0
          const other = R[b + 1]! >>> 0
          if (high === other ? R[a]! >>> 0 > R[b]! >>> 0 : high > other) break
          break next
        }
        case JGE64: {
          const b = code[pc + 2]!
          const high = R[a + 1]! >>> 0
          const other = R[b + 1]! >>> 0
          if (high === other ? R[a]! >>> 0 >= R[b]! >>> 0 : high > other) break
          break next
        }
        case JLT64: {
          const b = code[pc + 2]!
          const high = R[a + 1]! >>> 0
          const other = R[b + 1]! >>> 0
          if (high === other ? R[a]! >>> 0 < R[b]! >>> 0 : high < other) break
          break next
        }
        case JLE64: {
          const b = code[pc + 2]!
          const high = R[a + 1]! >>> 0
          const other = R[b + 1]! >>> 0
          if (high === other ? R[a]! >>> 0 <= R[b]! >>> 0 : high < other) break
          break next
        }
        // As above with a sign in the upper half.
        case JSGT64: {
          const b = code[pc + 2]!
          const high = R[a + 1]!
          const other = R[b + 1]!
          if (high === other ? R[a]! >>> 0 > R[b]! >>> 0 : high > other) break
          break next
        }
        case JSGE64: {
          const b = code[pc + 2]!
          const high = R[a + 1]!
          const other = R[b + 1]!
          if (high === other ? R[a]! >>> 0 >= R[b]! >>> 0 : high > other) break
          break next
        }
        case JSLT64: {
          const b = code[pc + 2]!
          const high = R[a + 1]!
          const other = R[b + 1]!
          if (high === other ? R[a]! >>> 0 < R[b]! >>> 0 : high < other) break
          break next
        }
        case JSLE64: {
          const b = code[pc + 2]!
          const high = R[a + 1]!
          const other = R[b + 1]!
          if (high === other ? R[a]! >>> 0 <= R[b]! >>> 0 : high < other) break
          break next
        }
        case JSET64: {
          const b = code[pc + 2]!
          if (((R[a]! & R[b]!) | (R[a + 1]! & R[b + 1]!)) !== 0) break
          break next
        }
        case JEQ32: {
          if (R[a] === R[code[pc + 2]!]) break
          break next
        }
        case JNE32: {
          if (R[a] !== R[code[pc + 2]!]) break
          break next
        }
        case JGT32: {
          if (R[a]! >>> 0 > R[code[pc + 2]!]! >>> 0) break
          break next
        }
        case JGE32: {
          if (R[a]! >>> 0 >= R[code[pc + 2]!]! >>> 0) break
          break next
        }
        case JLT32: {
          if (R[a]! >>> 0 < R[code[pc + 2]!]! >>> 0) break
          break next
        }
        case JLE32: {
          if (R[a]! >>> 0 <= R[code[pc + 2]!]! >>> 0) break
          break next
        }
        case JSGT32: {
          if (R[a]! > R[code[pc + 2]!]!) break
          break next
        }
        case JSGE32: {
          if (R[a]! >= R[code[pc + 2]!]!) break
          break next
        }
        case JSLT32: {
          if (R[a]! < R[code[pc + 2]!]!) break
          break next
        }
        case JSLE32: {
          if (R[a]! <= R[code[pc + 2]!]!) break
          break next
        }
        case JSET32: {
          if ((R[a]! & R[code[pc + 2]!]!) !== 0) break
          break next
        }
        case LDX32_A: {
          const c = code[pc + 3]!
          const low = R[code[pc + 2]!]!
          const at = (low + c) | 0
          if (((at & 3) | ((at ^ low) >>> 31)) === 0) {
            const value = a32[at >>> 2]!
            R[a] = value
            R[a + 1] = 0
          } else loadArena(state, R, a, low, c, 4, false)
          break next
        }
        case LDX16_A: {
          const c = code[pc + 3]!
          const low = R[code[pc + 2]!]!
          const at = (low + c) | 0
          if (((at & 1) | ((at ^ low) >>> 31)) === 0) {
            R[a] = a16[at >>> 1]!
            R[a + 1] = 0
          } else loadArena(state, R, a, low, c, 2, false)
          break next
        }
        case LDX8_A: {
          const c = code[pc + 3]!
          const low = R[code[pc + 2]!]!
          const at = (low + c) | 0
          if ((at ^ low) >= 0) {
            R[a] = a8[at >>> 0]!
            R[a + 1] = 0
          } else loadArena(state, R, a, low, c, 1, false)
          break next
        }
        case LDXS32_A: {
          const c = code[pc + 3]!
          const low = R[code[pc + 2]!]!
          const at = (low + c) | 0
          if (((at & 3) | ((at ^ low) >>> 31)) === 0) {
            const value = a32[at >>> 2]!
            R[a] = value
            R[a + 1] = value >> 31
          } else loadArena(state, R, a, low, c, 4, true)
          break next
        }
        case STX32_A: {
          const b = code[pc + 2]!
          const c = code[pc + 3]!
          const low = R[a]!
          const at = (low + c) | 0
          if (((at & 3) | ((at ^ low) >>> 31)) === 0 && (k8[table + (at >>> 12)]! & 1) !== 0) {
            a32[at >>> 2] = R[b]!
          } else storeArena(state, R, b, low, c, 4)
          break next
        }
        case STX16_A: {
          const b = code[pc + 2]!
          const c = code[pc + 3]!
          const low = R[a]!
          const at = (low + c) | 0
          if (((at & 1) | ((at ^ low) >>> 31)) === 0 && (k8[table + (at >>> 12)]! & 1) !== 0) {
            a16[at >>> 1] = R[b]!
          } else storeArena(state, R, b, low, c, 2)
          break next
        }
        case STX8_A: {
          const b = code[pc + 2]!
          const c = code[pc + 3]!
          const low = R[a]!
          const at = (low + c) | 0
          if ((at ^ low) >= 0 && (k8[table + (at >>> 12)]! & 1) !== 0) {
            a8[at >>> 0] = R[b]!
          } else storeArena(state, R, b, low, c, 1)
          break next
        }
        case LDX32_K: {
          const at = (R[code[pc + 2]!]! + code[pc + 3]!) | 0
          if ((at & 3) === 0) {
            const value = k32[at >>> 2]!
            R[a] = value
            R[a + 1] = 0
          } else loadFrom(kernel, at >>> 0, R, a, 4, false)
          break next
        }
        case LDX16_K: {
          const at = (R[code[pc + 2]!]! + code[pc + 3]!) | 0
          if ((at & 1) === 0) {
            R[a] = k16[at >>> 1]!
            R[a + 1] = 0
          } else loadFrom(kernel, at >>> 0, R, a, 2, false)
          break next
        }
        case LDX8_K: {
          const at = (R[code[pc + 2]!]! + code[pc + 3]!) | 0
          R[a] = k8[at >>> 0]!
          R[a + 1] = 0
          break next
        }
        case LDXS32_K: {
          const at = (R[code[pc + 2]!]! + code[pc + 3]!) | 0
          if ((at & 3) === 0) {
            const value = k32[at >>> 2]!
            R[a] = value
            R[a + 1] = value >> 31
          } else loadFrom(kernel, at >>> 0, R, a, 4, true)
          break next
        }
        case STX32_K: {
          const b = code[pc + 2]!
          const at = (R[a]! + code[pc + 3]!) | 0
          if ((at & 3) === 0) {
            k32[at >>> 2] = R[b]!
          } else storeTo(kernel, at >>> 0, R, b, 4)
          break next
        }
        case STX16_K: {
          const b = code[pc + 2]!
          const at = (R[a]! + code[pc + 3]!) | 0
          if ((at & 1) === 0) {
            k16[at >>> 1] = R[b]!
          } else storeTo(kernel, at >>> 0, R, b, 2)
          break next
        }
        case STX8_K: {
          const at = (R[a]! + code[pc + 3]!) | 0
          k8[at >>> 0] = R[code[pc + 2]!]!
          break next
        }
        // The object at offset 0 becomes NULL, as on Linux.
        case CAST_USER: {
          const low = R[code[pc + 2]!]!
          R[a] = low
          R[a + 1] = low === 0 ? 0 : code[pc + 3]!
          break next
        }
        // Natives see where they were called from, and may use up fuel.
        case CALL: {
          state.slot = pc / STRIDE
          state.depth = depth
          state.fuel = fuel
          natives[a]!(R, state)
          fuel = state.fuel - 1
          if (fuel < 0) fuel = refuel(state, state.slot)
          break next
        }
        case CALL_LOCAL: {
          const slot = pc / STRIDE
          if (depth + 1 >= MAX_FRAMES) throw tooDeep(state, slot)
          depth = enter(R, saved, depth, pc + STRIDE, left)
          left = MAY_GOTO_LIMIT
          if (--fuel < 0) fuel = refuel(state, slot)
          pc = code[pc + 3]!
          op = code[pc]!
          continue
        }
        // A function's address, or the number of a helper.
        case CALLX: {
          const slot = pc / STRIDE
          const target = functionSlot(R, a)
          if (target < 0) {
            state.slot = slot
            state.depth = depth
            state.fuel = fuel
            callNumber(R, a, state, helper)
            fuel = state.fuel
            pc += STRIDE
          } else {
            if (depth + 1 >= MAX_FRAMES) throw tooDeep(state, slot)
            if (!functions.has(target)) throw badCall(state, slot)
            depth = enter(R, saved, depth, pc + STRIDE, left)
            left = MAY_GOTO_LIMIT
            if (--fuel < 0) fuel = refuel(state, slot)
            pc = target * STRIDE
          }
          op = code[pc]!
          continue
        }
        case EXIT: {
          if (depth === 0) {
            state.fuel = fuel
            return
          }
          depth--
          pc = leave(R, saved, depth)
          left = saved[depth * SAVED_WORDS + 1]!
          op = code[pc]!
          continue
        }
        case MAY_GOTO: {
          if (left === 0) break
          left--
          break next
        }
        // Two slots long.
        case LD_IMM64: {
          R[a] = code[pc + 2]!
          R[a + 1] = code[pc + 3]!
          pc += 2 * STRIDE
          op = code[pc]!
          continue
        }
        case NEG64: {
          const low = R[a]!
          R[a] = -low
          R[a + 1] = low === 0 ? -R[a + 1]! : ~R[a + 1]!
          break next
        }
        case NEG32: {
          R[a] = -R[a]!
          R[a + 1] = 0
          break next
        }
        // Shifts by a register.
        case LSH64: {
          R[a] = shl(R[a]!, R[a + 1]!, R[code[pc + 2]!]!)
          R[a + 1] = hi
          break next
        }
        case RSH64: {
          R[a] = shr(R[a]!, R[a + 1]!, R[code[pc + 2]!]!)
          R[a + 1] = hi
          break next
        }
        case ARSH64: {
          R[a] = sar(R[a]!, R[a + 1]!, R[code[pc + 2]!]!)
          R[a + 1] = hi
          break next
        }
        case MOVSX64_32: {
          const value = R[code[pc + 2]!]!
          R[a] = value
          R[a + 1] = value >> 31
          break next
        }
        case LD_ABS:
        case LD_IND: {
          const at = (code[pc + 3]! + (op === LD_IND ? R[code[pc + 2]!]! : 0)) | 0
          if (loadPacket(state, R, at, a)) break next
          // A read outside the packet ends the function that runs, with 0 (Linux 6.18, observed).
          R[0] = 0
          R[1] = 0
          if (depth === 0) {
            state.fuel = fuel
            return
          }
          depth--
          pc = leave(R, saved, depth)
          left = saved[depth * SAVED_WORDS + 1]!
          op = code[pc]!
          continue
        }
        case NOP:
          break next
        default: {
          // Either an operation of the other file, or any one while a hook watches: it is called, then the operation
          // itself is dispatched without the bit.
          if ((op & HOOK_BIT) === 0) {
            executeRare(op, code, pc, R, state)
            break next
          }
          state.depth = depth
          state.hook?.(pc / STRIDE, state)
          op &= ~HOOK_BIT
          continue
        }
      }
      // A jump is taken.
      if (--fuel < 0) fuel = refuel(state, pc / STRIDE)
      pc = code[pc + 3]!
      op = code[pc]!
      continue
    }
    pc += STRIDE
    op = code[pc]!
  }
}
