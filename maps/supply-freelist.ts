/** Preallocated elements on per-CPU free lists: what maps without BPF_F_NO_PREALLOC have (Linux 4.6 and later). */
import { freelistBytes, LINE_BYTES, PcpuFreelist } from '../memalloc/freelist.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import type { ElementArray } from './element-array.ts'
import { FREE_LINK } from './hash-table.ts'
import type { FreeElements } from './supply-fixed.ts'

export function perCpuFreelist(kernel: Kernel, array: ElementArray): FreeElements | undefined {
  const { steps, locks, processors, slab, group } = kernel
  const bytes = freelistBytes(processors.cpus.length)
  const at = slab.alloc(bytes, 'kernel', { zero: true, group })
  if (at === 0) return undefined
  const list = new PcpuFreelist(steps, locks, at)
  list.populate(array.base + FREE_LINK, array.size, array.count)
  return {
    take: () => {
      const node = list.pop()
      return node === 0 ? 0 : node - FREE_LINK
    },
    give: (element) => list.push(element + FREE_LINK),
    layout: { kind: 'freelist', list: at, lineBytes: LINE_BYTES },
    destroy: () => slab.free(at, 'kernel', bytes, group),
  }
}
