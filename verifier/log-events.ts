/**
 * The kernel's log text as a rendering of the walk's events: takes each event and writes its lines into a LogBuffer.
 *
 *     walk -- WalkEvent --> textSink -- text --> LogBuffer -- cuts and wipes --> the log
 *
 * Nothing is rendered at levels that do not show it: the walk makes no events then. Blanks at the ends of lines, and
 * their absence, are the kernel's: tests compare whole logs.
 */
import { InternalError } from '../errors/errors.ts'
import type { Slot } from '../isa/instruction.ts'
import type { LineInfo } from '../program/object.ts'
import { failureLog, type VerifierFailure } from './errors.ts'
import type { LogSink, PlaceSet, WalkEvent } from './events.ts'
import type { LogBuffer } from './log.ts'
import { currentFrame } from './state.ts'
import type { RegisterNames } from './text.ts'
import { frameText, isEmptySet, registerList, slotList } from './text-state.ts'

export interface TextNames extends RegisterNames {
  /** `(b7) r0 = 0` of a slot. */
  instructionText(slot: Slot): string
  /** Source lines by the slot that they begin at; absent, none are written, as without line_info. */
  readonly lines?: ReadonlyMap<Slot, LineInfo> | undefined
}

/** A sink that writes the kernel's text into `log`. */
export function textSink(log: LogBuffer, names: TextNames): LogSink {
  let lastLine: LineInfo | undefined
  return {
    level: log.level,
    event: (event) => {
      if (event.kind === 'instruction') lastLine = writeSourceLine(log, names, event.slot, lastLine)
      writeEvent(log, names, event)
    },
    position: () => log.mark(),
    cut: (position) => log.cutTo(position),
  }
}

/**
 * Writes a refusal's text. An infinite loop is told by its event, states and all, before the walk refuses the program.
 */
export function writeFailure(log: LogBuffer, failed: VerifierFailure): void {
  if (failed.kind !== 'infinite-loop') log.write(failureLog(failed))
}

/** `; TEXT @ FILE:LINE` when the source line is another one than before. */
function writeSourceLine(
  log: LogBuffer,
  names: TextNames,
  slot: Slot,
  last: LineInfo | undefined,
): LineInfo | undefined {
  const line = names.lines?.get(slot)
  if (line === undefined || (line.file === last?.file && line.line === last.line)) return last
  log.write(`; ${line.text.trimStart()} @ ${line.file.slice(line.file.lastIndexOf('/') + 1)}:${line.line}\n`)
  return line
}

function writeEvent(log: LogBuffer, names: TextNames, event: WalkEvent): void {
  switch (event.kind) {
    case 'delta':
      // On the instruction's own line, unless something was written in between.
      log.beginDelta(event.slot)
      log.write(`${frameText(event.state, currentFrame(event.state), names, event.state.shared.scratch)}\n`)
      return
    case 'instruction':
      log.instruction(`${event.slot}: ${names.instructionText(event.slot)}`)
      return
    case 'resume':
    case 'safe':
    case 'enter':
    case 'leave':
    case 'infinite-loop':
      log.write(pathText(event, names))
      return
    case 'precise-start':
    case 'precise-step':
    case 'precise-parent':
    case 'precise-fallback':
    case 'propagate':
    case 'propagate-limit':
      log.write(precisionText(event, names))
      return
    case 'scc':
      log.write(`SCC ${event.what} (${event.chain.join(',')})\n`)
      return
    case 'stack-liveness':
      log.write(livenessText(event))
      return
    case 'stack-liveness-done':
      log.write(`(${event.chain.join(',')}) live stack update done in ${event.iterations} iterations\n`)
      return
    case 'validating':
      log.write(`Validating ${event.name}() func#${event.subprogram}...\n`)
      return
    case 'validated':
      log.write(`Func#${event.subprogram} ('${event.name}') is safe for any args that match its prototype\n`)
      return
    case 'text':
      log.write(`${event.text}\n`)
      return
    default:
      event satisfies never
      throw new InternalError('unknown event of the walk')
  }
}

type Of<K extends WalkEvent['kind']> = Extract<WalkEvent, { readonly kind: K }>

function speculation(speculative: boolean): string {
  return speculative ? ' (speculative execution)' : ''
}

/** Where paths begin, fork into functions, come back and end. */
function pathText(event: Of<'resume' | 'safe' | 'enter' | 'leave' | 'infinite-loop'>, names: TextNames): string {
  switch (event.kind) {
    case 'resume': {
      const state = frameText(event.state, currentFrame(event.state), names)
      return `\nfrom ${event.from} to ${event.to}${speculation(event.speculative)}:${state}\n`
    }
    case 'safe':
      if (event.from === undefined) return `${event.slot}: safe\n`
      return `\nfrom ${event.from} to ${event.slot}${speculation(event.speculative)}: safe\n`
    case 'enter': {
      const caller = frameText(event.state, event.caller, names)
      return `caller:\n${caller}\ncallee:\n${frameText(event.state, event.callee, names)}\n`
    }
    case 'leave': {
      const callee = frameText(event.state, event.callee, names)
      const caller = frameText(event.state, event.caller, names)
      return `returning from callee:\n${callee}\nto caller at ${event.to}:\n${caller}\n`
    }
    case 'infinite-loop': {
      const current = frameText(event.current, currentFrame(event.current), names)
      const old = frameText(event.old, currentFrame(event.old), names)
      return `infinite loop detected at insn ${event.slot}\ncur state:${current}\nold state:${old}\n`
    }
    default:
      event satisfies never
      throw new InternalError('unknown event of a path')
  }
}

function placesText(places: PlaceSet): string {
  return `regs=${registerList(places)} stack=${slotList(places)}`
}

/** The backward search for what a value came from. */
function precisionText(
  event: Of<'precise-start' | 'precise-step' | 'precise-parent' | 'precise-fallback' | 'propagate' | 'propagate-limit'>,
  names: TextNames,
): string {
  switch (event.kind) {
    case 'precise-start':
      return (
        `mark_precise: frame${event.frame}: last_idx ${event.last} first_idx ${event.first} ` +
        `subseq_idx ${event.next} \n`
      )
    case 'precise-step': {
      const places = placesText(event.places)
      const text = names.instructionText(event.slot)
      return `mark_precise: frame${event.frame}: ${places} before ${event.slot}: ${text}\n`
    }
    case 'precise-parent': {
      const state = frameText(event.state, event.frame, names)
      return `mark_precise: frame${event.frame.number}: parent state ${placesText(event.places)}: ${state}\n`
    }
    case 'precise-fallback':
      return `mark_precise: frame${event.frame}: falling back to forcing all scalars precise\n`
    case 'propagate': {
      const lists = [registerList(event.places), slotList(event.places, 'fp')]
      return `frame ${event.frame}: propagating ${lists.filter((list) => list !== '').join(',')}\n`
    }
    case 'propagate-limit':
      return 'propagate_backedges: too many iterations\n'
    default:
      event satisfies never
      throw new InternalError('unknown event of precision')
  }
}

/** `(0) frame 0 insn 3 +live -8,-16 -live -24`: a part for bits that came ends in a blank, one for bits that went not. */
function livenessText(event: Of<'stack-liveness'>): string {
  let text = `(${event.chain.join(',')}) frame ${event.frame} insn ${event.slot} `
  if (!isEmptySet(event.added)) text += `+${event.what} ${slotList(event.added)} `
  if (!isEmptySet(event.removed)) text += `-${event.what} ${slotList(event.removed)}`
  return `${text}\n`
}
