/** The other one of the two measuring threads (measure.ts). */
import { workerData } from 'node:worker_threads'
import { ANSWER, COMMAND, Command, ringOrder, takeTurns, writeLines } from './measure-lines.ts'

const words = workerData as Int32Array
const ring = ringOrder()

for (let seen = 0, command: Command = Command.NOTHING; command !== Command.END; ) {
  // Two counts for each command: it stands between them.
  const now = Atomics.load(words, COMMAND)
  if (now === seen || now % 2 !== 0) continue
  seen = now
  command = Atomics.load(words, COMMAND + 1) as Command
  if (command === Command.WRITE_LINES) writeLines(words, ring)
  else if (command === Command.TAKE_TURNS) takeTurns(words)
  Atomics.store(words, ANSWER, seen)
}
