/**
 * Memory that mmap(2) gave, and who still looks at it. It is unmapped when its mapping is closed and the last view of
 * it is gone: a view of unmapped memory would end the process on its next access.
 */
import { InternalError } from '../errors/errors.ts'
import { libc } from './libc.ts'

export interface Window {
  readonly start: bigint
  readonly length: bigint
  /** ArrayBuffers onto it that the collector has not taken yet. */
  views: number
  /** Its mapping wants it no more. */
  closed: boolean
  mapped: boolean
}

export function makeWindow(start: bigint, length: bigint): Window {
  return { start, length, views: 0, closed: false, mapped: true }
}

const viewsGone: FinalizationRegistry<Window> = new FinalizationRegistry((window) => {
  window.views--
  release(window)
})

const ownersGone: FinalizationRegistry<Window> = new FinalizationRegistry(closeWindow)

/** A live buffer onto bytes of the window. */
export function viewOf(window: Window, at: bigint, count: number): ArrayBuffer {
  const buffer = libc().view(at, count)
  window.views++
  viewsGone.register(buffer, window)
  return buffer
}

/** Closes the window when nobody holds `owner` any more. */
export function closeWindowWith(owner: object, window: Window): void {
  ownersGone.register(owner, window)
}

/** Nothing but views uses it from now on. A second call does nothing. */
export function closeWindow(window: Window): void {
  window.closed = true
  release(window)
}

function release(window: Window): void {
  if (!window.closed || window.views > 0 || !window.mapped) return
  window.mapped = false
  const result = libc().munmap(window.start, window.length)
  if (result < 0) throw new InternalError(`munmap of 0x${window.start.toString(16)} failed: ${result}`)
}
