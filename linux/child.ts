/** The process that asks the kernel: a question a line on standard input, an answer a line on standard output. */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { answer, type Question } from './question.ts'
import { fromLine, toLine } from './wire.ts'

const STDOUT = 1

for await (const line of createInterface({ input: process.stdin })) {
  write(`${toLine(answer(fromLine(line) as Question))}\n`)
}

/** At once: an answer must not be lost when the next question ends the process. */
function write(text: string): void {
  const bytes = Buffer.from(text)
  for (let done = 0; done < bytes.length; ) done += writeSync(STDOUT, bytes, done)
}
