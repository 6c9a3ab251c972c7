/**
 * What programs print with bpf_trace_printk. The kernel writes it into the buffers of its tracer; a buffer of this
 * thread's own (a trace instance, filtered by thread) is read, so that nobody else's lines are taken away.
 */
import { closeSync, constants, existsSync, mkdirSync, openSync, readSync, rmdirSync, writeFileSync } from 'node:fs'
import type { OutputListener } from '../cpu/output.ts'
import { HarenaError } from '../errors/errors.ts'
import { libc, Syscall } from './libc.ts'

const TRACEFS: readonly string[] = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing']
const CHUNK_BYTES = 65_536

/** `task-123 [000] .... 1.234567: bpf_trace_printk: text` */
const LINE = /^.*?: bpf_trace_printk: (.*)$/u

export class LinuxOutput {
  readonly #listeners: Set<OutputListener> = new Set()
  #instance: string | undefined
  #pipe: number | undefined

  /** @throws HarenaError where the tracer cannot be read */
  on(listener: OutputListener): () => void {
    this.#open()
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /** Hands on what was printed since the last time, by a run of the program named. */
  deliver(program: string): void {
    if (this.#pipe === undefined) return
    const lines = readAll(this.#pipe).split('\n')
    if (lines.at(-1) === '') lines.pop()
    for (const line of lines) {
      // A text of several lines bears the prefix in the first one only.
      const text = LINE.exec(line)?.[1] ?? line
      for (const listener of this.#listeners) listener(text, program)
    }
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
    const path = `${root}/instances/harena-${process.pid}-${thread}`
    try {
      if (!existsSync(path)) mkdirSync(path)
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
