/** For tests: the LRU maps of Linux 6.18 (spec: G) with arrays for lists, newest first, and numbers of free nodes. */
import { ERRNO } from '../errors/errors.ts'

interface Node {
  key: number
  ref: boolean
  cpu: number
}

class List {
  readonly active: Node[] = []
  readonly inactive: Node[] = []
  free = 0
  /** Undefined: at the list's end mark. */
  private cursor: Node | undefined
  private readonly scans: number
  private readonly evict: (node: Node) => void

  constructor(scans: number, evict: (node: Node) => void) {
    this.scans = scans
    this.evict = evict
  }

  /** Takes a node out; false where it is on neither list. */
  leave(node: Node): boolean {
    const list = [this.active, this.inactive].find((candidate) => candidate.includes(node))
    if (list === undefined) return false
    if (this.cursor === node) this.cursor = before(list, node)
    list.splice(list.indexOf(node), 1)
    return true
  }

  rotate(): void {
    if (this.inactive.length < this.active.length) this.rotateActive()
    if (this.inactive.length > 0) this.rotateInactive()
  }

  /** How many of `wanted` nodes became free: their keys are gone. */
  shrink(wanted: number): number {
    let freed = 0
    let node = this.inactive.at(-1)
    for (let scanned = 0; scanned < this.scans && node !== undefined && freed < wanted; scanned++) {
      const next = before(this.inactive, node)
      if (node.ref) this.toHead(this.active, node)
      else freed += this.drop(node)
      node = next
    }
    const oldest = this.inactive.at(-1) ?? this.active.at(-1)
    return freed === 0 && oldest !== undefined ? this.drop(oldest) : freed
  }

  toHead(list: Node[], node: Node): void {
    this.leave(node)
    node.ref = false
    list.unshift(node)
  }

  private drop(node: Node): number {
    this.evict(node)
    this.leave(node)
    return 1
  }

  private rotateActive(): void {
    const newest = this.active[0]
    let node = this.active.at(-1)
    for (let scanned = 0; scanned < this.scans && node !== undefined; scanned++) {
      const next = before(this.active, node)
      this.toHead(node.ref ? this.active : this.inactive, node)
      if (node === newest) break
      node = next
    }
  }

  private rotateInactive(): void {
    const { inactive } = this
    let node = this.cursor
    const last = (node && inactive[inactive.indexOf(node) + 1]) ?? inactive[0]!
    let cursor: Node | undefined
    for (let scanned = 0; scanned < this.scans; scanned++) {
      node ??= inactive.at(-1)!
      cursor = before(inactive, node)
      if (node.ref) this.toHead(this.active, node)
      if (node === last) break
      node = cursor
    }
    this.cursor = cursor
  }
}

/** The next one on the head's side. */
function before(list: readonly Node[], node: Node): Node | undefined {
  return list[list.indexOf(node) - 1]
}

interface Local {
  free: number
  readonly pending: Node[]
  nextSteal: number
}

export interface ReferenceOptions {
  readonly max: number
  readonly cpus: number
  readonly perCpuValues: boolean
  readonly ownLists: boolean
}

export class ReferenceLru {
  private readonly table = new Map<number, Node>()
  private readonly options: ReferenceOptions
  /** One in common, or one a CPU. */
  private readonly lists: readonly List[]
  private readonly locals: readonly Local[]
  private readonly target: number

  constructor(options: ReferenceOptions) {
    const { max, cpus, ownLists } = options
    const evict = (node: Node): void => void this.table.delete(node.key)
    this.options = options
    this.lists = Array.from({ length: ownLists ? cpus : 1 }, () => new List(ownLists ? 4 : 128, evict))
    for (const list of this.lists) list.free = ownLists ? Math.ceil(max / cpus) : max
    this.locals = Array.from({ length: cpus }, (_, cpu) => ({ free: 0, pending: [], nextSteal: cpu }))
    this.target = Math.min(Math.max(Math.floor(Math.floor(max / cpus) / 2), 1), 128)
  }

  keys(): number[] {
    return [...this.table.keys()].sort((a, b) => a - b)
  }

  /** A program's look-up: whether the key is there. */
  lookup(key: number): boolean {
    const node = this.table.get(key)
    if (node !== undefined) node.ref = true
    return node !== undefined
  }

  delete(key: number): number {
    const node = this.table.get(key)
    if (node === undefined) return -ERRNO.ENOENT
    this.table.delete(key)
    this.give(node)
    return 0
  }

  update(key: number, flags: number, cpu: number): number {
    if (flags > 2) return -ERRNO.EINVAL
    const needs = !(this.options.perCpuValues && flags === 2)
    const fresh = needs ? this.take(key, cpu) : undefined
    if (needs && fresh === undefined) return -ERRNO.ENOMEM
    const old = this.table.get(key)
    const error = old !== undefined && flags === 1 ? ERRNO.EEXIST : old === undefined && flags === 2 ? ERRNO.ENOENT : 0
    if (error !== 0 || (old !== undefined && this.options.perCpuValues)) {
      if (error === 0) old!.ref = true
      if (fresh !== undefined) this.give(fresh)
      return -error || 0
    }
    this.table.set(key, fresh!)
    if (old !== undefined) {
      fresh!.ref = true
      this.give(old)
    }
    return 0
  }

  private take(key: number, cpu: number): Node | undefined {
    const node = { key, ref: false, cpu }
    if (!this.options.ownLists) return this.takeCommon(node)
    const list = this.lists[cpu]!
    list.rotate()
    if (list.free === 0) list.free += list.shrink(4)
    if (list.free === 0) return undefined
    list.free--
    list.inactive.unshift(node)
    return node
  }

  private takeCommon(node: Node): Node | undefined {
    const local = this.locals[node.cpu]!
    if (local.free === 0) this.refill(local)
    if (local.free > 0) local.free--
    else if (!this.steal(local)) return undefined
    local.pending.unshift(node)
    return node
  }

  private refill(local: Local): void {
    const list = this.lists[0]!
    for (const node of local.pending.splice(0).reverse()) list.toHead(node.ref ? list.active : list.inactive, node)
    list.rotate()
    const moved = Math.min(this.target, list.free)
    list.free -= moved
    local.free += moved
    if (moved < this.target) local.free += list.shrink(this.target - moved)
  }

  private steal(local: Local): boolean {
    const first = local.nextSteal
    let victim = first
    let found = false
    do {
      const from = this.locals[victim]!
      found = from.free > 0
      if (found) from.free--
      else found = this.stealPending(from)
      victim = (victim + 1) % this.locals.length
    } while (!found && victim !== first)
    local.nextSteal = victim
    return found
  }

  private stealPending({ pending }: Local): boolean {
    const oldest = [...pending].reverse()
    const node = oldest.find(({ ref }) => !ref) ?? oldest[0]
    if (node === undefined) return false
    this.table.delete(node.key)
    pending.splice(pending.indexOf(node), 1)
    return true
  }

  private give(node: Node): void {
    const list = this.options.ownLists ? this.lists[node.cpu]! : this.lists[0]!
    if (list.leave(node)) {
      list.free++
      return
    }
    const { pending } = this.locals[node.cpu]!
    pending.splice(pending.indexOf(node), 1)
    this.locals[node.cpu]!.free++
  }
}
