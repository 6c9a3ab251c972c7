/**
 * What programs print with bpf_trace_printk. The kernel writes it into the buffers of its tracer; a buffer of this
 * thread's own (a trace instance, filtered by thread) is read, so that nobody else's lines are taken away.
 */
import { closeSync, constants, existsSync, mkdirSync, openSync, readSync, rmdirSync, writeFileSync } from 'node:fs'
import { Output, type OutputListener } from '../cpu/output.ts'
import { HarenaError } from '../errors/errors.ts'
import { libc, Syscall } from './libc.ts'
import type { Resource } from './resources.ts'

const TRACEFS: readonly string[] = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing']
const CHUNK_BYTES = 65_536

/** What stands in front of each text: `task-123  [000] ....1  1.234567: bpf_trace_printk: ` */
const PREFIX = /^.*-\d+ +\[\d+\] \S+ +[\d.]+: bpf_trace_printk: /mu

/** Made by this process so far: each has a name of its own. */
let instances = 0

export class LinuxOutput implements Resource {
  readonly #output = new Output()
  #instance: string | undefined
  #pipe: number | undefined

  /** @throws HarenaError where the tracer cannot be read */
  on(listener: OutputListener): () => void {
    this.#open()
    return this.#output.on(listener)
  }

  /** Drops what this thread's programs printed on other machines. To be called before a run. */
  skip(): void {
    if (this.#pipe !== undefined) readAll(this.#pipe)
  }

  /** Hands on what a run of the program named has printed. */
  deliver(program: string): void {
    if (this.#pipe === undefined) return
    const [, ...texts] = readAll(this.#pipe).split(PREFIX)
    // The tracer ends each text with a line break of its own.
    for (const text of texts) this.#output.print(text.replace(/\n$/u, ''), program)
  }

  close(): void {
    if (this.#pipe !== undefined) closeSync(this.#pipe)
    this.#pipe = undefined
    if (this.#instance !== undefined) rmdirSync(this.#instance)
    this.#instance = undefined
  }

  #open(): void {
    if (this.#pipe !== undefined) return
    const root = TRACEFS.find((path) => existsSync(`${path}/instances`))
    if (root === undefined)
      throw new HarenaError(`what programs print cannot be seen: tracefs is not mounted at ${TRACEFS[0]}`)
    const thread = libc().syscall(Syscall.GETTID, 0, 0, 0)
    instances++
    const path = `${root}/instances/harena-${process.pid}-${thread}-${instances}`
    try {
      mkdirSync(path)
      this.#instance = path
      writeFileSync(`${path}/set_event_pid`, `${thread}`)
      writeFileSync(`${path}/events/bpf_trace/bpf_trace_printk/enable`, '1')
      this.#pipe = openSync(`${path}/trace_pipe`, constants.O_RDONLY | constants.O_NONBLOCK)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new HarenaError(`what programs print cannot be seen: ${why}`)
    }
  }
}

function readAll(pipe: number): string {
  const chunks: Buffer[] = []
  for (;;) {
    const chunk = Buffer.alloc(CHUNK_BYTES)
    const count = readSome(pipe, chunk)
    if (count === 0) return Buffer.concat(chunks).toString('utf8')
    chunks.push(chunk.subarray(0, count))
  }
}

/** 0 where nothing is left: the pipe says EAGAIN rather than wait. */
function readSome(pipe: number, chunk: Buffer): number {
  try {
    return readSync(pipe, chunk, 0, chunk.length, null)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return 0
    throw error
  }
}
