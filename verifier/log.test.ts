import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LogBuffer, paddingAfter, writeStatistics } from './log.ts'

const STATS = { processed: 13, maxStatesPerInsn: 0, totalStates: 1, peakStates: 1, stackDepth: '8+0' }

describe('column of the state', () => {
  test.each([
    ['0: (b7) r0 = 0', 38],
    ['0: (85) call bpf_get_prandom_u32#7', 38],
    ['0: (85) call bpf_get_prandom_u32#712', 46],
  ])('%s', (line, column) => {
    expect(line.length + paddingAfter(line.length)).toBe(column)
  })

  test('is a multiple of 8 less 2, from 38, with at least one blank', () => {
    fc.assert(
      fc.property(fc.nat(200), (length) => {
        const column = length + paddingAfter(length)
        expect(column).toBeGreaterThanOrEqual(38)
        expect((column + 2) % 8).toBe(0)
        expect(paddingAfter(length)).toBeGreaterThanOrEqual(3)
        expect(column === 38 || paddingAfter(length) < 11).toBe(true)
      }),
    )
  })
})

function branch(level: number): LogBuffer {
  const log = new LogBuffer(level)
  log.write('0: R1=ctx() R10=fp0\n')
  log.instruction('0: (85) call bpf_get_prandom_u32#7')
  log.beginDelta(1)
  log.write(' R0=scalar()\n')
  log.instruction('1: (15) if r0 == 0x0 goto pc+2')
  const mark = log.mark()
  log.beginDelta(2)
  log.write(' R0=scalar(umin=1)\n')
  log.instruction('2: (b7) r0 = 0')
  log.cutTo(mark)
  log.write('4: R0=0 R10=fp0\n')
  return log
}

describe('levels', () => {
  test('level 1 keeps one path and glues the next state to the branch', () => {
    expect(branch(1).text()).toBe(
      '0: R1=ctx() R10=fp0\n' +
        '0: (85) call bpf_get_prandom_u32#7    ; R0=scalar()\n' +
        '1: (15) if r0 == 0x0 goto pc+2 4: R0=0 R10=fp0\n',
    )
  })

  test('level 2 keeps every path', () => {
    expect(branch(2).text()).toBe(
      '0: R1=ctx() R10=fp0\n' +
        '0: (85) call bpf_get_prandom_u32#7    ; R0=scalar()\n' +
        '1: (15) if r0 == 0x0 goto pc+2        ; R0=scalar(umin=1)\n' +
        '2: (b7) r0 = 0\n' +
        '4: R0=0 R10=fp0\n',
    )
  })

  test('without padding nothing is glued', () => {
    const log = new LogBuffer(1)
    log.instruction('1: (15) if r0 == 0x0 goto pc+2')
    const mark = log.mark()
    log.write('mark_precise: ...\n')
    log.beginDelta(1)
    log.write(' R0=0\n')
    log.cutTo(mark)
    expect(log.text()).toBe('1: (15) if r0 == 0x0 goto pc+2\n')
  })

  test('a state behind other lines names the next instruction', () => {
    const log = new LogBuffer(2)
    log.instruction('12: (0f) r1 += r2')
    log.write('mark_precise: frame0: last_idx 12 first_idx 11 subseq_idx -1 \n')
    log.beginDelta(13)
    log.write(' R1=scalar()\n')
    expect(log.text()).toMatch(/subseq_idx -1 \n13: R1=scalar\(\)\n$/)
  })

  test('wiped at level 1 only; the longest length is kept', () => {
    for (const level of [1, 2]) {
      const log = new LogBuffer(level)
      log.write('0: R1=ctx() R10=fp0\n')
      log.wipe()
      writeStatistics(log, STATS)
      expect(log.text().startsWith('processed 13 insns')).toBe(level === 1)
      expect(log.longest).toBeGreaterThanOrEqual(log.text().length)
    }
  })

  test('statistics by level', () => {
    const last = 'processed 13 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0\n'
    const expected = { 0: '', 1: last, 4: `verification time 0 usec\nstack depth 8+0\n${last}` }
    for (const [level, text] of Object.entries(expected)) {
      const log = new LogBuffer(Number(level))
      writeStatistics(log, STATS)
      expect(log.text()).toBe(text)
    }
  })

  test('past its capacity the end of the log is kept', () => {
    const log = new LogBuffer(1, { capacity: 100 })
    const mark = log.mark()
    for (let i = 0; i < 30; i++) log.write(`line ${String(i).padStart(2)}\n`)
    expect(log.text()).toMatch(/^line \d+\n(line \d+\n)*line 29\n$/)
    expect(log.text().length).toBeLessThanOrEqual(100)
    expect(log.longest).toBe(30 * 8)
    log.cutTo(mark)
    log.write('again\n')
    expect(log.text()).toBe('again\n')
  })

  test.each([1, 7, 5000])('past its capacity, whole lines of the end: pieces of %i characters', (size) => {
    const capacity = 300_000
    const log = new LogBuffer(1, { capacity })
    let written = ''
    for (let line = 0; written.length < 1_000_000; line++) written += `${line} ${'x'.repeat(line % 300)}\n`
    for (let at = 0; at < written.length; at += size) log.write(written.slice(at, at + size))
    const text = log.text()
    expect(written.endsWith(text)).toBe(true)
    expect(written[written.length - text.length - 1]).toBe('\n')
    expect(text.length).toBeLessThanOrEqual(capacity)
    expect(text.length).toBeGreaterThan(capacity / 2 - 300)
    expect(log.longest).toBe(written.length)
    // A mark that is kept, and one that is not.
    const mark = log.mark()
    log.write('more\n')
    log.cutTo(mark)
    expect(log.text()).toBe(text)
    log.cutTo(10)
    expect(log.text()).toBe('')
  })

  test('many pieces: marks and line ends are found in what was joined', () => {
    const log = new LogBuffer(1)
    const marks: [mark: number, text: string][] = []
    for (let i = 0; i < 20_000; i++) {
      if (i % 1000 === 17 || i % 4096 < 2) marks.push([log.mark(), log.text()])
      log.instruction(`${i}: line`)
      if (i % 4096 === 4095) log.beginDelta(i + 1)
    }
    expect(log.text().split('\n').length).toBe(20_001 - 4)
    for (const [mark, text] of marks.reverse()) {
      log.cutTo(mark)
      expect(log.text() === text).toBe(true)
    }
    expect(log.text()).toBe('')
  })

  test('cutting back gives the text that stood at the mark', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (before, after) => {
        const log = new LogBuffer(1)
        for (const piece of before) log.write(piece)
        const text = log.text()
        const mark = log.mark()
        for (const piece of after) log.write(piece)
        log.cutTo(mark)
        expect(log.text()).toBe(text)
      }),
    )
  })
})
