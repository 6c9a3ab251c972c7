/** maps/hash.ts in compiled code: look-up, update and delete as functions of the module, made for one map. */
import { ERRNO } from '../../errors/errors.ts'
import type { ElementLayout, HashLayout } from '../../maps/layout.ts'
import { UpdateFlag } from '../../maps/map.ts'
import type { ModuleFunction } from '../wasm/module.ts'
import { I32, I64, type ValueType, Wasm } from '../wasm/opcodes.ts'
import { copyBytes } from './bytes.ts'
import { Code, type Expr, pointer } from './code.ts'
import { makeElements } from './elements.ts'
import { Chain } from './hash-table.ts'
import { cpuOf, FALLBACK, type RuntimeContext } from './host.ts'
import { type Bail, type Body, defineHalves, defineUsual, type Halves } from './mem-class.ts'

/** (key) -> address of the value, 0, FALLBACK */
export function makeLookup(context: RuntimeContext, layout: HashLayout, name: string): ModuleFunction {
  return context.module.define(name, { params: [I32], results: [I64] }, (w) => {
    const c = new Code(w, context.memory)
    const chain = new Chain(c, layout, 0)
    chain.find()
    c.if(chain.isAbsent, () => {
      // Whoever was interrupted may be about to move an element to another chain.
      c.return(c.select(chain.isOwnEnd, c.i64(0), c.i64(FALLBACK)))
    })
    pointer(c, valueIn(c, context, layout, chain.at))()
  })
}

function valueIn(c: Code, context: RuntimeContext, { valueOffset, cpuStride }: HashLayout, element: number): Expr {
  if (cpuStride === 0) return c.add(c.get(element), c.i32(valueOffset))
  const own = c.op(Wasm.I32_MUL, cpuOf(c, context), c.i32(cpuStride))
  return c.add(c.load32(c.get(element), valueOffset), own)
}

/** What an operation is made with. */
interface Parts {
  readonly layout: HashLayout
  readonly elements: ElementLayout
  /** Function of the size class's worker, where there is one. */
  readonly worker: number | undefined
}

/** An operation on the map; with elements that are there, one function is enough. */
function defineOperation(
  context: RuntimeContext,
  { elements, worker }: Parts,
  name: string,
  params: readonly ValueType[],
  body: Body,
): Halves {
  if (elements.kind === 'mem-alloc') return defineHalves(context, name, params, worker, body)
  return { usual: defineUsual(context, name, params, body), near: undefined }
}

/** (key, value, flags: i64) -> 0, an error number, FALLBACK */
export function makeUpdate(context: RuntimeContext, parts: Parts, name: string): Halves {
  const { layout, elements } = parts
  return defineOperation(context, parts, name, [I32, I32, I64], (c, half, params) => {
    const [key, value, flags] = [params[0]!, params[1]!, params[2]!]
    const unknown = c.op(Wasm.I64_GT_U, c.get(flags), c.i64(UpdateFlag.EXIST))
    c.rarely(unknown, () => c.return(c.i64(-ERRNO.EINVAL)))
    const flagged = (flag: number): Expr => c.op(Wasm.I64_EQ, c.get(flags), c.i64(flag))
    orFallback(c, (bail) => {
      const chain = new Chain(c, layout, key)
      chain.bailIfLocked(bail)
      chain.find(bail)
      const element = c.local32()
      const supply = makeElements(c, context, layout, elements, half)
      const write = (): void => {
        chain.setKey(element)
        copyBytes(c, layout.valueSize, { local: element, offset: layout.valueOffset }, value)
        chain.link(element)
      }
      c.if(chain.isAbsent, () => {
        c.rarely(flagged(UpdateFlag.EXIST), () => c.return(c.i64(-ERRNO.ENOENT)))
        supply.insert(bail, element, write, () => c.return(c.i64(-ERRNO.E2BIG)))
        c.return(c.i64(0))
      })
      c.rarely(flagged(UpdateFlag.NOEXIST), () => c.return(c.i64(-ERRNO.EEXIST)))
      supply.replace(bail, element, chain.at, () => {
        write()
        chain.unlink()
      })
      c.return(c.i64(0))
    })
  })
}

/** (key) -> 0, an error number, FALLBACK */
export function makeDelete(context: RuntimeContext, parts: Parts, name: string): Halves {
  const { layout, elements } = parts
  return defineOperation(context, parts, name, [I32], (c, half, params) => {
    orFallback(c, (bail) => {
      const chain = new Chain(c, layout, params[0]!)
      chain.bailIfLocked(bail)
      chain.find(bail)
      c.if(chain.isAbsent, () => c.return(c.i64(-ERRNO.ENOENT)))
      const supply = makeElements(c, context, layout, elements, half)
      supply.delete(bail, chain.at, () => chain.unlink())
      c.return(c.i64(0))
    })
  })
}

/** `body`, which returns; FALLBACK where it bails. */
export function orFallback(c: Code, body: (bail: Bail) => void): void {
  c.block((leave) => body((condition) => leave(condition)), false)
  c.do(c.i64(FALLBACK))
}
